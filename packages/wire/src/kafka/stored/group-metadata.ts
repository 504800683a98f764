import type { Infer } from '../../schema/schema.ts'
import { array, bytes, int32, int64, message, string, struct } from '../../schema/schema.ts'

/** Key of a classic group's state in `__consumer_offsets`. */
export const GroupMetadataKey = message(
  'GroupMetadataKey',
  { apiKey: 2, versions: [0, 0] },
  {
    group: string,
  },
)
export type GroupMetadataKey = Infer<typeof GroupMetadataKey>

const memberMetadata = struct({
  memberId: string,
  groupInstanceId: string.since(3).nullable().default(null).ignorable(),
  clientId: string,
  clientHost: string,
  rebalanceTimeout: int32.since(1).default(-1).ignorable(),
  sessionTimeout: int32,
  /** A ConsumerProtocolSubscription behind its version, for consumers. */
  subscription: bytes,
  /** A ConsumerProtocolAssignment behind its version, for consumers. */
  assignment: bytes,
})

/** State of a classic group in `__consumer_offsets`, written at the end of each rebalance. */
export const GroupMetadataValue = message(
  'GroupMetadataValue',
  { apiKey: 2, versions: [0, 4], flexible: 4 },
  {
    protocolType: string,
    generation: int32,
    /** The chosen assignor, null while the group is empty. */
    protocol: string.nullable(),
    leader: string.nullable(),
    currentStateTimestamp: int64.since(2).default(-1).ignorable(),
    members: array(memberMetadata),
  },
)
export type GroupMetadataValue = Infer<typeof GroupMetadataValue>
