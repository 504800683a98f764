import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct } from '../schema/schema.ts'

/** Stores a group's positions as part of a transaction. */
export const TxnOffsetCommitRequest = message(
  'TxnOffsetCommitRequest',
  { apiKey: 28, versions: [0, 5], flexible: 3 },
  {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    /** -1, with an empty member id, from producers that do not state membership. */
    generationId: int32.since(3).default(-1),
    memberId: string.since(3),
    groupInstanceId: string.since(3).nullable().default(null),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            /** Epoch of the last consumed record, -1 if unknown. */
            committedLeaderEpoch: int32.since(2).default(-1).ignorable(),
            committedMetadata: string.nullable(),
          }),
        ),
      }),
    ),
  },
)
export type TxnOffsetCommitRequest = Infer<typeof TxnOffsetCommitRequest>

/** One error code per partition. */
export const TxnOffsetCommitResponse = message(
  'TxnOffsetCommitResponse',
  { apiKey: 28, versions: [0, 5], flexible: 3 },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
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
export type TxnOffsetCommitResponse = Infer<typeof TxnOffsetCommitResponse>
