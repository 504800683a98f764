import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Takes members out of a classic group; several at once from version 3 on. */
export const LeaveGroupRequest = message(
  'LeaveGroupRequest',
  { apiKey: 13, versions: [0, 5], flexible: 4 },
  {
    groupId: string,
    memberId: string.until(2),
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable().default(null),
        /** Why the member leaves, for the log (KIP-800). */
        reason: string.since(5).nullable().default(null).ignorable(),
      }),
    ).since(3),
  },
)
export type LeaveGroupRequest = Infer<typeof LeaveGroupRequest>

/** One error code for the request and, from version 3 on, one per member. */
export const LeaveGroupResponse = message(
  'LeaveGroupResponse',
  { apiKey: 13, versions: [0, 5], flexible: 4 },
  {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable(),
        errorCode: int16,
      }),
    ).since(3),
  },
)
export type LeaveGroupResponse = Infer<typeof LeaveGroupResponse>
