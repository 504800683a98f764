import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct, uuid } from '../schema/schema.ts'
import { stateBatch } from './share-state-batch.ts'

/** Stores what has changed of the progress of share partitions; between brokers. */
export const WriteShareGroupStateRequest = message(
  'WriteShareGroupStateRequest',
  { apiKey: 85, versions: [0, 1], flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            stateEpoch: int32,
            leaderEpoch: int32,
            /** -1: not changed. */
            startOffset: int64,
            /** Offsets from the start offset on whose delivery is over (KIP-1226); -1 if unknown. */
            deliveryCompleteCount: int32.since(1).default(-1).ignorable(),
            stateBatches: array(stateBatch),
          }),
        ),
      }),
    ),
  },
)
export type WriteShareGroupStateRequest = Infer<typeof WriteShareGroupStateRequest>

/** One result per partition. */
export const WriteShareGroupStateResponse = message(
  'WriteShareGroupStateResponse',
  { apiKey: 85, versions: [0, 1], flexible: 0 },
  {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
          }),
        ),
      }),
    ),
  },
)
export type WriteShareGroupStateResponse = Infer<typeof WriteShareGroupStateResponse>
