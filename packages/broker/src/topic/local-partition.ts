import type { TopicSettings } from '../config/topic-settings.ts'
import type { Clock } from '../host/clock.ts'
import { DiskError } from '../host/disk.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Log, LogRead } from '../log/log.ts'
import type { LogStore } from '../log/store.ts'
import { findByTimestamp, findMaxTimestamp } from '../log/time-search.ts'
import type { FoundOffset } from '../log/time-search.ts'
import {
  baseTimestampOf,
  isTransactional,
  lastOffsetDeltaOf,
  maxTimestampOf,
  producerIdOf,
  stampLogAppendTime,
} from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import { findKeylessRecord } from '../record/records.ts'
import { findProducerBatchFault } from '../record/validate.ts'
import { CommitWaiters } from './commit-waiters.ts'
import type {
  ActiveProducer,
  Appended,
  AppendFault,
  InternalRecord,
  IsolationLevel,
  Partition,
  ReadRequest,
  ReadResult,
} from './partition.ts'
import { inStorageTerms } from './storage-failure.ts'

export interface LocalPartitionOptions {
  topicName: string
  topicId: string
  index: number
  leaderEpoch: number
  clock: Clock
  store: LogStore
  log: Log
  settings: TopicSettings
}

const noTransactions: readonly never[] = []

/**
 * The leader of a partition whose only replica is here. The high watermark is what the log has made durable, so
 * consumers never see a record that a crash could take back.
 */
export class LocalPartition implements Partition {
  readonly topicName: string
  readonly topicId: string
  readonly index: number
  readonly leaderEpoch: number
  readonly log: Log
  /** Replaced as a whole when the topic's configuration changes. */
  settings: TopicSettings
  readonly #clock: Clock
  readonly #store: LogStore
  readonly #waiters = new CommitWaiters()
  readonly #listeners = new Set<() => void>()

  constructor(options: LocalPartitionOptions) {
    this.topicName = options.topicName
    this.topicId = options.topicId
    this.index = options.index
    this.leaderEpoch = options.leaderEpoch
    this.log = options.log
    this.settings = options.settings
    this.#clock = options.clock
    this.#store = options.store
    this.log.onChange = () => this.#changed()
  }

  get logStartOffset(): number {
    return this.log.startOffset
  }

  get highWatermark(): number {
    return this.log.durableOffset
  }

  get lastStableOffset(): number {
    return this.log.durableOffset
  }

  get logEndOffset(): number {
    return this.log.endOffset
  }

  get sizeBytes(): number {
    return this.log.sizeBytes
  }

  append(batch: Uint8Array, owned: boolean, acks: -1 | 0 | 1): Appended | AppendFault {
    const refusal = this.log.damage ?? this.#store.refusal
    if (refusal !== undefined) return { code: 'storage', detail: refusal }
    if (acks === -1 && this.settings.minInsyncReplicas > 1) {
      const detail = `min.insync.replicas is ${this.settings.minInsyncReplicas}, there is 1 replica`
      return { code: 'not-enough-replicas', detail }
    }
    const nowMs = this.#clock.nowMs()
    const fault = findProducerBatchFault(batch, this.settings.messageBytesMax) ?? this.#findRuleFault(batch, nowMs)
    if (fault) return fault
    if (producerIdOf(batch, 0) >= 0) {
      const verdict = this.log.producers.judge(batch)
      if (verdict.kind === 'fault') return { code: verdict.code, detail: verdict.detail }
      if (verdict.kind === 'duplicate') {
        const { baseOffset, lastOffset } = verdict.batch
        return { baseOffset, endOffset: lastOffset + 1, logAppendTimeMs: -1, duplicate: true }
      }
    }
    if (this.settings.logAppendTime) stampLogAppendTime(batch, 0, nowMs)
    return this.#take(batch, owned, this.settings.logAppendTime ? nowMs : -1)
  }

  #take(batch: Uint8Array, owned: boolean, logAppendTimeMs: number): Appended | AppendFault {
    try {
      const baseOffset = this.log.append(batch, owned, this.leaderEpoch)
      const endOffset = baseOffset + lastOffsetDeltaOf(batch, 0) + 1
      return { baseOffset, endOffset, logAppendTimeMs, duplicate: false }
    } catch (error) {
      if (error instanceof DiskError) return { code: 'storage', detail: error.message }
      throw error
    }
  }

  /** What the topic's settings say against a batch that is well-formed. */
  #findRuleFault(batch: Uint8Array, nowMs: number): AppendFault | undefined {
    const { settings } = this
    if (isTransactional(batch, 0)) {
      return { code: 'invalid-record', detail: 'transactions are not supported by this version of Polylog' }
    }
    if (settings.cleanupCompact) {
      const fault = findKeylessRecord(batch)
      if (fault !== undefined) return { code: 'invalid-record', ...fault }
    }
    if (settings.logAppendTime) return undefined
    const earliestMs = nowMs - settings.timestampBeforeMsMax
    const latestMs = nowMs + settings.timestampAfterMsMax
    // The base timestamp is that of the first record; the largest bounds the others from above.
    const lowestMs = Math.min(baseTimestampOf(batch, 0), maxTimestampOf(batch, 0))
    if (lowestMs < earliestMs && lowestMs >= 0) {
      return { code: 'invalid-timestamp', detail: `timestamp ${lowestMs} is before message.timestamp.before.max.ms` }
    }
    if (maxTimestampOf(batch, 0) > latestMs) {
      const detail = `timestamp ${maxTimestampOf(batch, 0)} is beyond message.timestamp.after.max.ms`
      return { code: 'invalid-timestamp', detail }
    }
    return undefined
  }

  whenCommitted(endOffset: number, callback: (fault: AppendFault | undefined) => void): void {
    if (this.highWatermark >= endOffset) callback(undefined)
    else if (this.log.damage !== undefined) callback({ code: 'storage', detail: this.log.damage })
    else this.#waiters.add(endOffset, callback)
  }

  appendRecords(records: readonly InternalRecord[]): Promise<number> {
    const batch = buildBatch(records, { baseTimestampMs: this.#clock.nowMs() })
    const refusal = this.log.damage ?? this.#store.refusal
    if (refusal !== undefined) return Promise.reject(new BrokerError('storage', refusal))
    const appended = this.#take(batch, true, -1)
    if ('code' in appended) return Promise.reject(new BrokerError(appended.code, appended.detail))
    return new Promise((resolve, reject) => {
      this.whenCommitted(appended.endOffset, (fault) => {
        if (fault) reject(new BrokerError(fault.code, fault.detail))
        else resolve(appended.baseOffset)
      })
    })
  }

  read(request: ReadRequest): ReadResult | Promise<ReadResult> {
    const { offset, bytesMax, atLeastOne, isolation } = request
    if (offset < this.logStartOffset || offset > this.logEndOffset) throw this.#outOfRange(offset)
    const read = this.log.read(offset, this.#visibleEnd(isolation), bytesMax, atLeastOne)
    if (!(read instanceof Promise)) return this.#result(read)
    return inStorageTerms(() => read).then((found) => {
      if (offset >= this.logStartOffset) return this.#result(found)
      // The log start passed the reader while the disk was asked: it must be told, not given what comes later.
      found.release()
      throw this.#outOfRange(offset)
    })
  }

  #outOfRange(offset: number): BrokerError {
    const detail = `offset ${offset} is outside ${this.logStartOffset} to ${this.logEndOffset}`
    return new BrokerError('offset-out-of-range', detail)
  }

  #result(read: LogRead): ReadResult {
    return {
      chunks: read.chunks,
      bytes: read.bytes,
      highWatermark: this.highWatermark,
      lastStableOffset: this.lastStableOffset,
      logStartOffset: this.logStartOffset,
      abortedTransactions: noTransactions,
      release: read.release,
    }
  }

  readableBytes(offset: number, isolation: IsolationLevel): number {
    const end = this.#visibleEnd(isolation)
    if (offset >= end) return 0
    let bytes = this.log.tail.bytesBetween(Math.max(offset, this.log.tail.startOffset), end)
    if (offset >= this.log.tail.startOffset) return bytes
    const { segments } = this.log
    for (let i = this.log.segmentIndexOf(offset); i < segments.length; i++) bytes += segments[i]!.bytes
    return bytes
  }

  #visibleEnd(isolation: IsolationLevel): number {
    return isolation === 'read-committed' ? this.lastStableOffset : this.highWatermark
  }

  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  offsetForTimestamp(timestampMs: number): Promise<FoundOffset | undefined> {
    return inStorageTerms(() => findByTimestamp(this.log, timestampMs, this.highWatermark))
  }

  offsetOfMaxTimestamp(): Promise<FoundOffset | undefined> {
    return inStorageTerms(() => findMaxTimestamp(this.log, this.highWatermark))
  }

  epochAt(offset: number): number {
    return this.log.epochs.epochAt(offset)
  }

  endOfEpoch(epoch: number): { leaderEpoch: number; endOffset: number } {
    return this.log.epochs.endOf(epoch, this.logEndOffset)
  }

  async deleteRecordsBefore(offset: number): Promise<number> {
    const target = offset === -1 ? this.highWatermark : offset
    if (target < 0 || target > this.highWatermark) {
      throw new BrokerError('offset-out-of-range', `records can be deleted up to offset ${this.highWatermark}`)
    }
    if (target > this.logStartOffset) {
      await inStorageTerms(() => this.#store.moveStart(this.log, target))
      this.#changed()
    }
    return this.logStartOffset
  }

  activeProducers(): readonly ActiveProducer[] {
    return [...this.log.producers.entries()].map((entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestampMs: entry.lastTimestampMs,
      transactionStartOffset: -1,
    }))
  }

  #changed(): void {
    const { damage } = this.log
    this.#waiters.release(this.highWatermark)
    if (damage !== undefined) this.#waiters.fail({ code: 'storage', detail: damage })
    for (const listener of this.#listeners) listener()
  }
}
