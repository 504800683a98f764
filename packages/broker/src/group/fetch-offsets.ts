import type { Group } from './group.ts'
import type { FetchedOffset, FetchOffsetsAnswer, FetchOffsetsRequest } from './messages.ts'

/** What the group has committed durably. A group that does not exist has committed nothing, which is no error. */
export function fetchOffsets(group: Group | undefined, { topics }: FetchOffsetsRequest): FetchOffsetsAnswer {
  const offsets = group?.offsets
  if (topics !== null) {
    return {
      error: null,
      topics: topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map((partition) => {
          const value = offsets?.find(topic, partition)
          if (value === undefined || value === null) return { partition, offset: -1, leaderEpoch: -1, metadata: '' }
          return { partition, offset: value.offset, leaderEpoch: value.leaderEpoch, metadata: value.metadata }
        }),
      })),
    }
  }
  const byTopic = new Map<string, FetchedOffset[]>()
  for (const { topic, partition, value } of offsets?.committed() ?? []) {
    const { offset, leaderEpoch, metadata } = value
    const fetched = { partition, offset, leaderEpoch, metadata }
    const partitions = byTopic.get(topic)
    if (partitions === undefined) byTopic.set(topic, [fetched])
    else partitions.push(fetched)
  }
  return { error: null, topics: Array.from(byTopic, ([topic, partitions]) => ({ topic, partitions })) }
}
