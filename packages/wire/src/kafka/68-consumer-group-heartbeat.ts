import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** Joins, keeps alive and leaves a KIP-848 group. Fields left null have not changed since the last heartbeat. */
export const ConsumerGroupHeartbeatRequest = message(
  'ConsumerGroupHeartbeatRequest',
  { apiKey: 68, versions: [0, 1], flexible: 0 },
  {
    groupId: string,
    /** Chosen by the client from version 1 on, by the coordinator before. */
    memberId: string,
    /** 0 joins, -1 leaves, -2 leaves for a while as a static member. */
    memberEpoch: int32,
    instanceId: string.nullable().default(null),
    rackId: string.nullable().default(null),
    /** Time to give up revoked partitions; -1 if unchanged. */
    rebalanceTimeoutMs: int32.default(-1),
    subscribedTopicNames: array(string).nullable().default(null),
    /** Evaluated by the broker, in RE2 syntax. */
    subscribedTopicRegex: string.since(1).nullable().default(null),
    /** `uniform` or `range`; null leaves the choice to the broker. */
    serverAssignor: string.nullable().default(null),
    /** What the member holds now; null if unchanged. */
    topicPartitions: array(
      struct({
        topicId: uuid,
        partitions: array(int32),
      }),
    )
      .nullable()
      .default(null),
  },
)
export type ConsumerGroupHeartbeatRequest = Infer<typeof ConsumerGroupHeartbeatRequest>

const topicPartitions = struct({
  topicId: uuid,
  partitions: array(int32),
})

/** The member's epoch and, when it changed, its assignment. */
export const ConsumerGroupHeartbeatResponse = message(
  'ConsumerGroupHeartbeatResponse',
  { apiKey: 68, versions: [0, 1], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string.nullable().default(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    /** Null if unchanged. */
    assignment: struct({
      topicPartitions: array(topicPartitions),
    })
      .nullable()
      .default(null),
  },
)
export type ConsumerGroupHeartbeatResponse = Infer<typeof ConsumerGroupHeartbeatResponse>
