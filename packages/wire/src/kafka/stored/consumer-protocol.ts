import type { Infer } from '../../schema/schema.ts'
import { array, bytes, int32, message, string, struct } from '../../schema/schema.ts'

/** What a classic consumer says about itself in JoinGroup: the `metadata` of protocol type `consumer`. */
export const ConsumerProtocolSubscription = message(
  'ConsumerProtocolSubscription',
  { versions: [0, 3] },
  {
    topics: array(string),
    /** Private to the assignor. */
    userData: bytes.nullable().default(null),
    /** What the member still holds, for cooperative rebalancing (KIP-429). */
    ownedPartitions: array(
      struct({
        topic: string,
        partitions: array(int32),
      }),
    )
      .since(1)
      .ignorable(),
    /** Generation in which `ownedPartitions` were assigned; exposes a stale claim. */
    generationId: int32.since(2).default(-1).ignorable(),
    rackId: string.since(3).nullable().default(null).ignorable(),
  },
)
export type ConsumerProtocolSubscription = Infer<typeof ConsumerProtocolSubscription>

/** What the group leader assigns in SyncGroup, for protocol type `consumer`. */
export const ConsumerProtocolAssignment = message(
  'ConsumerProtocolAssignment',
  { versions: [0, 3] },
  {
    assignedPartitions: array(
      struct({
        topic: string,
        partitions: array(int32),
      }),
    ),
    /** Private to the assignor. */
    userData: bytes.nullable().default(null),
  },
)
export type ConsumerProtocolAssignment = Infer<typeof ConsumerProtocolAssignment>
