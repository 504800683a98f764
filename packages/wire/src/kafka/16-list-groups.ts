import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Lists the groups that this broker coordinates. */
export const ListGroupsRequest = message(
  'ListGroupsRequest',
  { apiKey: 16, versions: [0, 5], flexible: 3 },
  {
    /** Empty matches every state. */
    statesFilter: array(string).since(4),
    /** Empty matches every type: classic, consumer, share, streams. */
    typesFilter: array(string).since(5),
  },
)
export type ListGroupsRequest = Infer<typeof ListGroupsRequest>

/** The groups, with state (version 4) and type (version 5). */
export const ListGroupsResponse = message(
  'ListGroupsResponse',
  { apiKey: 16, versions: [0, 5], flexible: 3 },
  {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    groups: array(
      struct({
        groupId: string,
        protocolType: string,
        groupState: string.since(4).ignorable(),
        groupType: string.since(5).ignorable(),
      }),
    ),
  },
)
export type ListGroupsResponse = Infer<typeof ListGroupsResponse>
