import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct, uuid } from '../schema/schema.ts'

/** Sets where a share group without members goes on (KIP-932). */
export const AlterShareGroupOffsetsRequest = message(
  'AlterShareGroupOffsetsRequest',
  { apiKey: 91, versions: [0, 0], flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            startOffset: int64,
          }),
        ),
      }),
    ),
  },
)
export type AlterShareGroupOffsetsRequest = Infer<typeof AlterShareGroupOffsetsRequest>

/** One result per partition. */
export const AlterShareGroupOffsetsResponse = message(
  'AlterShareGroupOffsetsResponse',
  { apiKey: 91, versions: [0, 0], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
          }),
        ),
      }),
    ),
  },
)
export type AlterShareGroupOffsetsResponse = Infer<typeof AlterShareGroupOffsetsResponse>
