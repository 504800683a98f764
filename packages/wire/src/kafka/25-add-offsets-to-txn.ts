import type { Infer } from '../schema/schema.ts'
import { int16, int32, int64, message, string } from '../schema/schema.ts'

/** Announces that a transaction will commit offsets of a group. */
export const AddOffsetsToTxnRequest = message(
  'AddOffsetsToTxnRequest',
  { apiKey: 25, versions: [0, 4], flexible: 3 },
  {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string,
  },
)
export type AddOffsetsToTxnRequest = Infer<typeof AddOffsetsToTxnRequest>

/** Whether the group's offsets are now part of the transaction. */
export const AddOffsetsToTxnResponse = message(
  'AddOffsetsToTxnResponse',
  { apiKey: 25, versions: [0, 4], flexible: 3 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
  },
)
export type AddOffsetsToTxnResponse = Infer<typeof AddOffsetsToTxnResponse>
