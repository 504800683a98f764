import type { Clock, Timer } from '../host/clock.ts'
import { DiskError } from '../host/disk.ts'
import { EntryKind } from '../journal/format.ts'
import type { Journal } from '../journal/journal.ts'
import { batchBytesOf } from '../record/batch.ts'
import { baseOffsetOf } from '../record/batch.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Log } from './log.ts'
import { encodeSyncedOffset } from './synced-offset.ts'

export interface GroupCommitOptions {
  clock: Clock
  logger: Logger
  /**
   * A log to which at least this much was appended in one event-loop turn is synced in its segment instead of the
   * journal: an fdatasync of its own is cheaper than writing the bytes twice. Default 48 KiB: measured
   * for 1 to 48 logs at once, 64 KiB each are 1.2 to 1.9 times as fast this way, 16 KiB each a quarter slower.
   */
  directBytesMin: number
  /** A sync of the log's segments begins: it covers all that is not only in memory. */
  syncing: (log: Log) => void
  /** A segment was synced. */
  synced: () => void
}

/** How far one log has come on its way to the disk. */
export interface CommitState {
  /** Journal entries from here on may hold batches that no synced segment has. Undefined if there are none. */
  firstUnsyncedSequence: number | undefined
  /** End of the batches that went the direct way. Pending as long as the segments are not synced up to there. */
  directEnd: number
  syncing: Promise<void> | undefined
  /** Batches of this turn, for which no way has been chosen yet. */
  turn: Uint8Array[]
  turnBytes: number
  /** Sequence of the entry that made the log; its batches must not become durable before it. */
  createSequence: number
}

interface Commit {
  log: Log
  endOffset: number
  sequence: number
}

const fullRetryMs = 250

/**
 * Decides at the end of each turn how the batches of a log become durable, and tells the log when they are.
 *
 * - journal: each batch is an entry of the shared journal; one fdatasync covers all logs. The normal way.
 * - direct: the segment is written and synced at once. For so many bytes that they are worth a sync of their own.
 *
 * "Durable" is said of a prefix of the log. So while a direct sync is under way, batches behind it go the direct way too:
 * their journal entry could become durable before what precedes them.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #states = new Map<Log, CommitState>()
  #journal: Journal | undefined
  /** In order of sequence; consumed from `#queueHead`. */
  #queue: Commit[] = []
  #queueHead = 0
  /** Logs that were appended to in this turn. */
  #touched: Log[] = []
  readonly #direct = new Set<Log>()
  #turnScheduled = false
  #full: Timer | undefined

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Must be called before the first append. */
  start(journal: Journal): void {
    this.#journal = journal
  }

  add(log: Log, createSequence: number): void {
    this.#states.set(log, {
      firstUnsyncedSequence: undefined,
      directEnd: 0,
      syncing: undefined,
      turn: [],
      turnBytes: 0,
      createSequence,
    })
  }

  forget(log: Log): void {
    this.#states.delete(log)
    this.#direct.delete(log)
  }

  stateOf(log: Log): CommitState {
    const state = this.#states.get(log)
    if (!state) throw new Error(`invariant broken: log ${log.name} is not in the store`)
    return state
  }

  /** Whether the log has batches, not counting this turn's, that are neither in synced segments nor in the journal. */
  isDirectPending(log: Log): boolean {
    const state = this.#states.get(log)
    return state !== undefined && state.directEnd > log.syncedOffset
  }

  /** Nobody on the way to the disk will look at the memory of batches below this offset again, once they are flushed. */
  reusableBelow(log: Log): number {
    if (this.#journal!.borrowsMemory) return 0
    const first = this.#states.get(log)?.turn[0]
    return first === undefined ? Infinity : baseOffsetOf(first, 0)
  }

  /** Why nothing can be appended now. */
  get refusal(): string | undefined {
    return this.#full ? 'the disk is full' : this.#journal?.refusal
  }

  /** Takes a batch that `log` has just appended. */
  appended(log: Log, stored: Uint8Array): void {
    const state = this.stateOf(log)
    if (state.turn.length === 0) this.#touched.push(log)
    state.turn.push(stored)
    state.turnBytes += stored.length
    if (this.#turnScheduled) return
    this.#turnScheduled = true
    this.#options.clock.endOfTurn(() => this.#endTurn())
  }

  /** The journal is synced up to `sequence`. */
  committed(sequence: number): void {
    while (this.#queueHead < this.#queue.length) {
      const commit = this.#queue[this.#queueHead]!
      if (commit.sequence > sequence) break
      this.#queueHead++
      commit.log.markDurable(commit.endOffset)
    }
    if (this.#queueHead > 1024 || this.#queueHead === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#queueHead)
      this.#queueHead = 0
    }
  }

  /** The log was cut at `offset` while nothing was appended or synced; what is on its way to the journal counts no more. */
  truncated(log: Log, offset: number): void {
    const state = this.stateOf(log)
    state.firstUnsyncedSequence = undefined
    state.directEnd = 0
    state.turn = []
    state.turnBytes = 0
    this.#direct.delete(log)
    for (const commit of this.#queue) if (commit.log === log) commit.endOffset = Math.min(commit.endOffset, offset)
  }

  /** Nothing will become durable any more. */
  fail(error: Error): void {
    for (const log of this.#states.keys()) log.fail(error.message)
  }

  #endTurn(): void {
    this.#turnScheduled = false
    const touched = this.#touched
    this.#touched = []
    for (const log of touched) {
      const state = this.#states.get(log)
      if (state) this.#chooseWay(log, state)
    }
    this.#journal!.flush()
    for (const log of this.#direct) this.#flushDirect(log)
  }

  #chooseWay(log: Log, state: CommitState): void {
    const journal = this.#journal!
    const { turn, turnBytes } = state
    if (turn.length === 0) return
    state.turn = []
    state.turnBytes = 0
    const isMuch = turnBytes >= this.#options.directBytesMin && state.createSequence <= journal.syncedSequence
    if (log.settings.durability !== 'fsync' || isMuch || this.isDirectPending(log)) {
      state.directEnd = log.endOffset
      this.#direct.add(log)
      return
    }
    let sequence = 0
    for (const stored of turn) {
      // A follower takes several batches at once; in the journal each has its entry.
      for (let at = 0; at < stored.length; at += batchBytesOf(stored, at)) {
        sequence = journal.append(EntryKind.batch, log.id, stored.subarray(at, at + batchBytesOf(stored, at)))
        state.firstUnsyncedSequence ??= sequence
      }
    }
    this.#queue.push({ log, endOffset: log.endOffset, sequence })
  }

  #flushDirect(log: Log): void {
    if (this.#full) return
    try {
      log.flush()
    } catch (error) {
      this.#flushFailed(log, error)
      return
    }
    this.#direct.delete(log)
    if (log.settings.durability !== 'fsync') {
      // Still pending: should the log become an `fsync` one, a sync must cover this before anything behind it.
      log.markDurable(log.tail.flushedOffset)
    } else {
      void this.startSync(log)
    }
  }

  /** What could not be written stays in memory and is tried again; nothing new is taken meanwhile. */
  #flushFailed(log: Log, error: unknown): void {
    if (!(error instanceof DiskError) || error.kind !== 'full') {
      this.#direct.delete(log)
      log.fail(String(error))
      return
    }
    this.#options.logger.error('disk full, appends refused until there is space', { path: error.path })
    this.#full = this.#options.clock.startTimer(fullRetryMs, () => {
      this.#full = undefined
      for (const waiting of this.#direct) this.#flushDirect(waiting)
      if (!this.#full) this.#options.logger.info('disk has space again, appends accepted')
    })
  }

  /** Syncs the log's segments, again if more came meanwhile; one sync at a time for a log. */
  startSync(log: Log): Promise<void> {
    const state = this.stateOf(log)
    state.syncing ??= this.#sync(log, state).finally(() => {
      state.syncing = undefined
      const waiting = this.isDirectPending(log) && log.settings.durability === 'fsync' && !this.#direct.has(log)
      if (waiting && log.damage === undefined) void this.startSync(log)
    })
    return state.syncing
  }

  async #sync(log: Log, state: CommitState): Promise<void> {
    const journal = this.#journal!
    const flushedAll = log.tail.unflushedBytes === 0
    const nextSequence = journal.nextSequence
    const target = log.tail.flushedOffset
    const pending = this.isDirectPending(log)
    this.#options.syncing(log)
    try {
      await log.sync()
    } catch (error) {
      this.#options.logger.error('sync of a segment failed, the log takes no more records', {
        log: log.name,
        error: String(error),
      })
      log.fail(String(error))
      return
    }
    this.#options.synced()
    // Entries made while the sync ran have sequences from `nextSequence` on.
    if (flushedAll) {
      const more = state.firstUnsyncedSequence !== undefined && log.endOffset > target
      state.firstUnsyncedSequence = more ? nextSequence : undefined
    }
    // A background sync may have taken batches whose way was chosen only after it had begun.
    if (!pending && Math.min(target, state.directEnd) <= log.durableOffset) return
    const [epoch, start] = log.epochs.entryBefore(target) ?? [-1, -1]
    const epochStart = start > log.startOffset ? start : -1
    journal.append(EntryKind.syncedOffset, log.id, encodeSyncedOffset({ offset: target, epoch, epochStart }), true)
    log.markDurable(target)
  }
}
