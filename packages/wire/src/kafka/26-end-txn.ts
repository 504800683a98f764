import type { Infer } from '../schema/schema.ts'
import { bool, int16, int32, int64, message, string } from '../schema/schema.ts'

/** Commits or aborts a transaction. */
export const EndTxnRequest = message(
  'EndTxnRequest',
  { apiKey: 26, versions: [0, 5], flexible: 3 },
  {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    /** True for commit, false for abort. */
    committed: bool,
  },
)
export type EndTxnRequest = Infer<typeof EndTxnRequest>

/** From version 5 on (transactions v2, KIP-890) carries the producer id and epoch for the next transaction. */
export const EndTxnResponse = message(
  'EndTxnResponse',
  { apiKey: 26, versions: [0, 5], flexible: 3 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.since(5).default(-1).ignorable(),
    producerEpoch: int16.since(5).default(-1).ignorable(),
  },
)
export type EndTxnResponse = Infer<typeof EndTxnResponse>
