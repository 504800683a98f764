import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** Deletes topics, by name or, from version 6 on, by id. */
export const DeleteTopicsRequest = message(
  'DeleteTopicsRequest',
  { apiKey: 20, versions: [1, 6], flexible: 4 },
  {
    topics: array(
      struct({
        /** Null when named by id. */
        name: string.nullable().default(null),
        topicId: uuid,
      }),
    ).since(6),
    topicNames: array(string).until(5).ignorable(),
    timeoutMs: int32,
  },
)
export type DeleteTopicsRequest = Infer<typeof DeleteTopicsRequest>

/** One result per topic. */
export const DeleteTopicsResponse = message(
  'DeleteTopicsResponse',
  { apiKey: 20, versions: [1, 6], flexible: 4 },
  {
    throttleTimeMs: int32.ignorable(),
    responses: array(
      struct({
        name: string.nullable(6),
        topicId: uuid.since(6).ignorable(),
        errorCode: int16,
        errorMessage: string.since(5).nullable().default(null).ignorable(),
      }),
    ),
  },
)
export type DeleteTopicsResponse = Infer<typeof DeleteTopicsResponse>
