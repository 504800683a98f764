import { apis } from '@polylog/wire'
import type { KnownTopic } from './catalogue.ts'
import type { Session } from './session.ts'

export const earliest = -2
export const latest = -1

/** The first or the next offset of a log; undefined if the broker does not say. @throws NoAnswer */
export async function askOffset(
  session: Session,
  topic: KnownTopic,
  partition: number,
  timestamp: number,
): Promise<number | undefined> {
  const connection = await session.leader(topic.id, partition)
  const topics = [{ name: topic.name, partitions: [{ partitionIndex: partition, timestamp }] }]
  const answer = await connection.exchange(apis[2], 7, { replicaId: -1, isolationLevel: 0, topics }, 5000)
  const { errorCode, offset } = answer.topics[0]!.partitions[0]!
  if (errorCode !== 0) session.forgetLeaders()
  return errorCode === 0 ? offset : undefined
}
