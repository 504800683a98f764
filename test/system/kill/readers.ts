import { Cluster, Fetcher, committedOffsets, listOffsets } from '@polylog/client'
import kafkajs from 'kafkajs'
import type { Read } from './history.ts'

const { Kafka, logLevel } = kafkajs

/** A member of a group that reads until it is stopped, through every kill. */
export interface GroupReader extends AsyncDisposable {
  readonly read: readonly Read[]
  /** Highest offset of each partition whose commit the broker has acknowledged. */
  readonly committed: ReadonlyMap<number, number>
  stop(): Promise<void>
}

/** kafkajs in a group; it commits several times a second and finds its way back by itself after a kill. */
export async function readInGroup(address: string, groupId: string, topic: string): Promise<GroupReader> {
  const retry = { initialRetryTime: 30, maxRetryTime: 300, retries: 1000 }
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, connectionTimeout: 2000, retry })
  const times = { sessionTimeout: 10_000, heartbeatInterval: 200, maxWaitTimeInMs: 100 }
  const consumer = kafka.consumer({ groupId, retry, ...times })
  const read: Read[] = []
  const committed = new Map<number, number>()
  consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
    for (const { partition, offset } of payload.topics.flatMap(({ partitions }) => partitions)) {
      // Its types say number, but it is text.
      const index = Number(partition)
      committed.set(index, Math.max(Number(offset), committed.get(index) ?? 0))
    }
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommitInterval: 50,
    eachBatch: async ({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary }) => {
      for (const { key, value, offset } of batch.messages) {
        read.push({ key: String(key), value: String(value), partition: batch.partition, offset: Number(offset) })
        resolveOffset(offset)
      }
      await commitOffsetsIfNecessary()
      await heartbeat()
    },
  })
  const stop = (): Promise<void> => consumer.disconnect()
  return { read, committed, stop, [Symbol.asyncDispose]: stop }
}

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
