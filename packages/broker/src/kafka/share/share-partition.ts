import type { ErrorCode } from '../../errors/errors.ts'
import { findPartition } from '../find-partition.ts'
import { mayTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'
import type { ShareEntry } from './share-sessions.ts'

/** Why the client cannot work with a partition here; undefined if it can. */
export function entryFault({ topicId, index }: ShareEntry, context: RequestContext): ErrorCode | undefined {
  const { topics } = context.services
  const topic = topics.findById(topicId)
  if (topic === undefined) return 'unknown-topic-id'
  if (!mayTopic(context, 'read', topic.name)) return 'topic-not-authorized'
  const found = findPartition(topics, topic.name, index)
  if (typeof found !== 'string') return undefined
  // Clients of share groups know one word for both.
  return found === 'leader-not-available' ? 'not-leader' : found
}
