import type { Infer } from '../../schema/schema.ts'
import { array, int32, int64, message, string, struct, uuid } from '../../schema/schema.ts'

/** Key of a share group's member in `__consumer_offsets` (KIP-932). */
export const ShareGroupMemberMetadataKey = message(
  'ShareGroupMemberMetadataKey',
  { apiKey: 10, versions: [0, 0] },
  {
    groupId: string,
    memberId: string,
  },
)
export type ShareGroupMemberMetadataKey = Infer<typeof ShareGroupMemberMetadataKey>

/** What a member of a share group says of itself. */
export const ShareGroupMemberMetadataValue = message(
  'ShareGroupMemberMetadataValue',
  { apiKey: 10, versions: [0, 0], flexible: 0 },
  {
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
  },
)
export type ShareGroupMemberMetadataValue = Infer<typeof ShareGroupMemberMetadataValue>

/** Key of a share group in `__consumer_offsets`. */
export const ShareGroupMetadataKey = message(
  'ShareGroupMetadataKey',
  { apiKey: 11, versions: [0, 0] },
  {
    groupId: string,
  },
)
export type ShareGroupMetadataKey = Infer<typeof ShareGroupMetadataKey>

/** A share group. */
export const ShareGroupMetadataValue = message(
  'ShareGroupMetadataValue',
  { apiKey: 11, versions: [0, 0], flexible: 0 },
  {
    epoch: int32,
    /** Of the topics that the group subscribes to. */
    metadataHash: int64,
  },
)
export type ShareGroupMetadataValue = Infer<typeof ShareGroupMetadataValue>

/** Key of what a share group has read so far. */
export const ShareGroupStatePartitionMetadataKey = message(
  'ShareGroupStatePartitionMetadataKey',
  { apiKey: 15, versions: [0, 0] },
  {
    groupId: string,
  },
)
export type ShareGroupStatePartitionMetadataKey = Infer<typeof ShareGroupStatePartitionMetadataKey>

const topicPartitions = struct({
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
})

/** The partitions for which there is, or may be, state of a share group. */
export const ShareGroupStatePartitionMetadataValue = message(
  'ShareGroupStatePartitionMetadataValue',
  { apiKey: 15, versions: [0, 0], flexible: 0 },
  {
    initializingTopics: array(topicPartitions),
    initializedTopics: array(topicPartitions),
    deletingTopics: array(
      struct({
        topicId: uuid,
        topicName: string,
      }),
    ),
  },
)
export type ShareGroupStatePartitionMetadataValue = Infer<typeof ShareGroupStatePartitionMetadataValue>
