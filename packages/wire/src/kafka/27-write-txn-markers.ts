import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int64, int8, message, string, struct } from '../schema/schema.ts'

/** Coordinator to partition leaders: writes commit or abort markers. */
export const WriteTxnMarkersRequest = message(
  'WriteTxnMarkersRequest',
  { apiKey: 27, versions: [1, 2], flexible: 1 },
  {
    markers: array(
      struct({
        producerId: int64,
        producerEpoch: int16,
        /** True for commit, false for abort. */
        transactionResult: bool,
        topics: array(
          struct({
            name: string,
            partitionIndexes: array(int32),
          }),
        ),
        /** Leader epoch of the coordinator's partition, stored in the marker to fence older ones. */
        coordinatorEpoch: int32,
        /** From 2 on a marker must raise the producer epoch (KIP-1228). */
        transactionVersion: int8.since(2).ignorable(),
      }),
    ),
  },
)
export type WriteTxnMarkersRequest = Infer<typeof WriteTxnMarkersRequest>

/** One error code per partition and marker. */
export const WriteTxnMarkersResponse = message(
  'WriteTxnMarkersResponse',
  { apiKey: 27, versions: [1, 2], flexible: 1 },
  {
    markers: array(
      struct({
        producerId: int64,
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
      }),
    ),
  },
)
export type WriteTxnMarkersResponse = Infer<typeof WriteTxnMarkersResponse>
