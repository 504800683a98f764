import type { QueueId } from './queue-id.ts'

/**
 * Messages that follow each other and are in the same state, as stored. `ready` ones may have been delivered before and
 * have come back; what no range names is ready and was never given back.
 */
export interface StoredRange {
  readonly firstOffset: number
  readonly lastOffset: number
  /** `accepted` and `archived` are both final; they differ for whoever looks at the store only. */
  readonly state: 'ready' | 'accepted' | 'archived'
  readonly deliveryCount: number
}

/** Everything that is durable of a queue. */
export interface StoredQueue {
  /** Rises each time that the group's progress is set anew (started, reset, deleted): fences who worked on the old one. */
  readonly stateEpoch: number
  /** Of the partition, when it was last read or written. */
  readonly leaderEpoch: number
  /** Everything below is settled. -1: not decided yet, `share.auto.offset.reset` says where to begin. */
  readonly startOffset: number
  /** In rising order, none below `startOffset`. */
  readonly ranges: readonly StoredRange[]
}

/** What one write changes. */
export interface QueueWrite {
  /** The state epoch that was read; another one in the store refuses the write. */
  readonly stateEpoch: number
  readonly leaderEpoch: number
  readonly startOffset: number
  /** Settled offsets at or above `startOffset`, after this write; -1 if unknown. Only for whoever asks for the lag. */
  readonly settledCount: number
  /** What has changed since the last write, in rising order. */
  readonly ranges: readonly StoredRange[]
}

/** What administration wants to know of a queue. */
export interface QueueSummary {
  readonly stateEpoch: number
  readonly leaderEpoch: number
  /** -1: not decided yet. */
  readonly startOffset: number
  /** Settled offsets at or above `startOffset`; -1 if unknown. */
  readonly settledCount: number
}

/**
 * Where the progress of groups survives. Any broker may call it for any queue: the one that keeps the state is asked.
 * Every call may reject with BrokerError 'not-coordinator', 'coordinator-loading', 'coordinator-not-available',
 * 'broker-unreachable', 'storage', 'stopping': nothing is known then of whether a change was made.
 */
export interface QueueStore {
  /**
   * Begins the state anew: no ranges, a start offset (-1: to be decided by the first reader).
   * @throws BrokerError 'fenced-state-epoch' if the store has a newer state epoch
   */
  initialize(id: QueueId, stateEpoch: number, startOffset: number): Promise<void>

  /**
   * What a new leader of the partition goes on with; from now on older leader epochs are refused. Undefined if nothing is
   * stored. @throws BrokerError 'fenced-leader-epoch'
   */
  read(id: QueueId, leaderEpoch: number): Promise<StoredQueue | undefined>

  /**
   * Resolves once the change is committed.
   * @throws BrokerError 'fenced-state-epoch', 'fenced-leader-epoch', 'group-not-found' (nothing is stored)
   */
  write(id: QueueId, change: QueueWrite): Promise<void>

  /** As `read`, without claiming anything. */
  summary(id: QueueId): Promise<QueueSummary | undefined>

  /** Forgets the queue; harmless if nothing is stored. */
  delete(id: QueueId): Promise<void>
}
