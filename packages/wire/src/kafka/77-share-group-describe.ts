import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** Describes share groups with their members (KIP-932). */
export const ShareGroupDescribeRequest = message(
  'ShareGroupDescribeRequest',
  { apiKey: 77, versions: [1, 1], flexible: 0 },
  {
    groupIds: array(string),
    includeAuthorizedOperations: bool,
  },
)
export type ShareGroupDescribeRequest = Infer<typeof ShareGroupDescribeRequest>

/** Groups, members and what is assigned to them. */
export const ShareGroupDescribeResponse = message(
  'ShareGroupDescribeResponse',
  { apiKey: 77, versions: [1, 1], flexible: 0 },
  {
    throttleTimeMs: int32,
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        groupId: string,
        /** Empty, Stable or Dead. */
        groupState: string,
        groupEpoch: int32,
        /** Group epoch that the assignment was computed for. */
        assignmentEpoch: int32,
        assignorName: string,
        members: array(
          struct({
            memberId: string,
            rackId: string.nullable().default(null),
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            assignment: struct({
              topicPartitions: array(
                struct({
                  topicId: uuid,
                  topicName: string,
                  partitions: array(int32),
                }),
              ),
            }),
          }),
        ),
        /** Bit set of the operations the caller may perform; the minimum int32 when it did not ask. */
        authorizedOperations: int32.default(-(2 ** 31)),
      }),
    ),
  },
)
export type ShareGroupDescribeResponse = Infer<typeof ShareGroupDescribeResponse>
