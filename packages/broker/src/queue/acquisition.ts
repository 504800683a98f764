import { BrokerError } from '../errors/errors.ts'
import type { Clock } from '../host/clock.ts'
import { baseOffsetOf, batchBytesOf, lastOffsetOf, recordCountOf } from '../record/batch.ts'
import { sliceBatch } from '../record/slice.ts'
import type { IsolationLevel, Partition, ReadResult } from '../topic/partition.ts'
import { AbortedTransactions } from './aborted-transactions.ts'
import type { BatchJudge } from './batch-judge.ts'
import type { AcquiredRange } from './queue-messages.ts'
import type { Acquired, AcquireRequest } from './queue-manager.ts'
import type { QueuePartition } from './queue-partition.ts'

/** Bytes looked at in one turn, where nothing of them is wanted. */
const lookBytesMax = 1 << 20
/**
 * Read for a few messages, and for each of them: those that have come back lie anywhere, and most of what lies around is done; and of
 * new ones no more than a member wants shall come from a disk.
 */
const scatteredBytesMin = 16 * 1024
const scatteredBytesEach = 4 * 1024
/** A batch goes as it is, unless it is larger than this and a member gets half of its records at most. */
const wholeBytesMax = 4096

export interface AcquisitionParts {
  readonly queue: QueuePartition
  readonly partition: Partition
  readonly clock: Clock
  readonly isolation: IsolationLevel
  readonly judge: BatchJudge | undefined
  readonly lockCountMax: number
}

/** One request being served: reads where messages are ready, and takes what is to be delivered of it. */
export class Acquisition {
  readonly #parts: AcquisitionParts
  readonly #request: AcquireRequest
  readonly #ranges: AcquiredRange[] = []
  readonly #chunks: Uint8Array[] = []
  readonly #reads: ReadResult[] = []
  #recordCount = 0
  #bytes = 0
  #lookedAtBytes = 0
  /** Taken of the present batch. */
  #batchFirst = -1
  #batchLast = -1
  /** Nothing below is of interest any more. */
  #cursor = 0

  constructor(parts: AcquisitionParts, request: AcquireRequest) {
    this.#parts = parts
    this.#request = request
  }

  run(): Acquired | Promise<Acquired> {
    const { queue, partition } = this.#parts
    try {
      for (;;) {
        queue.advanceStart(partition.logStartOffset)
        const span = this.#isFull ? undefined : queue.nextReady(this.#cursor)
        if (span === undefined || span.first >= this.#visibleEnd) return this.#finish()
        if (this.#lookedAtBytes >= lookBytesMax) return this.#later()
        const read = this.#read(span)
        if (read instanceof Promise) {
          return read.then(
            (found) => (this.#take(found, span) ? this.run() : this.#finish()),
            (error: unknown) => this.#fail(error),
          )
        }
        if (!this.#take(read, span)) return this.#finish()
      }
    } catch (error) {
      return this.#fail(error)
    }
  }

  get #isFull(): boolean {
    const { recordsMax, bytesMax } = this.#request
    return this.#recordCount >= recordsMax || (this.#recordCount > 0 && this.#bytes >= bytesMax)
  }

  get #visibleEnd(): number {
    const { partition, isolation } = this.#parts
    return isolation === 'read-committed' ? partition.lastStableOffset : partition.highWatermark
  }

  #read({ first, last }: { first: number; last: number }): ReadResult | Promise<ReadResult> {
    const { partition, isolation } = this.#parts
    const count = Math.min(last - first + 1, this.#request.recordsMax - this.#recordCount)
    const wanted = Math.max(scatteredBytesMin, count * scatteredBytesEach)
    const bytesMax = Math.max(0, Math.min(wanted, this.#request.bytesMax - this.#bytes))
    const atLeastOne = this.#request.atLeastOne && this.#recordCount === 0
    return partition.read({ offset: first, bytesMax, atLeastOne, isolation })
  }

  /** Where so much is of no interest, others get their turn before it goes on. */
  #later(): Promise<Acquired> {
    this.#lookedAtBytes = 0
    return new Promise((resolve) => this.#parts.clock.endOfTurn(() => resolve(this.run())))
  }

  /** @returns whether there may be more */
  #take(read: ReadResult, span: { first: number; last: number }): boolean {
    const bytesBefore = this.#bytes
    const aborted = new AbortedTransactions(read.abortedTransactions)
    this.#cursor = span.first
    for (const chunk of read.chunks) if (!this.#takeChunk(chunk, span, aborted)) break
    this.#lookedAtBytes += read.bytes
    if (this.#bytes > bytesBefore) this.#reads.push(read)
    else read.release()
    return this.#cursor > span.first
  }

  /** @returns whether to go on behind it */
  #takeChunk(chunk: Uint8Array, span: { first: number; last: number }, aborted: AbortedTransactions): boolean {
    for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
      this.#skipGap(baseOffsetOf(chunk, at), span.last)
      if (this.#isOver(span, chunk, at)) return false
      this.#takeBatch(chunk, at, aborted)
    }
    return true
  }

  /**
   * There is nothing before the next batch any more: compaction has taken it. That batch may lie behind all that was asked for,
   * which else would stay ready for ever, with everything behind it out of reach.
   */
  #skipGap(base: number, last: number): void {
    const end = Math.min(base, last + 1)
    if (end <= this.#cursor) return
    this.#parts.queue.skip(this.#cursor, end - 1, 'gap')
    this.#cursor = end
  }

  /** Whether the batch lies behind what was asked for, or there is enough. */
  #isOver({ last }: { last: number }, chunk: Uint8Array, at: number): boolean {
    const { queue, lockCountMax } = this.#parts
    return this.#cursor > last || baseOffsetOf(chunk, at) > last || this.#isFull || queue.acquiredCount >= lockCountMax
  }

  #takeBatch(chunk: Uint8Array, at: number, aborted: AbortedTransactions): void {
    const { queue, judge, clock } = this.#parts
    const base = baseOffsetOf(chunk, at)
    const last = lastOffsetOf(chunk, at)
    const first = Math.max(base, this.#cursor)
    const isHidden = aborted.hides(chunk, at)
    this.#cursor = Math.max(this.#cursor, last + 1)
    if (last < first) return
    if (isHidden) {
      queue.skip(first, last, 'gap')
      return
    }
    const countBefore = this.#recordCount
    this.#batchFirst = -1
    const verdicts = judge?.judge(chunk, at, clock.nowMs())
    if (verdicts === undefined) this.#acquire(first, last)
    else this.#acquireJudged(first, last, base, verdicts)
    if (this.#recordCount > countBefore) this.#keep(this.#partOf(chunk, at))
  }

  /** What of a batch a member is sent: where many share a large one, each of them would get all of it. */
  #partOf(chunk: Uint8Array, at: number): Uint8Array {
    const bytes = batchBytesOf(chunk, at)
    const isSmallPart = (this.#batchLast - this.#batchFirst + 1) * 2 <= recordCountOf(chunk, at)
    const slice =
      bytes > wholeBytesMax && isSmallPart ? sliceBatch(chunk, at, this.#batchFirst, this.#batchLast) : undefined
    return slice ?? chunk.subarray(at, at + bytes)
  }

  #acquireJudged(
    first: number,
    last: number,
    base: number,
    verdicts: ReturnType<NonNullable<BatchJudge['judge']>>,
  ): void {
    for (let start = first; start <= last; ) {
      const verdict = verdicts![start - base]
      let end = start
      while (end < last && verdicts![end + 1 - base] === verdict) end++
      if (verdict === 'deliver') this.#acquire(start, end)
      else this.#parts.queue.skip(start, end, verdict ?? 'gap')
      start = end + 1
    }
  }

  #acquire(first: number, last: number): void {
    const { queue, clock, lockCountMax } = this.#parts
    const { memberId, mode, recordsMax } = this.#request
    const lockCount = lockCountMax - queue.acquiredCount
    const countMax = mode === 'record-limit' ? Math.min(lockCount, recordsMax - this.#recordCount) : lockCount
    if (countMax <= 0) return
    for (const range of queue.acquire(memberId, first, last, countMax, clock.monotonicMs())) {
      this.#recordCount += range.lastOffset - range.firstOffset + 1
      if (this.#batchFirst < 0) this.#batchFirst = range.firstOffset
      this.#batchLast = range.lastOffset
      const before = this.#ranges.at(-1)
      if (before?.lastOffset === range.firstOffset - 1 && before.deliveryCount === range.deliveryCount) {
        this.#ranges[this.#ranges.length - 1] = { ...before, lastOffset: range.lastOffset }
      } else this.#ranges.push(range)
    }
  }

  #keep(batch: Uint8Array): void {
    this.#bytes += batch.length
    const before = this.#chunks.at(-1)
    const isNext = before?.buffer === batch.buffer && before.byteOffset + before.length === batch.byteOffset
    if (!isNext) this.#chunks.push(batch)
    else {
      const whole = new Uint8Array(before.buffer, before.byteOffset, before.length + batch.length)
      this.#chunks[this.#chunks.length - 1] = whole
    }
  }

  /** What was taken before a failure is the member's all the same. */
  #fail(error: unknown): Acquired {
    if (this.#recordCount > 0) return this.#finish()
    for (const read of this.#reads) read.release()
    // The log start has passed the reader: the next request begins behind it.
    if (error instanceof BrokerError && error.code === 'offset-out-of-range') return this.#finish()
    throw error
  }

  #finish(): Acquired {
    const reads = this.#reads
    return {
      ranges: this.#ranges,
      recordCount: this.#recordCount,
      chunks: this.#chunks,
      bytes: this.#bytes,
      release: () => {
        for (const read of reads.splice(0)) read.release()
      },
    }
  }
}
