import { Cluster } from '@polylog/client/admin'
import { apis } from '@polylog/wire'
import { compressionNames } from '@polylog/wire/records'
import type { Compression } from '@polylog/wire/records'

/** Layout of a record batch, format 2: offset 8, length 4, leader epoch 4, magic 1, CRC 4, then the attributes. */
const lengthAt = 8
const attributesAt = 21
const codecBits = 0x07

/**
 * Which codecs the batches of a topic have, sorted, each once. Clients open batches for their users, so that only the
 * stored bytes tell whether a client really compressed, and the broker left the batch as it was.
 */
export async function storedCodecs(address: string, topic: string): Promise<Compression[]> {
  await using cluster = new Cluster({ brokers: address })
  const found = new Set<Compression>()
  for (const { index } of (await cluster.topic(topic)).partitions) {
    for (let fetchOffset = 0; ; ) {
      const batches = await fetchBatches(cluster, topic, index, fetchOffset)
      if (batches.length === 0) break
      for (let at = 0; at + attributesAt + 2 <= batches.length; ) {
        found.add(compressionNames[batches.readInt16BE(at + attributesAt) & codecBits]!)
        fetchOffset = Number(batches.readBigInt64BE(at)) + batches.readInt32BE(at + attributesAt + 2) + 1
        at += 12 + batches.readInt32BE(at + lengthAt)
      }
    }
  }
  return compressionNames.filter((codec) => found.has(codec))
}

async function fetchBatches(cluster: Cluster, topic: string, partition: number, fetchOffset: number): Promise<Buffer> {
  const answer = await cluster.broker(await cluster.leaderOf(topic, partition), apis[1], {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1 << 22 }] }],
  })
  const { errorCode, records } = answer.responses[0]!.partitions[0]!
  if (errorCode !== 0) throw new Error(`fetch of partition ${partition} from ${fetchOffset}: error ${errorCode}`)
  return records === null ? Buffer.alloc(0) : Buffer.from(records)
}
