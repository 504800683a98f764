import type { Infer } from '../schema/schema.ts'
import { int16, int32, int64, message, string } from '../schema/schema.ts'

/**
 * Obtains a producer id and epoch, for idempotence or for a transactional id. Version 6, two-phase commit, is
 * unstable in Kafka 4.3 and not offered.
 */
export const InitProducerIdRequest = message(
  'InitProducerIdRequest',
  { apiKey: 22, versions: [0, 5], flexible: 2 },
  {
    /** Null for a producer that is only idempotent. */
    transactionalId: string.nullable(),
    /** Open transactions older than this are aborted by the coordinator. */
    transactionTimeoutMs: int32,
    /** The producer's current id, to raise its epoch (KIP-360); -1 for a new one. */
    producerId: int64.since(3).default(-1),
    producerEpoch: int16.since(3).default(-1),
  },
)
export type InitProducerIdRequest = Infer<typeof InitProducerIdRequest>

/** The producer id and epoch to stamp on batches. */
export const InitProducerIdResponse = message(
  'InitProducerIdResponse',
  { apiKey: 22, versions: [0, 5], flexible: 2 },
  {
    throttleTimeMs: int32.ignorable(),
    errorCode: int16,
    producerId: int64.default(-1),
    producerEpoch: int16,
  },
)
export type InitProducerIdResponse = Infer<typeof InitProducerIdResponse>
