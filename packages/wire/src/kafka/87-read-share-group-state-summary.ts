import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct, uuid } from '../schema/schema.ts'

/** Asks for the stored progress of share partitions without its details and without claiming them; between brokers. */
export const ReadShareGroupStateSummaryRequest = message(
  'ReadShareGroupStateSummaryRequest',
  { apiKey: 87, versions: [0, 1], flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  },
)
export type ReadShareGroupStateSummaryRequest = Infer<typeof ReadShareGroupStateSummaryRequest>

/** The outline of what is stored of each. */
export const ReadShareGroupStateSummaryResponse = message(
  'ReadShareGroupStateSummaryResponse',
  { apiKey: 87, versions: [0, 1], flexible: 0 },
  {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
            stateEpoch: int32,
            leaderEpoch: int32,
            startOffset: int64,
            /** Offsets from the start offset on whose delivery is over (KIP-1226); -1 if unknown. */
            deliveryCompleteCount: int32.since(1).default(-1).ignorable(),
          }),
        ),
      }),
    ),
  },
)
export type ReadShareGroupStateSummaryResponse = Infer<typeof ReadShareGroupStateSummaryResponse>
