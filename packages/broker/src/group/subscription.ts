import { ConsumerProtocolSubscription, decode, Reader, WireError } from '@polylog/wire'
import type { Group } from './group.ts'
import type { Member } from './member.ts'

/** Protocol type whose metadata this broker can read. */
export const consumerProtocolType = 'consumer'

/**
 * Topics that a consumer subscribes to, or null if the bytes are no subscription. Whatever version they claim, they are
 * read as version 0: later versions only add fields behind the topics, and some clients (@platformatic/kafka) claim
 * version 1 without writing what it adds. Kafka reads them in the same way.
 */
export function subscribedTopics(metadata: Uint8Array): readonly string[] | null {
  try {
    const reader = new Reader(metadata)
    const version = reader.int16()
    if (version < 0) return null
    return decode(ConsumerProtocolSubscription, 0, reader).topics
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}

/** Topics that any member subscribes to; null if that cannot be told, and then every topic counts as subscribed. */
export function groupTopics(group: Group): ReadonlySet<string> | null {
  if (group.protocolType !== consumerProtocolType) return null
  const topics = new Set<string>()
  for (const member of group.members()) {
    // Between rebalances a member may have come with protocols that are not the chosen one: all of them count.
    for (const { metadata } of member.traits.protocols) {
      const subscribed = subscribedTopics(metadata)
      if (subscribed === null) return null
      for (const topic of subscribed) topics.add(topic)
    }
  }
  return topics
}

/**
 * Whether a static member that comes back asks for the same as before. A restarted consumer no longer claims the
 * partitions that it owned, so of subscriptions only the topics are compared; other metadata byte for byte.
 */
export function asksForSame(group: Group, before: Uint8Array, after: Member): boolean {
  const metadata = after.metadataFor(group.protocolName)
  if (Buffer.compare(before, metadata) === 0) return true
  if (group.protocolType !== consumerProtocolType) return false
  const topicsBefore = subscribedTopics(before)
  const topicsAfter = subscribedTopics(metadata)
  if (topicsBefore === null || topicsAfter === null) return false
  const wanted = new Set(topicsBefore)
  return wanted.size === new Set(topicsAfter).size && topicsAfter.every((topic) => wanted.has(topic))
}
