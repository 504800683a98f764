import type { Infer } from '../schema/schema.ts'
import { array, bool, bytes, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Describes classic groups with their members. */
export const DescribeGroupsRequest = message(
  'DescribeGroupsRequest',
  { apiKey: 15, versions: [0, 6], flexible: 5 },
  {
    groups: array(string),
    includeAuthorizedOperations: bool.since(3),
  },
)
export type DescribeGroupsRequest = Infer<typeof DescribeGroupsRequest>

/** Groups and members; unknown groups are `Dead`, or GROUP_ID_NOT_FOUND from version 6 on. */
export const DescribeGroupsResponse = message(
  'DescribeGroupsResponse',
  { apiKey: 15, versions: [0, 6], flexible: 5 },
  {
    throttleTimeMs: int32.since(1).ignorable(),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.since(6).nullable().default(null),
        groupId: string,
        /** Empty, PreparingRebalance, CompletingRebalance, Stable or Dead. */
        groupState: string,
        /** `consumer` for consumers, `connect` for Kafka Connect, empty for groups that only store positions. */
        protocolType: string,
        /** Name of the chosen assignor, empty while there is none. */
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: string.since(4).nullable().default(null).ignorable(),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        /** Bit set of the operations the caller may perform; the minimum int32 when it did not ask. */
        authorizedOperations: int32.since(3).default(-(2 ** 31)),
      }),
    ),
  },
)
export type DescribeGroupsResponse = Infer<typeof DescribeGroupsResponse>
