import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct } from '../schema/schema.ts'

/** Asks where a leader epoch ended, to detect truncation (KIP-101, KIP-320). */
export const OffsetForLeaderEpochRequest = message(
  'OffsetForLeaderEpochRequest',
  { apiKey: 23, versions: [2, 4], flexible: 4 },
  {
    /** Broker id of a follower, -1 for a consumer, -2 for a debugging tool. */
    replicaId: int32.since(3).default(-2).ignorable(),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            partition: int32,
            /** The epoch the client believes in, for fencing; -1 skips the check. */
            currentLeaderEpoch: int32.default(-1).ignorable(),
            /** The epoch whose end is asked for. */
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  },
)
export type OffsetForLeaderEpochRequest = Infer<typeof OffsetForLeaderEpochRequest>

/** The end of the largest known epoch at or below the asked one. */
export const OffsetForLeaderEpochResponse = message(
  'OffsetForLeaderEpochResponse',
  { apiKey: 23, versions: [2, 4], flexible: 4 },
  {
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            errorCode: int16,
            partition: int32,
            leaderEpoch: int32.default(-1).ignorable(),
            /** Offset after the last record of the epoch; -1 if it is unknown. */
            endOffset: int64.default(-1),
          }),
        ),
      }),
    ),
  },
)
export type OffsetForLeaderEpochResponse = Infer<typeof OffsetForLeaderEpochResponse>
