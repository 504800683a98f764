import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** Joins, keeps alive and leaves a share group (KIP-932). Fields left null have not changed since the last heartbeat. */
export const ShareGroupHeartbeatRequest = message(
  'ShareGroupHeartbeatRequest',
  { apiKey: 76, versions: [1, 1], flexible: 0 },
  {
    groupId: string,
    /** Chosen by the client, for as long as its process lives. */
    memberId: string,
    /** 0 joins, -1 leaves. */
    memberEpoch: int32,
    rackId: string.nullable().default(null),
    subscribedTopicNames: array(string).nullable().default(null),
  },
)
export type ShareGroupHeartbeatRequest = Infer<typeof ShareGroupHeartbeatRequest>

/** The member's epoch and, when it changed, its assignment. */
export const ShareGroupHeartbeatResponse = message(
  'ShareGroupHeartbeatResponse',
  { apiKey: 76, versions: [1, 1], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string.nullable().default(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    /** Null if unchanged. */
    assignment: struct({
      topicPartitions: array(
        struct({
          topicId: uuid,
          partitions: array(int32),
        }),
      ),
    })
      .nullable()
      .default(null),
  },
)
export type ShareGroupHeartbeatResponse = Infer<typeof ShareGroupHeartbeatResponse>
