import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct, uuid } from '../schema/schema.ts'

/** Asks how far share groups are in their partitions (KIP-932). */
export const DescribeShareGroupOffsetsRequest = message(
  'DescribeShareGroupOffsetsRequest',
  { apiKey: 90, versions: [0, 1], flexible: 0 },
  {
    groups: array(
      struct({
        groupId: string,
        /** Null for all that the group has read. */
        topics: array(
          struct({
            topicName: string,
            partitions: array(int32),
          }),
        ).nullable(),
      }),
    ),
  },
)
export type DescribeShareGroupOffsetsRequest = Infer<typeof DescribeShareGroupOffsetsRequest>

/** First offset that is not settled, per partition, and from version 1 on how many records are behind it (KIP-1226). */
export const DescribeShareGroupOffsetsResponse = message(
  'DescribeShareGroupOffsetsResponse',
  { apiKey: 90, versions: [0, 1], flexible: 0 },
  {
    throttleTimeMs: int32,
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            topicName: string,
            topicId: uuid,
            partitions: array(
              struct({
                partitionIndex: int32,
                /** -1 if the group has not begun with the partition. */
                startOffset: int64,
                leaderEpoch: int32,
                lag: int64.since(1).default(-1).ignorable(),
                errorCode: int16,
                errorMessage: string.nullable().default(null),
              }),
            ),
          }),
        ),
        errorCode: int16,
        errorMessage: string.nullable().default(null),
      }),
    ),
  },
)
export type DescribeShareGroupOffsetsResponse = Infer<typeof DescribeShareGroupOffsetsResponse>
