import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct } from '../schema/schema.ts'

/** Raises the log start of partitions. */
export const DeleteRecordsRequest = message(
  'DeleteRecordsRequest',
  { apiKey: 21, versions: [0, 2], flexible: 2 },
  {
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            /** Records below are deleted; -1 stands for the high watermark. */
            offset: int64,
          }),
        ),
      }),
    ),
    timeoutMs: int32,
  },
)
export type DeleteRecordsRequest = Infer<typeof DeleteRecordsRequest>

/** The new log start of each partition. */
export const DeleteRecordsResponse = message(
  'DeleteRecordsResponse',
  { apiKey: 21, versions: [0, 2], flexible: 2 },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            lowWatermark: int64,
            errorCode: int16,
          }),
        ),
      }),
    ),
  },
)
export type DeleteRecordsResponse = Infer<typeof DeleteRecordsResponse>
