import type { ErrorCode } from '../errors/errors.ts'
import type { FrameMemory } from '../host/frame-memory.ts'
import type { LiveBroker } from '../image/records.ts'

/** What a follower asks about one partition. */
export interface PeerFetchPartition {
  readonly topicId: string
  readonly index: number
  /** Epoch of the term in which this broker follows; the leader must be in the same. */
  readonly currentLeaderEpoch: number
  /** Durable end of the follower's log: everything below is on its disk. */
  readonly fetchOffset: number
  /** Leader epoch of the last record before `fetchOffset`, -1 if there is none: the leader finds out where logs part. */
  readonly lastFetchedEpoch: number
  readonly logStartOffset: number
  /** High watermark that the follower knows, so that the leader answers at once when it only has a newer one (KIP-1166). */
  readonly highWatermark: number
  readonly bytesMax: number
}

export interface PeerFetchRequest {
  readonly replicaId: number
  /** Broker epoch of the follower. */
  readonly replicaEpoch: number
  readonly waitMsMax: number
  readonly bytesMin: number
  readonly bytesMax: number
  /** What is new or has changed since the last request of this session. */
  readonly changed: readonly PeerFetchPartition[]
  readonly removed: readonly { readonly topicId: string; readonly index: number }[]
  /** Everything that is followed: for a session that must begin anew. */
  readonly all: () => Iterable<PeerFetchPartition>
}

export interface PeerFetchedPartition {
  readonly topicId: string
  readonly index: number
  readonly error: ErrorCode | undefined
  readonly highWatermark: number
  readonly logStartOffset: number
  /** Set if the follower's log has what the leader's has not: the last epoch they share and where it ends there. */
  readonly diverging: { readonly epoch: number; readonly endOffset: number } | undefined
  /** Whole batches, in the memory of the answer. Empty if there are none. */
  readonly records: Uint8Array
}

export interface PeerAnswer {
  readonly partitions: readonly PeerFetchedPartition[]
  /** Holds all `records`: whoever asked lets go of it when they are worked off. Undefined: memory that nobody will write to. */
  readonly memory: FrameMemory | undefined
}

/** A conversation with one other broker: one request at a time, over a connection of its own that proves who we are. */
export interface PeerSession {
  /**
   * Partitions about which there is news; the leader waits for some up to `waitMsMax`.
   * Rejects with BrokerError when the broker cannot be reached, does not answer, or refuses the whole; the session
   * then starts anew with the next call.
   */
  fetch(request: PeerFetchRequest): Promise<PeerAnswer>
  /** The call under way, if there is one, shall wait no longer for news: the next one has something to say. */
  nudge(): void
  /** Ends it; a call under way is rejected. */
  close(): void
}

/** The other brokers of the cluster. */
export interface Peers {
  session(broker: LiveBroker): PeerSession
}
