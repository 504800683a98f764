import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Asks for brokers and controller, without topics (KIP-700). */
export const DescribeClusterRequest = message(
  'DescribeClusterRequest',
  { apiKey: 60, versions: [0, 2], flexible: 0 },
  {
    includeClusterAuthorizedOperations: bool,
    /** 1 brokers, 2 controllers. */
    endpointType: int8.since(1).default(1),
    /** Also list brokers that are registered but not in service (KIP-1073). */
    includeFencedBrokers: bool.since(2),
  },
)
export type DescribeClusterRequest = Infer<typeof DescribeClusterRequest>

/** The brokers and, for brokers as endpoints, the controller. */
export const DescribeClusterResponse = message(
  'DescribeClusterResponse',
  { apiKey: 60, versions: [0, 2], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    endpointType: int8.since(1).default(1),
    clusterId: string,
    controllerId: int32.default(-1),
    brokers: array(
      struct({
        brokerId: int32,
        host: string,
        port: int32,
        rack: string.nullable().default(null),
        isFenced: bool.since(2),
      }),
    ),
    /** Bit set of the operations the caller may perform; the minimum int32 when it did not ask. */
    clusterAuthorizedOperations: int32.default(-(2 ** 31)),
  },
)
export type DescribeClusterResponse = Infer<typeof DescribeClusterResponse>
