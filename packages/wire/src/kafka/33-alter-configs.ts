import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/**
 * Replaces the whole dynamic configuration of a resource; what is not listed falls back to its default.
 * IncrementalAlterConfigs is the safer successor.
 */
export const AlterConfigsRequest = message(
  'AlterConfigsRequest',
  { apiKey: 33, versions: [0, 2], flexible: 2 },
  {
    resources: array(
      struct({
        /** Codes as in DescribeConfigs. */
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
          }),
        ),
      }),
    ),
    /** Check everything, change nothing. */
    validateOnly: bool,
  },
)
export type AlterConfigsRequest = Infer<typeof AlterConfigsRequest>

/** One result per resource. */
export const AlterConfigsResponse = message(
  'AlterConfigsResponse',
  { apiKey: 33, versions: [0, 2], flexible: 2 },
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
export type AlterConfigsResponse = Infer<typeof AlterConfigsResponse>
