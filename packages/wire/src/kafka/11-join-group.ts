import type { Infer } from '../schema/schema.ts'
import { array, bool, bytes, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Joins a classic group and waits for the rebalance to gather all members. */
export const JoinGroupRequest = message(
  'JoinGroupRequest',
  { apiKey: 11, versions: [0, 9], flexible: 6 },
  {
    groupId: string,
    /** Silence after which the coordinator removes the member. */
    sessionTimeoutMs: int32,
    /** Time that members have to join again; -1 stands for the session timeout. */
    rebalanceTimeoutMs: int32.since(1).default(-1).ignorable(),
    /** Empty on the first join. */
    memberId: string,
    /** Static membership (KIP-345). */
    groupInstanceId: string.since(5).nullable().default(null),
    protocolType: string,
    /** Assignors in order of preference, each with the member's own metadata. */
    protocols: array(
      struct({
        name: string,
        metadata: bytes,
      }),
    ),
    /** Why the member joins again, for the log (KIP-800). */
    reason: string.since(8).nullable().default(null).ignorable(),
  },
)
export type JoinGroupRequest = Infer<typeof JoinGroupRequest>

/** The new generation; only the leader learns of the other members. */
export const JoinGroupResponse = message(
  'JoinGroupResponse',
  { apiKey: 11, versions: [0, 9], flexible: 6 },
  {
    throttleTimeMs: int32.since(2).ignorable(),
    errorCode: int16,
    generationId: int32.default(-1),
    protocolType: string.since(7).nullable().default(null).ignorable(),
    /** The assignor that all members support. */
    protocolName: string.nullable(7),
    /** Member id of the leader. */
    leader: string,
    /** Tells a returning static leader that the old assignment stands (KIP-814). */
    skipAssignment: bool.since(9),
    memberId: string,
    /** Empty for all but the leader. */
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.since(5).nullable().default(null).ignorable(),
        metadata: bytes,
      }),
    ),
  },
)
export type JoinGroupResponse = Infer<typeof JoinGroupResponse>
