import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int8, message, string, struct, uuid } from '../schema/schema.ts'

/** Describes KIP-848 groups with their members. */
export const ConsumerGroupDescribeRequest = message(
  'ConsumerGroupDescribeRequest',
  { apiKey: 69, versions: [0, 1], flexible: 0 },
  {
    groupIds: array(string),
    includeAuthorizedOperations: bool,
  },
)
export type ConsumerGroupDescribeRequest = Infer<typeof ConsumerGroupDescribeRequest>

const topicPartitions = struct({
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
})

const assignment = struct({
  topicPartitions: array(topicPartitions),
})

/** Groups, members, current and target assignments. */
export const ConsumerGroupDescribeResponse = message(
  'ConsumerGroupDescribeResponse',
  { apiKey: 69, versions: [0, 1], flexible: 0 },
  {
    throttleTimeMs: int32,
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        groupId: string,
        /** Empty, Assigning, Reconciling, Stable or Dead. */
        groupState: string,
        groupEpoch: int32,
        /** Group epoch that the target assignment was computed for. */
        assignmentEpoch: int32,
        assignorName: string,
        members: array(
          struct({
            memberId: string,
            instanceId: string.nullable().default(null),
            rackId: string.nullable().default(null),
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            subscribedTopicRegex: string.nullable().default(null),
            assignment,
            targetAssignment: assignment,
            /** 0 classic, 1 consumer, -1 unknown. */
            memberType: int8.since(1).default(-1).ignorable(),
          }),
        ),
        /** Bit set of the operations the caller may perform; the minimum int32 when it did not ask. */
        authorizedOperations: int32.default(-(2 ** 31)),
      }),
    ),
  },
)
export type ConsumerGroupDescribeResponse = Infer<typeof ConsumerGroupDescribeResponse>
