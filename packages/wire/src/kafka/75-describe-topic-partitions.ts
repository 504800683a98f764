import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** Describes topics page by page (KIP-966). */
export const DescribeTopicPartitionsRequest = message(
  'DescribeTopicPartitionsRequest',
  { apiKey: 75, versions: [0, 0], flexible: 0 },
  {
    /** Empty asks for all. */
    topics: array(
      struct({
        name: string,
      }),
    ),
    responsePartitionLimit: int32.default(2000),
    /** Where the page starts: the `nextCursor` of the page before. */
    cursor: struct({
      topicName: string,
      partitionIndex: int32,
    })
      .nullable()
      .default(null),
  },
)
export type DescribeTopicPartitionsRequest = Infer<typeof DescribeTopicPartitionsRequest>

/** One page of partitions, with eligible leader replicas. */
export const DescribeTopicPartitionsResponse = message(
  'DescribeTopicPartitionsResponse',
  { apiKey: 75, versions: [0, 0], flexible: 0 },
  {
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        errorCode: int16,
        name: string.nullable(),
        topicId: uuid.ignorable(),
        isInternal: bool.ignorable(),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.default(-1).ignorable(),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            /** Out of the in-sync set, yet known to hold everything committed (KIP-966). */
            eligibleLeaderReplicas: array(int32).nullable().default(null),
            /** Eligible leaders before the last unclean stop. */
            lastKnownElr: array(int32).nullable().default(null),
            offlineReplicas: array(int32).ignorable(),
          }),
        ),
        /** Bit set of the operations the caller may perform; the minimum int32 when it did not ask. */
        topicAuthorizedOperations: int32.default(-(2 ** 31)),
      }),
    ),
    /** Null on the last page. */
    nextCursor: struct({
      topicName: string,
      partitionIndex: int32,
    })
      .nullable()
      .default(null),
  },
)
export type DescribeTopicPartitionsResponse = Infer<typeof DescribeTopicPartitionsResponse>
