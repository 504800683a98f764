import { apis } from '@polylog/wire'
import { nameOfError } from './session.ts'
import type { Session } from './session.ts'

export const requestTimeoutMs = 5000

interface NewTopic {
  name: string
  partitionCount: number
  configs: { name: string; value: string }[]
  /** Of a deleted topic of the same name. */
  formerId?: string | undefined
}

/** Makes a topic, however often that has to be asked for. @returns its id */
export async function createTopic(
  session: Session,
  { name, partitionCount, configs, formerId }: NewTopic,
): Promise<string> {
  const topics = [{ name, numPartitions: partitionCount, replicationFactor: -1, assignments: [], configs }]
  for (;;) {
    const answer = await session.insist(apis[19], 7, { topics, timeoutMs: requestTimeoutMs, validateOnly: false })
    const made = answer.topics[0]!
    const error = nameOfError(made.errorCode)
    if (error === 'INVALID_CONFIG' || error === 'INVALID_REQUEST')
      throw new Error(`cannot make ${name}: ${made.errorMessage}`)
    const id =
      error === 'NONE' ? made.topicId : error === 'TOPIC_ALREADY_EXISTS' ? await idOf(session, name) : undefined
    // A broker that lags behind may still speak of the one that was deleted.
    if (id !== undefined && id !== formerId) return id
    await session.sleep(100)
  }
}

/** An earlier try whose answer was lost has made it. */
async function idOf(session: Session, name: string): Promise<string | undefined> {
  const { topics } = await session.insist(apis[3], 12, { topics: [{ name }], allowAutoTopicCreation: false })
  return topics[0]!.errorCode === 0 ? topics[0]!.topicId : undefined
}
