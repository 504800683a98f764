import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct, uuid } from '../schema/schema.ts'

/** Begins the stored progress of share partitions anew; between brokers (KIP-932). */
export const InitializeShareGroupStateRequest = message(
  'InitializeShareGroupStateRequest',
  { apiKey: 83, versions: [0, 0], flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            stateEpoch: int32,
            /** -1: to be decided by whoever reads it first. */
            startOffset: int64,
          }),
        ),
      }),
    ),
  },
)
export type InitializeShareGroupStateRequest = Infer<typeof InitializeShareGroupStateRequest>

/** One result per partition. */
export const InitializeShareGroupStateResponse = message(
  'InitializeShareGroupStateResponse',
  { apiKey: 83, versions: [0, 0], flexible: 0 },
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
export type InitializeShareGroupStateResponse = Infer<typeof InitializeShareGroupStateResponse>
