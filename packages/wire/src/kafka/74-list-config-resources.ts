import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Lists resources that have a configuration; version 0 lists client-metrics subscriptions only. */
export const ListConfigResourcesRequest = message(
  'ListConfigResourcesRequest',
  { apiKey: 74, versions: [0, 1], flexible: 0 },
  {
    /** Codes as in DescribeConfigs; empty asks for all. */
    resourceTypes: array(int8).since(1),
  },
)
export type ListConfigResourcesRequest = Infer<typeof ListConfigResourcesRequest>

/** Names and types of the resources. */
export const ListConfigResourcesResponse = message(
  'ListConfigResourcesResponse',
  { apiKey: 74, versions: [0, 1], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    configResources: array(
      struct({
        resourceName: string,
        resourceType: int8.since(1).default(16).ignorable(),
      }),
    ),
  },
)
export type ListConfigResourcesResponse = Infer<typeof ListConfigResourcesResponse>
