import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct, uuid } from '../schema/schema.ts'
import { stateBatch } from './share-state-batch.ts'

/** Asks for the stored progress of share partitions, for the leader of their partitions; between brokers. */
export const ReadShareGroupStateRequest = message(
  'ReadShareGroupStateRequest',
  { apiKey: 84, versions: [0, 0], flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            /** From now on older ones are refused. */
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  },
)
export type ReadShareGroupStateRequest = Infer<typeof ReadShareGroupStateRequest>

/** What is stored of each. */
export const ReadShareGroupStateResponse = message(
  'ReadShareGroupStateResponse',
  { apiKey: 84, versions: [0, 0], flexible: 0 },
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
            /** -1: not decided yet. */
            startOffset: int64,
            stateBatches: array(stateBatch),
          }),
        ),
      }),
    ),
  },
)
export type ReadShareGroupStateResponse = Infer<typeof ReadShareGroupStateResponse>
