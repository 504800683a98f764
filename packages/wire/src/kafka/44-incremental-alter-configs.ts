import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Changes single settings of a resource, leaving the others alone (KIP-339). */
export const IncrementalAlterConfigsRequest = message(
  'IncrementalAlterConfigsRequest',
  { apiKey: 44, versions: [0, 1], flexible: 1 },
  {
    resources: array(
      struct({
        /** Codes as in DescribeConfigs. */
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            /** 0 set, 1 delete, 2 append to a list, 3 remove from a list. */
            configOperation: int8,
            value: string.nullable(),
          }),
        ),
      }),
    ),
    /** Check everything, change nothing. */
    validateOnly: bool,
  },
)
export type IncrementalAlterConfigsRequest = Infer<typeof IncrementalAlterConfigsRequest>

/** One result per resource. */
export const IncrementalAlterConfigsResponse = message(
  'IncrementalAlterConfigsResponse',
  { apiKey: 44, versions: [0, 1], flexible: 1 },
  {
    throttleTimeMs: int32,
    responses: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
      }),
    ),
  },
)
export type IncrementalAlterConfigsResponse = Infer<typeof IncrementalAlterConfigsResponse>
