import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import type { CommittedOffset, TopicPartition } from './offset-table.ts'
import { removeGroup, removeOffsets } from './removal.ts'
import type { Shard } from './shard.ts'
import { groupTopics } from './subscription.ts'

/**
 * Removes what has outlived its retention (KIP-211): offsets of groups that have been empty for so long, offsets of
 * topics that a stable group does not subscribe to any more, and empty groups without offsets.
 */
export async function expireOffsets(context: GroupContext, shard: Shard): Promise<void> {
  const removals: Promise<unknown>[] = []
  for (const group of shard.groups.values()) {
    const expired = expiredOffsets(context, group)
    const nothingLeft = group.offsets.size === expired.length
    if (group.state === 'Empty' && nothingLeft && group.pendingMembers.size === 0) {
      removals.push(removeGroup(context, shard, group))
    } else if (expired.length > 0) {
      removals.push(removeOffsets(context, shard, group, expired))
    }
    if (expired.length > 0) {
      context.logger.info('committed offsets expired', { groupId: group.id, count: expired.length })
    }
  }
  await Promise.all(removals)
}

function expiredOffsets({ clock, config }: GroupContext, group: Group): TopicPartition[] {
  const latestMs = clock.nowMs() - config.offsetsRetentionMs
  const isExpired = expiryRule(group, latestMs, clock.nowMs())
  if (isExpired === null) return []
  const expired: TopicPartition[] = []
  for (const { topic, partition, value, writing } of group.offsets.committed()) {
    if (!writing && isExpired(topic, value)) expired.push({ topic, partition })
  }
  return expired
}

type Rule = (topic: string, value: CommittedOffset) => boolean

/** @param latestMs wall-clock time at or before which something must have happened to be past its retention. */
function expiryRule(group: Group, latestMs: number, nowMs: number): Rule | null {
  if (group.state === 'Empty') {
    // Without a known time of becoming empty, or with commits after it (a reset by a tool), the commit counts.
    return (_topic, { commitTimestampMs, expireTimestampMs }) =>
      expireTimestampMs >= 0
        ? expireTimestampMs <= nowMs && group.stateTimestampMs <= latestMs
        : Math.max(group.stateTimestampMs, commitTimestampMs) <= latestMs
  }
  if (group.state !== 'Stable') return null
  const subscribed = groupTopics(group)
  if (subscribed === null) return null
  return (topic, { commitTimestampMs }) => !subscribed.has(topic) && commitTimestampMs <= latestMs
}
