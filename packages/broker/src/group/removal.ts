import type { ErrorCode } from '../errors/errors.ts'
import { assert } from '../errors/errors.ts'
import { writeFailure } from './context.ts'
import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import type { GroupRecord } from './group-log.ts'
import type { TopicPartition } from './offset-table.ts'
import type { Shard } from './shard.ts'

/**
 * Writes tombstones for offsets, in batches; returns the first error. Each offset is gone when its tombstone is
 * durable. A commit that arrives meanwhile goes to the log behind the tombstone and stays.
 */
export async function removeOffsets(
  context: GroupContext,
  shard: Shard,
  group: Group,
  partitions: readonly TopicPartition[],
): Promise<ErrorCode | null> {
  const countMax = context.config.tombstoneBatchRecordsMax
  const batches: Promise<ErrorCode | null>[] = []
  for (let start = 0; start < partitions.length; start += countMax) {
    batches.push(removeBatch(context, shard, group, partitions.slice(start, start + countMax)))
  }
  const errors = await Promise.all(batches)
  return errors.find((error) => error !== null) ?? null
}

/** Deletes an empty group with all it has. While that is under way the group is Dead; if it fails, Empty as before. */
export async function removeGroup(context: GroupContext, shard: Shard, group: Group): Promise<ErrorCode | null> {
  assert(group.state === 'Empty' && group.size === 0, 'only an empty group can be deleted')
  const { stateTimestampMs } = group
  group.enter('Dead', context.clock.nowMs())
  group.pendingMembers.clear()
  group.alarm.cancel()
  const offsets = removeOffsets(context, shard, group, group.offsets.partitions())
  // Behind the offsets: whoever finds the group gone in the log finds its offsets gone too.
  const ended =
    group.generation > 0 ? context.append(shard.partition, [context.records.groupTombstone(group.id)]) : null
  const [offsetError, endError] = await Promise.all([offsets, ended])
  const error = offsetError ?? (endError === null ? null : writeFailure(endError))
  if (error === null) {
    shard.groups.delete(group.id)
    context.logger.info('group deleted', { groupId: group.id })
  } else {
    group.enter('Empty', stateTimestampMs)
  }
  return error
}

async function removeBatch(
  context: GroupContext,
  shard: Shard,
  group: Group,
  partitions: readonly TopicPartition[],
): Promise<ErrorCode | null> {
  const sequences = partitions.map(({ topic, partition }) => group.offsets.begin(topic, partition))
  const records = partitions.map((partition): GroupRecord => context.records.offset(group.id, partition, null))
  const error = await context.append(shard.partition, records)
  for (const [index, { topic, partition }] of partitions.entries()) {
    if (error === null) group.offsets.complete(topic, partition, sequences[index]!, null)
    else group.offsets.fail(topic, partition)
  }
  if (error === null) return null
  context.logger.warn('offset tombstones not stored', { groupId: group.id, error })
  return writeFailure(error)
}
