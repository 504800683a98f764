import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int64, message, string, struct, uuid } from '../schema/schema.ts'

/** Reads a group's positions; several groups at once from version 8 on, topics by id in version 10. */
export const OffsetFetchRequest = message(
  'OffsetFetchRequest',
  { apiKey: 9, versions: [1, 10], flexible: 6 },
  {
    groupId: string.until(7),
    /** Null asks for every topic that has positions. */
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32),
      }),
    )
      .until(7)
      .nullable(2),
    groups: array(
      struct({
        groupId: string,
        memberId: string.since(9).nullable().default(null).ignorable(),
        /** Checked against KIP-848 groups; -1 for none. */
        memberEpoch: int32.since(9).default(-1).ignorable(),
        /** Null asks for every topic that has positions. */
        topics: array(
          struct({
            name: string.until(9).ignorable(),
            topicId: uuid.since(10).ignorable(),
            partitionIndexes: array(int32),
          }),
        ).nullable(),
      }),
    ).since(8),
    /** Refuse with UNSTABLE_OFFSET_COMMIT while a transaction still holds positions (KIP-447). */
    requireStable: bool.since(7),
  },
)
export type OffsetFetchRequest = Infer<typeof OffsetFetchRequest>

/** Committed positions; offset -1 where none is stored. */
export const OffsetFetchResponse = message(
  'OffsetFetchResponse',
  { apiKey: 9, versions: [1, 10], flexible: 6 },
  {
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.since(5).default(-1).ignorable(),
            metadata: string.nullable(),
            errorCode: int16,
          }),
        ),
      }),
    ).until(7),
    errorCode: int16.since(2).until(7).ignorable(),
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            name: string.until(9).ignorable(),
            topicId: uuid.since(10).ignorable(),
            partitions: array(
              struct({
                partitionIndex: int32,
                committedOffset: int64,
                committedLeaderEpoch: int32.default(-1).ignorable(),
                metadata: string.nullable(),
                errorCode: int16,
              }),
            ),
          }),
        ),
        errorCode: int16,
      }),
    ).since(8),
  },
)
export type OffsetFetchResponse = Infer<typeof OffsetFetchResponse>
