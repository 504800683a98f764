import type { ErrorCode } from '../errors/errors.ts'
import { refusedPartitions } from './answers.ts'
import { writeFailure } from './context.ts'
import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import type { GroupRecord } from './group-log.ts'
import { memberFault } from './member-check.ts'
import type { CommitAnswer, CommitRequest, OffsetToCommit } from './messages.ts'
import type { CommittedOffset, TopicPartition } from './offset-table.ts'
import { touch } from './rebalance.ts'
import type { Shard } from './shard.ts'
import { storedStringBytesMax } from './stored-records.ts'

interface Write extends TopicPartition {
  value: CommittedOffset
  sequence: number
  /** Where the outcome goes. */
  answer: { error: ErrorCode | null }
}

/**
 * Commits offsets: answered, and visible to others, when the log has them. If it takes too long the client is told to try
 * again; they take effect all the same once the log has them.
 */
export async function commitOffsets(
  context: GroupContext,
  shard: Shard,
  group: Group,
  request: CommitRequest,
): Promise<CommitAnswer> {
  const fault = commitFault(group, request)
  if (fault !== null) return refusedPartitions(fault, request.topics)
  const member = group.member(request.memberId)
  if (member !== undefined) touch(context, group, member)
  const answer: CommitAnswer = { error: null, topics: [] }
  const writes = announce(context, group, request, answer)
  if (writes.length === 0) return answer
  const records = writes.map((write): GroupRecord => context.records.offset(group.id, write, write.value))
  const writing = context.append(shard.partition, records).then((error) => {
    for (const { topic, partition, sequence, value } of writes) {
      if (error === null) group.offsets.complete(topic, partition, sequence, value)
      else group.offsets.fail(topic, partition)
    }
    return error
  })
  const error = await context.inTime(writing)
  if (error === null) return answer
  context.logger.warn('offsets not stored', { groupId: group.id, error })
  for (const { answer: partitionAnswer } of writes) partitionAnswer.error = writeFailure(error)
  return answer
}

/** Only members of the present generation may commit, or anybody while there are no members. */
function commitFault(group: Group, request: CommitRequest): ErrorCode | null {
  const { memberId, instanceId, generation } = request
  if (group.state === 'Dead') return 'coordinator-not-available'
  if (generation < 0 && group.state === 'Empty') return null
  if (generation < 0 && memberId === '' && instanceId === null) return 'unknown-member'
  const error = memberFault(group, memberId, instanceId)
  if (error !== null) return error
  if (generation !== group.generation) return 'illegal-generation'
  // The member has the new generation from its join, yet not its assignment: what it read belongs to the one before.
  return group.state === 'CompletingRebalance' ? 'rebalance-in-progress' : null
}

/** Fills in the answer, with the faults of single partitions, and announces the writes of the others. */
function announce(context: GroupContext, group: Group, request: CommitRequest, answer: CommitAnswer): Write[] {
  const writes: Write[] = []
  const commitTimestampMs = context.clock.nowMs()
  for (const { topic, partitions } of request.topics) {
    const known = context.topics.find(topic)?.partitions
    const partitionAnswers: CommitAnswer['topics'][number]['partitions'] = []
    answer.topics.push({ topic, partitions: partitionAnswers })
    for (const given of partitions) {
      const { partition } = given
      const error = known?.[partition] !== undefined ? offsetFault(context, group, topic, given) : 'unknown-topic'
      const partitionAnswer = { partition, error }
      partitionAnswers.push(partitionAnswer)
      if (error !== null) continue
      const { offset, leaderEpoch } = given
      const value = { offset, leaderEpoch, metadata: given.metadata ?? '', commitTimestampMs, expireTimestampMs: -1 }
      writes.push({ topic, partition, value, sequence: group.offsets.begin(topic, partition), answer: partitionAnswer })
    }
  }
  return writes
}

function offsetFault(
  { config }: GroupContext,
  group: Group,
  topic: string,
  { partition, metadata }: OffsetToCommit,
): ErrorCode | null {
  const sizeMax = Math.min(config.offsetMetadataBytesMax, storedStringBytesMax)
  if (metadata !== null && Buffer.byteLength(metadata) > sizeMax) return 'offset-metadata-too-large'
  const isNew = !group.offsets.has(topic, partition)
  return isNew && group.offsets.size >= config.groupOffsetsMax ? 'limit-exceeded' : null
}
