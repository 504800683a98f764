import { apis } from '@polylog/wire'
import type { FetchResponse } from '@polylog/wire'
import type { KnownTopic } from './catalogue.ts'
import { askOffset, earliest, latest } from './offsets.ts'
import type { Session } from './session.ts'
import { NoAnswer } from './wire-connection.ts'

type PartitionAnswer = FetchResponse['responses'][number]['partitions'][number]

/**
 * Reads a log from its start to its end, again after any trouble.
 * @param patience errors after which it is given up, 100 ms apart
 * @param read reads from an offset on and says where to go on; undefined if it could not
 */
export async function readWhole(
  session: Session,
  topic: KnownTopic,
  partition: number,
  patience: number,
  read: (from: number) => Promise<number | undefined>,
): Promise<{ start: number; end: number; complete: boolean }> {
  const whole = { start: 0, end: 0, complete: false }
  let position = -1
  for (let failureCount = 0; failureCount < patience && !whole.complete; ) {
    try {
      if (position === -1) {
        whole.start = (await askOffset(session, topic, partition, earliest)) ?? -1
        whole.end = (await askOffset(session, topic, partition, latest)) ?? -1
        if (whole.start >= 0 && whole.end >= 0) position = whole.start
      }
      const next = position === -1 ? undefined : await read(position)
      if (next === undefined || (next === position && next < whole.end)) {
        failureCount += 1
        if (position === whole.start) position = -1
        await session.sleep(100)
      } else position = next
      whole.complete = position >= 0 && position >= whole.end
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      failureCount += 1
      await session.sleep(100)
    }
  }
  return whole
}

/** What there is of a log from an offset on, without waiting; undefined after an error. @throws NoAnswer */
export async function fetchOnce(
  session: Session,
  topic: KnownTopic,
  partition: number,
  from: number,
): Promise<PartitionAnswer | undefined> {
  const connection = await session.leader(topic.id, partition)
  const partitions = [{ partition, fetchOffset: from, partitionMaxBytes: 256 * 1024 }]
  const topics = [{ topicId: topic.id, partitions }]
  const terms = { maxWaitMs: 0, minBytes: 0, isolationLevel: 0, sessionId: 0, forgottenTopicsData: [], rackId: '' }
  const answer = await connection.exchange(apis[1], 13, { ...terms, topics }, 5000)
  const found = answer.responses[0]?.partitions[0]
  if (found?.errorCode === 0) return found
  session.forgetLeaders()
  return undefined
}
