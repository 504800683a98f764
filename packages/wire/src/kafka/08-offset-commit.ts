import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct, uuid } from '../schema/schema.ts'

/** Stores a group's positions. Version 9 also serves KIP-848 groups, 10 names topics by id. */
export const OffsetCommitRequest = message(
  'OffsetCommitRequest',
  { apiKey: 8, versions: [2, 10], flexible: 8 },
  {
    groupId: string,
    /** Generation of a classic group, member epoch of a KIP-848 group; -1 commits without membership. */
    generationIdOrMemberEpoch: int32.default(-1).ignorable(),
    memberId: string.ignorable(),
    groupInstanceId: string.since(7).nullable().default(null),
    /** -1 leaves the retention to the broker. */
    retentionTimeMs: int64.until(4).default(-1).ignorable(),
    topics: array(
      struct({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            /** Epoch of the last consumed record, -1 if unknown. */
            committedLeaderEpoch: int32.since(6).default(-1).ignorable(),
            /** Free text of the client, returned unchanged. */
            committedMetadata: string.nullable(),
          }),
        ),
      }),
    ),
  },
)
export type OffsetCommitRequest = Infer<typeof OffsetCommitRequest>

/** One error code per partition. */
export const OffsetCommitResponse = message(
  'OffsetCommitResponse',
  { apiKey: 8, versions: [2, 10], flexible: 8 },
  {
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array(
      struct({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
          }),
        ),
      }),
    ),
  },
)
export type OffsetCommitResponse = Infer<typeof OffsetCommitResponse>
