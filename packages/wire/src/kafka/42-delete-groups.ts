import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Deletes groups that have no members. */
export const DeleteGroupsRequest = message(
  'DeleteGroupsRequest',
  { apiKey: 42, versions: [0, 2], flexible: 2 },
  {
    groupsNames: array(string),
  },
)
export type DeleteGroupsRequest = Infer<typeof DeleteGroupsRequest>

/** One result per group. */
export const DeleteGroupsResponse = message(
  'DeleteGroupsResponse',
  { apiKey: 42, versions: [0, 2], flexible: 2 },
  {
    throttleTimeMs: int32,
    results: array(
      struct({
        groupId: string,
        errorCode: int16,
      }),
    ),
  },
)
export type DeleteGroupsResponse = Infer<typeof DeleteGroupsResponse>
