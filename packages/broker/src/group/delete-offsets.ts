import type { ErrorCode } from '../errors/errors.ts'
import { refusedPartitions } from './answers.ts'
import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import type { DeleteOffsetsAnswer, DeleteOffsetsRequest } from './messages.ts'
import type { TopicPartition } from './offset-table.ts'
import { removeOffsets } from './removal.ts'
import type { Shard } from './shard.ts'
import { consumerProtocolType, groupTopics } from './subscription.ts'

/** Forgets committed offsets, except for topics that members of the group subscribe to. */
export async function deleteOffsets(
  context: GroupContext,
  shard: Shard,
  group: Group,
  request: DeleteOffsetsRequest,
): Promise<DeleteOffsetsAnswer> {
  if (group.state === 'Dead') return refusedPartitions('group-not-found', request.topics)
  const empty = group.state === 'Empty'
  // What members of other protocols are interested in cannot be told from their metadata.
  if (!empty && group.protocolType !== consumerProtocolType) return refusedPartitions('group-not-empty', request.topics)
  const subscribed = empty ? new Set<string>() : groupTopics(group)
  const doomed: TopicPartition[] = []
  const answer: DeleteOffsetsAnswer = { error: null, topics: [] }
  for (const { topic, partitions } of request.topics) {
    const error: ErrorCode | null = subscribed === null || subscribed.has(topic) ? 'group-subscribed' : null
    answer.topics.push({ topic, partitions: partitions.map((partition) => ({ partition, error })) })
    if (error !== null) continue
    for (const partition of partitions) {
      if (group.offsets.has(topic, partition)) doomed.push({ topic, partition })
    }
  }
  const error = await removeOffsets(context, shard, group, doomed)
  if (error === null) {
    shard.dropIfTransient(group)
    return answer
  }
  return refusedPartitions(error, request.topics)
}
