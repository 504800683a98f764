import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Raises the partition count of topics. */
export const CreatePartitionsRequest = message(
  'CreatePartitionsRequest',
  { apiKey: 37, versions: [0, 3], flexible: 2 },
  {
    topics: array(
      struct({
        name: string,
        /** The new total, not the increase. */
        count: int32,
        /** Replicas of the added partitions; null leaves the choice to the broker. */
        assignments: array(
          struct({
            brokerIds: array(int32),
          }),
        ).nullable(),
      }),
    ),
    timeoutMs: int32,
    /** Check everything, create nothing. */
    validateOnly: bool,
  },
)
export type CreatePartitionsRequest = Infer<typeof CreatePartitionsRequest>

/** One result per topic. */
export const CreatePartitionsResponse = message(
  'CreatePartitionsResponse',
  { apiKey: 37, versions: [0, 3], flexible: 2 },
  {
    throttleTimeMs: int32,
    results: array(
      struct({
        name: string,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
      }),
    ),
  },
)
export type CreatePartitionsResponse = Infer<typeof CreatePartitionsResponse>
