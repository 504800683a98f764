import type { ErrorCode } from '../../errors/errors.ts'
import { BrokerError } from '../../errors/errors.ts'
import type { Clock } from '../../host/clock.ts'
import type { Ownership } from '../../host/frame-memory.ts'
import {
  batchBytesOf,
  baseOffsetOf,
  lastOffsetOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  baseSequenceOf,
  lastSequenceOf,
  recordCountOf,
  stampBatch,
} from '../../record/batch.ts'
import { findProducerBatchFault } from '../../record/validate.ts'
import type {
  ActiveProducer,
  Appended,
  AppendFault,
  InternalRecord,
  IsolationLevel,
  Partition,
  ReadRequest,
  ReadResult,
  ReplicaFetch,
} from '../../topic/partition.ts'

interface Waiter {
  readonly endOffset: number
  readonly callback: (fault: AppendFault | undefined) => void
}

/**
 * A partition in memory for tests of the front-end. What is appended is durable at the end of the turn, and committed once
 * all `followers` have fetched it, unless a test holds it.
 */
export class MemoryPartition implements Partition {
  readonly topicName: string
  readonly topicId: string
  readonly index: number
  leaderEpoch = 0
  logStartOffset = 0
  highWatermark = 0
  logEndOffset = 0
  durableOffset = 0
  isSettled = true
  missingRecords: string | undefined = undefined
  /** Set by a test: broker ids that must have fetched what is committed. */
  followers: readonly number[] = []
  /** What followers said, the newest last. */
  readonly noted: ReplicaFetch[] = []
  /** Set by a test: where consumers are sent by their rack. */
  readonly replicaByRack = new Map<string, number>()
  /** Set by a test: nothing commits until `commit` is called. */
  held = false
  /** Set by a test: reads of old data go by way of a promise. */
  slowReads = false
  batchBytesMax = 1_048_588
  /** Read results that were not released yet. */
  readsOpen = 0

  private readonly clock: Clock
  private readonly batches: Buffer[] = []
  private readonly listeners = new Set<() => void>()
  private waiting: Waiter[] = []
  private waitingForDisk: Waiter[] = []
  private readonly epochStarts = new Map<number, number>([[0, 0]])

  constructor(clock: Clock, topicName: string, topicId: string, index: number) {
    this.clock = clock
    this.topicName = topicName
    this.topicId = topicId
    this.index = index
  }

  get lastStableOffset(): number {
    return this.highWatermark
  }

  get sizeBytes(): number {
    return this.batches.reduce((sum, batch) => sum + batch.length, 0)
  }

  /** Listeners that are registered now. */
  get listenerCount(): number {
    return this.listeners.size
  }

  append(batch: Uint8Array, _owned: Ownership, _acks: -1 | 0 | 1): Appended | AppendFault {
    const fault = findProducerBatchFault(batch, this.batchBytesMax)
    if (fault !== undefined) return fault
    const duplicate = this.findDuplicate(batch)
    if (duplicate !== undefined) {
      const endOffset = lastOffsetOf(duplicate, 0) + 1
      return { baseOffset: baseOffsetOf(duplicate, 0), endOffset, logAppendTimeMs: -1, duplicate: true }
    }
    const stored = Buffer.from(batch)
    const baseOffset = this.logEndOffset
    stampBatch(stored, 0, baseOffset, this.leaderEpoch)
    this.batches.push(stored)
    this.logEndOffset = baseOffset + recordCountOf(stored, 0)
    if (!this.held) this.clock.endOfTurn(() => this.commit())
    return { baseOffset, endOffset: this.logEndOffset, logAppendTimeMs: -1, duplicate: false }
  }

  /** Makes all that was appended durable, or fails everything that waits. */
  commit(fault?: AppendFault): void {
    if (fault === undefined) this.durableOffset = this.logEndOffset
    const ready = this.waitingForDisk.filter((each) => fault !== undefined || each.endOffset <= this.durableOffset)
    this.waitingForDisk = this.waitingForDisk.filter((each) => !ready.includes(each))
    for (const { callback } of ready) callback(fault)
    this.moveHighWatermark(fault)
  }

  private moveHighWatermark(fault?: AppendFault): void {
    this.highWatermark = Math.max(this.highWatermark, this.committedEnd())
    const ready = this.waiting.filter((each) => fault !== undefined || each.endOffset <= this.highWatermark)
    this.waiting = this.waiting.filter((each) => !ready.includes(each))
    for (const { callback } of ready) callback(fault)
    this.advance()
  }

  noteFetch(fetch: ReplicaFetch): ErrorCode | undefined {
    if (!this.followers.includes(fetch.replicaId)) return 'unknown-leader-epoch'
    this.noted.push(fetch)
    if (this.committedEnd() > this.highWatermark) this.moveHighWatermark()
    return undefined
  }

  /** Least end of all replicas. */
  private committedEnd(): number {
    const ends = this.followers.map((id) => this.noted.findLast((each) => each.replicaId === id)?.fetchOffset ?? 0)
    return Math.min(this.durableOffset, ...ends)
  }

  preferredReadReplica(rack: string, _offset: number): number {
    return this.replicaByRack.get(rack) ?? -1
  }

  /** As compaction does: the batch that holds an offset is gone. */
  removeBatch(offset: number): void {
    const at = this.batches.findIndex((batch) => baseOffsetOf(batch, 0) <= offset && lastOffsetOf(batch, 0) >= offset)
    this.batches.splice(at, 1)
  }

  /** Starts a new leader epoch at the present log end. */
  startEpoch(epoch: number): void {
    this.leaderEpoch = epoch
    this.epochStarts.set(epoch, this.logEndOffset)
    this.advance()
  }

  whenCommitted(endOffset: number, callback: (fault: AppendFault | undefined) => void): void {
    if (endOffset <= this.highWatermark) callback(undefined)
    else this.waiting.push({ endOffset, callback })
  }

  whenDurable(endOffset: number, callback: (fault: AppendFault | undefined) => void): void {
    if (endOffset <= this.durableOffset) callback(undefined)
    else this.waitingForDisk.push({ endOffset, callback })
  }

  appendRecords(_records: readonly InternalRecord[]): Promise<number> {
    return Promise.reject(new Error('the front-end writes no records of its own'))
  }

  read(request: ReadRequest): ReadResult | Promise<ReadResult> {
    const { offset } = request
    if (offset < this.logStartOffset || offset > this.logEndOffset) throw new BrokerError('offset-out-of-range')
    return this.open(request, this.highWatermark)
  }

  readForReplica(request: Omit<ReadRequest, 'isolation'>): ReadResult | Promise<ReadResult> {
    const { offset } = request
    if (offset < this.logStartOffset || offset > this.logEndOffset) throw new BrokerError('offset-out-of-range')
    return this.open(request, this.durableOffset)
  }

  private open(request: Omit<ReadRequest, 'isolation'>, end: number): ReadResult | Promise<ReadResult> {
    const result = this.collect(request, end)
    this.readsOpen++
    return this.slowReads ? new Promise((resolve) => this.clock.endOfTurn(() => resolve(result))) : result
  }

  readableBytes(offset: number, _isolation: IsolationLevel): number {
    return this.visible(offset, this.highWatermark).reduce((sum, batch) => sum + batch.length, 0)
  }

  onAdvance(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  onReplicaAdvance(listener: () => void): () => void {
    return this.onAdvance(listener)
  }

  async offsetForTimestamp(timestampMs: number) {
    const batch = this.batches.find((each) => maxTimestampOf(each, 0) >= timestampMs)
    return batch === undefined ? undefined : this.positionOf(batch)
  }

  async offsetOfMaxTimestamp() {
    const [first] = this.batches.toSorted((a, b) => maxTimestampOf(b, 0) - maxTimestampOf(a, 0))
    return first === undefined ? undefined : this.positionOf(first)
  }

  epochAt(_offset: number): number {
    return this.leaderEpoch
  }

  endOfEpoch(epoch: number): { leaderEpoch: number; endOffset: number } {
    const known = [...this.epochStarts.keys()].filter((each) => each <= epoch).toSorted((a, b) => a - b)
    const leaderEpoch = known.at(-1)
    if (leaderEpoch === undefined || epoch > this.leaderEpoch) return { leaderEpoch: -1, endOffset: -1 }
    const next = [...this.epochStarts.keys()].filter((each) => each > epoch).toSorted((a, b) => a - b)[0]
    return { leaderEpoch, endOffset: next === undefined ? this.logEndOffset : this.epochStarts.get(next)! }
  }

  async deleteRecordsBefore(offset: number): Promise<number> {
    const wanted = offset === -1 ? this.highWatermark : offset
    if (wanted < 0 || wanted > this.highWatermark) throw new BrokerError('offset-out-of-range')
    this.logStartOffset = Math.max(this.logStartOffset, wanted)
    return this.logStartOffset
  }

  activeProducers(): readonly ActiveProducer[] {
    const last = new Map(this.batches.map((batch) => [producerIdOf(batch, 0), batch]))
    last.delete(-1)
    return [...last.values()].map((batch) => ({
      producerId: producerIdOf(batch, 0),
      producerEpoch: producerEpochOf(batch, 0),
      lastSequence: lastSequenceOf(batch, 0),
      lastTimestampMs: maxTimestampOf(batch, 0),
      transactionStartOffset: -1,
    }))
  }

  private collect({ offset, bytesMax, atLeastOne }: Omit<ReadRequest, 'isolation'>, end: number): ReadResult {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for (const batch of this.visible(offset, end)) {
      const isFirst = chunks.length === 0 && atLeastOne
      if (bytes + batchBytesOf(batch, 0) > bytesMax && !isFirst) break
      chunks.push(batch)
      bytes += batch.length
    }
    let released = false
    return {
      chunks,
      bytes,
      highWatermark: this.highWatermark,
      lastStableOffset: this.lastStableOffset,
      logStartOffset: this.logStartOffset,
      abortedTransactions: [],
      release: () => {
        if (released) throw new Error('released twice')
        released = true
        this.readsOpen--
      },
    }
  }

  private visible(offset: number, end: number): Buffer[] {
    return this.batches.filter((batch) => lastOffsetOf(batch, 0) >= offset && lastOffsetOf(batch, 0) < end)
  }

  private findDuplicate(batch: Uint8Array): Buffer | undefined {
    if (producerIdOf(batch, 0) < 0) return undefined
    return this.batches.find(
      (each) =>
        producerIdOf(each, 0) === producerIdOf(batch, 0) && baseSequenceOf(each, 0) === baseSequenceOf(batch, 0),
    )
  }

  private positionOf(batch: Buffer) {
    return { offset: baseOffsetOf(batch, 0), timestampMs: maxTimestampOf(batch, 0), leaderEpoch: this.leaderEpoch }
  }

  private advance(): void {
    this.clock.endOfTurn(() => {
      for (const listener of this.listeners) listener()
    })
  }
}
