import { BrokerError } from './errors/errors.ts'
import type { Topics } from './topic/topics.ts'

/** What an internal topic, compacted by nature, may be like. */
export interface InternalTopicSpec {
  readonly name: string
  readonly partitionCount: number
  readonly segmentBytes: number
}

/** Makes a topic of the broker's own unless it exists; whoever comes first does it. @throws BrokerError as `Topics.create` */
export async function ensureInternalTopic(
  topics: Pick<Topics, 'find' | 'create'>,
  { name, partitionCount, segmentBytes }: InternalTopicSpec,
): Promise<void> {
  if (topics.find(name)) return
  const configs = new Map([
    ['cleanup.policy', 'compact'],
    ['segment.bytes', String(segmentBytes)],
  ])
  try {
    await topics.create({ name, partitionCount, replicationFactor: -1, configs })
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'topic-exists') throw error
  }
}
