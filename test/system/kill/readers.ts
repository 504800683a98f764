import { Cluster, Fetcher, committedOffsets, listOffsets } from '@polylog/client/admin'
import type { Read } from './history.ts'

/** Committed offset of each partition, asked of the broker. */
export async function committedOf(address: string, groupId: string): Promise<Map<number, number>> {
  await using cluster = new Cluster({ brokers: address })
  const offsets = await committedOffsets(cluster, groupId)
  return new Map(offsets.map(({ partition, offset }) => [partition, offset]))
}

/** Every record of the topic, each partition in order of offsets. */
export async function readAll(address: string, topic: string): Promise<Read[]> {
  await using cluster = new Cluster({ brokers: address })
  const indexes = (await cluster.topic(topic)).partitions.map(({ index }) => index)
  const ends = await listOffsets(cluster, topic, indexes, 'end')
  const fetcher = new Fetcher(cluster, { waitMs: 100 })
  for (const partition of indexes) fetcher.seek({ topic, partition }, 0)
  const read: Read[] = []
  while (fetcher.positions().some(({ partition, offset }) => offset < ends.get(partition)!)) {
    for (const { key, value, partition, offset } of await fetcher.poll()) {
      read.push({ key: textOf(key), value: textOf(value), partition, offset })
    }
  }
  return read
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes).toString()
}
