import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Deletes a group's positions for topics it does not subscribe to (KIP-496). Never became flexible. */
export const OffsetDeleteRequest = message(
  'OffsetDeleteRequest',
  { apiKey: 47, versions: [0, 0] },
  {
    groupId: string,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
          }),
        ),
      }),
    ),
  },
)
export type OffsetDeleteRequest = Infer<typeof OffsetDeleteRequest>

/** One error code for the request and one per partition. */
export const OffsetDeleteResponse = message(
  'OffsetDeleteResponse',
  { apiKey: 47, versions: [0, 0] },
  {
    errorCode: int16,
    throttleTimeMs: int32.ignorable(),
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
  },
)
export type OffsetDeleteResponse = Infer<typeof OffsetDeleteResponse>
