import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct } from '../schema/schema.ts'

/** Asks for the producer states that a partition keeps (KIP-664). */
export const DescribeProducersRequest = message(
  'DescribeProducersRequest',
  { apiKey: 61, versions: [0, 0], flexible: 0 },
  {
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32),
      }),
    ),
  },
)
export type DescribeProducersRequest = Infer<typeof DescribeProducersRequest>

/** Active producers per partition, to find hanging transactions. */
export const DescribeProducersResponse = message(
  'DescribeProducersResponse',
  { apiKey: 61, versions: [0, 0], flexible: 0 },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
            activeProducers: array(
              struct({
                producerId: int64,
                /** Sent as int32, although epochs are int16 everywhere else. */
                producerEpoch: int32,
                lastSequence: int32.default(-1),
                lastTimestamp: int64.default(-1),
                /** Epoch of the coordinator that wrote the producer's last marker, -1 if none did. */
                coordinatorEpoch: int32,
                /** -1 outside a transaction. */
                currentTxnStartOffset: int64.default(-1),
              }),
            ),
          }),
        ),
      }),
    ),
  },
)
export type DescribeProducersResponse = Infer<typeof DescribeProducersResponse>
