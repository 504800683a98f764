import type { PartitionState } from '../image/partition-state.ts'
import { DiskError } from '../host/disk.ts'
import { LogDamageError } from '../log/log-damage.ts'
import type { LogStore } from '../log/store.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Ownership } from '../host/frame-memory.ts'
import type { PeerFetchedPartition, PeerFetchPartition } from './peers.ts'
import type { Replica } from './replica.ts'

export interface FollowerParts {
  readonly store: LogStore
  readonly logger: Logger
  /** The log has records that were committed and would have to be cut off: it is kept, and another begun. */
  readonly setAside: (replica: Replica, reason: string) => void
}

/** What became of an answer: whether the next request may follow at once. */
export type Taken = 'taken' | 'retry-later'

/**
 * A replica's part as follower of one leader in one leader epoch: makes its log what the leader's is. One answer is worked
 * off at a time; `end` waits for it, so that a log is at rest when its replica becomes a leader.
 */
export class Follower {
  readonly replica: Replica
  readonly leader: number
  readonly epoch: number
  readonly #parts: FollowerParts
  #working: Promise<Taken> | undefined
  #ended = false

  constructor(replica: Replica, state: PartitionState, parts: FollowerParts) {
    this.replica = replica
    this.leader = state.leader
    this.epoch = state.leaderEpoch
    this.#parts = parts
  }

  get hasEnded(): boolean {
    return this.#ended
  }

  /** Whether the log can take records: neither damaged nor going to be replaced. */
  get isSound(): boolean {
    return this.replica.log.damage === undefined
  }

  request(bytesMax: number): PeerFetchPartition {
    const { topicId, index, log, highWatermark } = this.replica
    // What is in memory only does not count as fetched: the leader takes the offset for an acknowledgement.
    const fetchOffset = log.durableOffset
    return {
      topicId,
      index,
      currentLeaderEpoch: this.epoch,
      fetchOffset,
      lastFetchedEpoch: log.epochs.entryBefore(fetchOffset)?.[0] ?? -1,
      logStartOffset: log.startOffset,
      highWatermark,
      bytesMax,
    }
  }

  /** No more answers are taken; resolves when the one in hand is done with. */
  async end(): Promise<void> {
    this.#ended = true
    await this.#working
  }

  /** Works off what the leader said to `asked`. `owned` says whether the memory of the records may be kept. */
  take(asked: PeerFetchPartition, answer: PeerFetchedPartition, owned: Ownership): Promise<Taken> {
    if (this.#ended) return Promise.resolve('retry-later')
    this.#working = this.#take(asked, answer, owned).finally(() => {
      this.#working = undefined
    })
    return this.#working
  }

  async #take(asked: PeerFetchPartition, answer: PeerFetchedPartition, owned: Ownership): Promise<Taken> {
    const { replica } = this
    try {
      if (answer.error === 'offset-out-of-range') return await this.#restart(answer)
      if (answer.error !== undefined) {
        this.#log('a follower was refused', { error: answer.error })
        return 'retry-later'
      }
      if (answer.diverging !== undefined) return await this.#cut(answer.diverging, answer)
      if (answer.records.length > 0 && !this.#append(asked, answer.records, owned)) return 'retry-later'
      await this.#untilDurable(replica.log.endOffset)
      if (replica.hasEnded) return 'retry-later'
      replica.followHighWatermark(answer.highWatermark)
      await this.#followStart(answer.logStartOffset)
      return 'taken'
    } catch (error) {
      if (!(error instanceof DiskError || error instanceof LogDamageError)) throw error
      this.#log('a follower cannot write', { error: error.message })
      return 'retry-later'
    }
  }

  #append(asked: PeerFetchPartition, records: Uint8Array, owned: Ownership): boolean {
    const { log } = this.replica
    // The log was cut or replaced since the request: the next one asks anew.
    if (log.endOffset !== asked.fetchOffset) return true
    const fault = log.appendRun(records, owned)
    if (fault === undefined) return true
    this.#log('a leader sent what cannot be taken', { reason: fault.detail })
    return false
  }

  /**
   * The leader has nothing at our end. What this log has lies before the leader's start, or there is nothing in it: it
   * begins anew there. Records that no leader of this epoch can have are kept aside.
   */
  async #restart(answer: PeerFetchedPartition): Promise<Taken> {
    const { log } = this.replica
    const { logStartOffset: start } = answer
    if (start < 0) return 'retry-later'
    if (start <= log.endOffset && log.endOffset > log.startOffset) {
      const reason = `the leader in epoch ${this.epoch} has nothing at offset ${log.endOffset}, and its log begins at ${start}`
      this.#parts.setAside(this.replica, reason)
      return 'retry-later'
    }
    await this.#beginAt(start)
    return 'taken'
  }

  async #beginAt(start: number): Promise<void> {
    const { log } = this.replica
    this.#log('the log begins anew at the start of the leader', { end: log.endOffset, start })
    await this.#parts.store.restart(log, start)
    this.replica.lowerHighWatermark()
  }

  /** Cuts what the leader never had: down to the last epoch that both know, then the next request looks again. */
  async #cut(diverging: { epoch: number; endOffset: number }, answer: PeerFetchedPartition): Promise<Taken> {
    const { replica } = this
    const { log } = replica
    const own = log.epochs.endOf(diverging.epoch, log.endOffset)
    const common = own.leaderEpoch === diverging.epoch ? Math.min(own.endOffset, diverging.endOffset) : own.endOffset
    // Nothing in common: the leader knows no epoch as old as ours.
    const offset = diverging.epoch < 0 || common < log.startOffset ? log.startOffset : common
    if (offset >= log.endOffset) return 'retry-later'
    if (offset < replica.highWatermark && !this.#mayLoseCommitted()) {
      this.#parts.setAside(
        replica,
        `the leader in epoch ${this.epoch} lacks committed records from offset ${offset} on`,
      )
      return 'retry-later'
    }
    this.#log('the log is cut where it parts from the leader', { from: log.endOffset, to: offset })
    await this.#parts.store.truncate(log, offset)
    replica.lowerHighWatermark()
    if (answer.logStartOffset > log.endOffset) await this.#beginAt(answer.logStartOffset)
    return 'taken'
  }

  /** Only what the topic's owner has agreed to may undo what was committed. */
  #mayLoseCommitted(): boolean {
    const { settings, state } = this.replica
    return state.recovering || settings.uncleanLeaderElection || settings.durability !== 'fsync'
  }

  async #followStart(leaderStart: number): Promise<void> {
    const { replica } = this
    const target = Math.min(leaderStart, replica.highWatermark)
    if (target > replica.log.startOffset) await this.#parts.store.moveStart(replica.log, target)
  }

  /** Also resolves when there is nothing to wait for any more: the log is damaged, or the replica leaves this broker. */
  #untilDurable(offset: number): Promise<void> {
    const { replica } = this
    const { log } = replica
    const isOver = (): boolean => log.durableOffset >= offset || log.damage !== undefined || replica.hasEnded
    if (isOver()) return Promise.resolve()
    return new Promise((resolve) => {
      const stop = replica.onReplicaAdvance(() => {
        if (!isOver()) return
        stop()
        resolve()
      })
    })
  }

  #log(event: string, fields: Record<string, unknown>): void {
    const { topicName, index } = this.replica
    this.#parts.logger.info(event, {
      topic: topicName,
      partition: index,
      leader: this.leader,
      leaderEpoch: this.epoch,
      ...fields,
    })
  }
}
