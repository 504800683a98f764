import type { Infer } from '../schema/schema.ts'
import { array, bytes, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Second half of a classic rebalance: the leader hands in all assignments, every member waits for its own. */
export const SyncGroupRequest = message(
  'SyncGroupRequest',
  { apiKey: 14, versions: [0, 5], flexible: 4 },
  {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.since(3).nullable().default(null),
    /** Cross-checked against the group, with `protocolName` (KIP-559). */
    protocolType: string.since(5).nullable().default(null).ignorable(),
    protocolName: string.since(5).nullable().default(null).ignorable(),
    /** From the leader only; empty from the others. */
    assignments: array(
      struct({
        memberId: string,
        assignment: bytes,
      }),
    ),
  },
)
export type SyncGroupRequest = Infer<typeof SyncGroupRequest>

/** The member's own assignment. */
export const SyncGroupResponse = message(
  'SyncGroupResponse',
  { apiKey: 14, versions: [0, 5], flexible: 4 },
  {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    protocolType: string.since(5).nullable().default(null).ignorable(),
    protocolName: string.since(5).nullable().default(null).ignorable(),
    assignment: bytes,
  },
)
export type SyncGroupResponse = Infer<typeof SyncGroupResponse>
