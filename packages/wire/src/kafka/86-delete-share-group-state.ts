import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** Forgets the stored progress of share partitions; between brokers. */
export const DeleteShareGroupStateRequest = message(
  'DeleteShareGroupStateRequest',
  { apiKey: 86, versions: [0, 0], flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
          }),
        ),
      }),
    ),
  },
)
export type DeleteShareGroupStateRequest = Infer<typeof DeleteShareGroupStateRequest>

/** One result per partition. */
export const DeleteShareGroupStateResponse = message(
  'DeleteShareGroupStateResponse',
  { apiKey: 86, versions: [0, 0], flexible: 0 },
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
export type DeleteShareGroupStateResponse = Infer<typeof DeleteShareGroupStateResponse>
