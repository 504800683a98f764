import { array, int32, int64, int8, string, struct } from '../schema/schema.ts'

/** What a member has done with a range of records that it had acquired: the same in ShareFetch and ShareAcknowledge. */
export const acknowledgementBatch = struct({
  firstOffset: int64,
  /** Inclusive. */
  lastOffset: int64,
  /** One for the whole range, or one per offset: 0 gap, 1 accept, 2 release, 3 reject, 4 renew (version 2+). */
  acknowledgeTypes: array(int8),
  /**
   * Polylog's own: how long released records shall wait before they are delivered again; -1 leaves it to the group.
   * Brokers that do not know the tag skip it.
   */
  retryDelayMs: int32.tagged(10_000, 1).default(-1),
  /** Polylog's own: why records are rejected, for the dead letter; at most 256 bytes, none if it is empty. */
  rejectReason: string.tagged(10_001, 1),
})

/** The new leader, sent with NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH. */
export const currentLeader = struct({
  leaderId: int32,
  leaderEpoch: int32,
})
