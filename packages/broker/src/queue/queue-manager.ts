import type { ErrorCode } from '../errors/errors.ts'
import type { GroupQueueConfig } from './group-queue-config.ts'
import type { AcquiredRange, Acknowledgement, AcquireMode } from './queue-messages.ts'
import type { QueueId } from './queue-id.ts'
import type { QueueSummary } from './queue-store.ts'

export interface AcquireRequest extends QueueId {
  readonly memberId: string
  /** More than 0. With `batch-optimized` a soft limit: the last batch taken is taken whole. */
  readonly recordsMax: number
  /** Soft limit on the batches returned: the first one is returned however large, if `atLeastOne`. */
  readonly bytesMax: number
  readonly atLeastOne: boolean
  readonly mode: AcquireMode
}

/** What a member holds from now on, and the batches it lies in. */
export interface Acquired {
  /** In rising order. Records of `chunks` outside of them are not the member's. Empty if there is nothing at present. */
  readonly ranges: readonly AcquiredRange[]
  /** Offsets in `ranges`. */
  readonly recordCount: number
  /** Whole batches in offset order, as views on memory that does not change while the result is held. */
  readonly chunks: readonly Uint8Array[]
  /** Sum of the lengths of `chunks`. */
  readonly bytes: number
  /** Must be called once the chunks are no longer needed. */
  release(): void
}

/** How the messages of a member are given back. */
export interface ReleaseOptions {
  /**
   * True if the delivery counts as an attempt: the member was lost with them. False for a member that leaves and says so:
   * what it had fetched ahead never reached a handler.
   */
  readonly isAttempt: boolean
  /** Only this partition; default: all of the group that are led here. */
  readonly partition?: { readonly topicId: string; readonly index: number }
}

/**
 * Work queues on the partitions that this broker leads. A queue is loaded when it is first used and forgotten when nobody
 * uses it; callers need not know. Whether a member belongs to the group is not looked at here.
 */
export interface QueueManager {
  /** The group's settings in force: lock duration for answers, heartbeat interval and the like. */
  config(groupId: string): GroupQueueConfig

  /**
   * Locks messages for a member and reads them. Does not wait for messages to come: `onAvailable` tells of them. Returns at
   * once where memory has everything, else a promise.
   * @throws BrokerError (or rejects) 'not-leader', 'unknown-topic-id', 'coordinator-loading' and the like (the state cannot be
   * read at present; try again), 'storage'
   */
  acquire(request: AcquireRequest): Acquired | Promise<Acquired>

  /** Whether `acquire` would probably find something now: a cheap guess for whoever decides whether to wait. */
  isAvailable(id: QueueId): boolean

  /** Whether `acquire` would find nothing now, and not fail either: it need not be asked. False if that is not known. */
  hasNothing(id: QueueId): boolean

  /**
   * Calls `listener` when `acquire` may find something new, or would fail; maybe more often than needed. Begins to load the
   * queue. Must not throw. @returns a function that removes the listener
   */
  onAvailable(id: QueueId, listener: () => void): () => void

  /**
   * Settles, gives back or keeps what the member holds: all of it or, with an error, nothing. Resolves once that is durable.
   * Offsets below the queue's start are taken for settled and are no error.
   * @returns undefined if it was done, else why not: 'invalid-record-state' (not this member's (any more)),
   * 'invalid-request' (not in rising order), 'not-leader', 'fenced-state-epoch', 'storage' …; the locks then run on
   */
  acknowledge(
    id: QueueId,
    memberId: string,
    acknowledgements: readonly Acknowledgement[],
  ): Promise<ErrorCode | undefined>

  /** Gives back everything the member holds in the group. Resolves once it can be acquired by others. */
  releaseMember(groupId: string, memberId: string, options: ReleaseOptions): Promise<void>

  /**
   * The stored progress, from whichever broker keeps it; undefined if there is none. @throws BrokerError as `QueueStore`
   */
  summary(id: QueueId): Promise<QueueSummary | undefined>

  /**
   * Sets the progress of a group without members: everything from `startOffset` on is ready, nothing was delivered. -1
   * leaves it to `share.auto.offset.reset`. Any broker may be asked. @throws BrokerError as `QueueStore`
   */
  reset(id: QueueId, startOffset: number): Promise<void>

  /** Forgets the progress of a group without members. Any broker may be asked. @throws BrokerError as `QueueStore` */
  forget(id: QueueId): Promise<void>
}
