import { apis } from '@polylog/wire'
import { expectSuccess } from './client-error.ts'
import type { Cluster } from './cluster.ts'

/** Where to read from: the first record there is, after the last one, or the first at or after a time (ms since 1970). */
export type StartPoint = 'beginning' | 'end' | { timestampMs: number }

const latest = -1
const earliest = -2

/**
 * Offsets of a start point, by partition index. A time after the last record means the end.
 * @throws ClientError
 */
export async function listOffsets(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
  point: StartPoint,
): Promise<Map<number, number>> {
  const timestamp = point === 'beginning' ? earliest : point === 'end' ? latest : point.timestampMs
  const offsets = new Map<number, number>()
  const absent: number[] = []
  for (const [leader, indexes] of await byLeader(cluster, topic, partitions)) {
    const answer = await cluster.broker(leader, apis[2], {
      replicaId: -1,
      topics: [{ name: topic, partitions: indexes.map((partitionIndex) => ({ partitionIndex, timestamp })) }],
    })
    for (const { partitionIndex, errorCode, offset } of answer.topics[0]?.partitions ?? []) {
      if (errorCode !== 0) cluster.forget(topic)
      expectSuccess(errorCode, `cannot find an offset in partition ${partitionIndex} of "${topic}"`)
      if (offset >= 0) offsets.set(partitionIndex, offset)
      else absent.push(partitionIndex)
    }
  }
  if (absent.length > 0 && point !== 'end') {
    for (const [index, offset] of await listOffsets(cluster, topic, absent, 'end')) offsets.set(index, offset)
  }
  return offsets
}

async function byLeader(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
): Promise<Map<number, number[]>> {
  const groups = new Map<number, number[]>()
  for (const index of partitions) {
    const leader = await cluster.leaderOf(topic, index)
    groups.set(leader, [...(groups.get(leader) ?? []), index])
  }
  return groups
}
