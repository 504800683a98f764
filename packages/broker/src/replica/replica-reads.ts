import { BrokerError } from '../errors/errors.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { Log } from '../log/log.ts'
import { findMissingRecords, LogDamageError } from '../log/log-damage.ts'
import type { LogRead } from '../log/tail.ts'
import { findByTimestamp, findMaxTimestamp } from '../log/time-search.ts'
import type { FoundOffset } from '../log/time-search.ts'
import type { ReadRequest, ReadResult } from '../topic/partition.ts'
import { inStorageTerms } from '../topic/storage-failure.ts'

/** What reading has to know of the replica whose log it reads. */
export interface ReadReplica {
  readonly log: Log
  readonly state: PartitionState
  readonly isLeader: boolean
  readonly hasEnded: boolean
  readonly highWatermark: number
  readonly lastStableOffset: number
}

const noTransactions: readonly never[] = []

/** Reads a replica's log: says what is out of range, and has the log mended where others hold what a read finds broken. */
export class ReplicaReads {
  readonly #replica: ReadReplica
  readonly #brokerId: number

  /** @param brokerId of this broker */
  constructor(replica: ReadReplica, brokerId: number) {
    this.#replica = replica
    this.#brokerId = brokerId
  }

  /** Whole batches below `limit`. @throws as `Partition.read` */
  read(request: Omit<ReadRequest, 'isolation'>, limit: number): ReadResult | Promise<ReadResult> {
    const { log } = this.#replica
    const { offset, bytesMax, atLeastOne } = request
    if (offset < log.startOffset) throw this.#outOfRange(offset)
    if (offset >= log.endOffset) this.#checkEnd(offset)
    const read = log.read(offset, limit, bytesMax, atLeastOne)
    if (!(read instanceof Promise)) return this.#result(read)
    return inStorageTerms(() => this.#noteDamage(read)).then((found) => {
      if (offset >= log.startOffset) return this.#result(found)
      // The log start passed the reader while the disk was asked: it must be told, not given what comes later.
      found.release()
      throw this.#outOfRange(offset)
    })
  }

  /** The first committed record with this timestamp or a later one. @throws BrokerError 'storage' */
  firstSince(timestampMs: number): Promise<FoundOffset | undefined> {
    const { log } = this.#replica
    return inStorageTerms(() => findByTimestamp(log, timestampMs, this.#readableEnd))
  }

  /** The committed record with the largest timestamp. @throws BrokerError 'storage' */
  newest(): Promise<FoundOffset | undefined> {
    const { log } = this.#replica
    return inStorageTerms(() => findMaxTimestamp(log, this.#readableEnd))
  }

  /** Broken files are mended by beginning anew from others, if there are any who have all of it; else what is intact serves on. */
  async #noteDamage(read: Promise<LogRead>): Promise<LogRead> {
    try {
      return await read
    } catch (error) {
      const { log, state, hasEnded } = this.#replica
      const isHeldByOthers = state.inSyncReplicas.some((id) => id !== this.#brokerId)
      if (error instanceof LogDamageError && isHeldByOthers && !hasEnded) log.fail(error.message)
      throw error
    }
  }

  /** Of what is committed, some may be missing. */
  get #readableEnd(): number {
    return Math.min(this.#replica.highWatermark, this.#replica.log.endOffset)
  }

  /** On a follower, what lies behind its end may well exist at the leader: it is "not yet", not "out of range". */
  #checkEnd(offset: number): void {
    const { log, isLeader } = this.#replica
    const missing = findMissingRecords(log)
    if (missing !== undefined) throw new BrokerError('storage', missing)
    if (isLeader && offset > log.endOffset) throw this.#outOfRange(offset)
  }

  #outOfRange(offset: number): BrokerError {
    const { startOffset, endOffset } = this.#replica.log
    return new BrokerError('offset-out-of-range', `offset ${offset} is outside ${startOffset} to ${endOffset}`)
  }

  #result(read: LogRead): ReadResult {
    return {
      chunks: read.chunks,
      bytes: read.bytes,
      highWatermark: this.#replica.highWatermark,
      lastStableOffset: this.#replica.lastStableOffset,
      logStartOffset: this.#replica.log.startOffset,
      abortedTransactions: noTransactions,
      release: read.release,
    }
  }
}
