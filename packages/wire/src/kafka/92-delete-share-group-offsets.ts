import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** Makes a share group without members forget topics (KIP-932). */
export const DeleteShareGroupOffsetsRequest = message(
  'DeleteShareGroupOffsetsRequest',
  { apiKey: 92, versions: [0, 0], flexible: 0 },
  {
    groupId: string,
    topics: array(struct({ topicName: string })),
  },
)
export type DeleteShareGroupOffsetsRequest = Infer<typeof DeleteShareGroupOffsetsRequest>

/** One result per topic. */
export const DeleteShareGroupOffsetsResponse = message(
  'DeleteShareGroupOffsetsResponse',
  { apiKey: 92, versions: [0, 0], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
      }),
    ),
  },
)
export type DeleteShareGroupOffsetsResponse = Infer<typeof DeleteShareGroupOffsetsResponse>
