import { apis } from '@polylog/wire'
import type { ErrorCode } from '../../errors/errors.ts'
import type { Timer } from '../../host/clock.ts'
import type { Partition, ReadResult } from '../../topic/partition.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { LeaderHints } from '../find-partition.ts'
import type { RequestContext } from '../request-context.ts'
import { describeFailure } from '../serve.ts'
import { FetchAnswer, findCompressionFault } from './fetch-answer.ts'
import type { FetchEntry } from './fetch-entry.ts'
import { topicNameOf } from './fetch-reader.ts'
import type { FetchReader, FetchVerdict } from './fetch-reader.ts'
import type { FetchScope } from './fetch-sessions.ts'

/** What a request allows and wants. */
export interface FetchTerms {
  readonly bytesMin: number
  readonly bytesMax: number
  readonly waitMsMax: number
  readonly isReadCommitted: boolean
  readonly isFollower: boolean
}

const leaderHintSince = 12
const endpointsSince = 16
const zstdSince = 10

/**
 * A Fetch request that is being served: waits until there is enough to read, or an error to tell, or its time is up; then
 * reads the partitions in order. Batches travel by reference from the log to the socket.
 */
export class PendingFetch {
  private readonly context: RequestContext
  private readonly terms: FetchTerms
  private readonly reader: FetchReader
  private readonly answer: FetchAnswer
  private readonly hints: LeaderHints
  /** Results whose memory the answer refers to. */
  private readonly reads: ReadResult[] = []
  private bytesRead = 0
  private timer: Timer | undefined
  private stopListening: (() => void) | undefined
  private checkPending = false
  private isWaiting = false

  constructor(context: RequestContext, scope: FetchScope, reader: FetchReader, terms: FetchTerms) {
    this.context = context
    this.reader = reader
    this.terms = terms
    this.hints = new LeaderHints(context)
    this.answer = new FetchAnswer(scope.session, scope.isIncremental)
  }

  start(): void {
    if (this.terms.waitMsMax <= 0 || this.hasEnough()) this.readAll()
    else this.wait()
  }

  /** Whether waiting would be wrong: enough can be read, or some partition has something else to tell. */
  private hasEnough(): boolean {
    const { reader, terms } = this
    let bytes = 0
    if (bytes >= terms.bytesMin) return true
    for (const entry of reader.entries()) {
      const partition = reader.locate(entry)
      if (typeof partition === 'string') return true
      const verdict = reader.judge(partition, entry)
      if (verdict?.kind === 'not-yet') continue
      if (verdict !== undefined) return true
      bytes += reader.readyBytes(partition, entry)
      if (bytes >= terms.bytesMin) return true
    }
    return false
  }

  private wait(): void {
    const { context } = this
    this.isWaiting = true
    this.timer = context.services.host.clock.startTimer(this.terms.waitMsMax, () => this.stopWaiting(true))
    this.stopListening = this.reader.listen(this.advanced)
    context.park((reason) => this.stopWaiting(reason === 'stopping'))
  }

  /** Many partitions may advance in one turn; looking at them once at its end is enough and fills the answer better. */
  private readonly advanced = (): void => {
    if (this.checkPending || !this.isWaiting) return
    this.checkPending = true
    this.context.services.host.clock.endOfTurn(() => {
      this.checkPending = false
      if (this.isWaiting) this.check()
    })
  }

  /** Runs outside of any request, so nothing but this request may suffer from what goes wrong here. */
  private check(): void {
    try {
      if (this.hasEnough()) this.stopWaiting(true)
    } catch (error) {
      this.stopWaiting(false)
      this.abort(error)
    }
  }

  private stopWaiting(thenRead: boolean): void {
    if (!this.isWaiting) return
    this.isWaiting = false
    this.timer?.cancel()
    this.stopListening?.()
    if (thenRead) this.readAll()
  }

  private readAll(): void {
    this.readFrom(0, this.reader.entries())
  }

  /** Reads the partitions from the given place in the order on; goes on later if one of them needs the disk. */
  private readFrom(start: number, entries: readonly FetchEntry[]): void {
    try {
      for (let at = start; at < entries.length; at++) {
        const reading = this.readOne(entries[at]!)
        if (reading === undefined) continue
        void reading.then(() => this.readFrom(at + 1, entries))
        return
      }
      this.finish()
    } catch (error) {
      this.abort(error)
    }
  }

  private finish(): void {
    const { context, terms } = this
    if (terms.isFollower) context.services.metrics.replicationSent(this.bytesRead)
    const endpoints = context.apiVersion >= endpointsSince ? this.hints.endpoints() : []
    context.answer(this.answer.finish(endpoints), () => this.release(), this.bytesRead)
  }

  private abort(error: unknown): void {
    this.release()
    this.context.abort(describeFailure(error, this.context).message)
  }

  private readOne(entry: FetchEntry): Promise<void> | undefined {
    const partition = this.reader.locate(entry)
    if (typeof partition === 'string') {
      this.refuse(entry, partition)
      return undefined
    }
    const verdict = this.reader.judge(partition, entry)
    if (verdict === undefined) return this.readPartition(partition, entry)
    this.tell(entry, partition, verdict)
    return undefined
  }

  private tell(entry: FetchEntry, partition: Partition, verdict: FetchVerdict): void {
    const { answer } = this
    if (verdict.kind === 'fault') this.refuse(entry, verdict.code, partition)
    else if (verdict.kind === 'diverging') answer.addDivergence(entry, nothingRead(partition), verdict)
    else if (verdict.kind === 'elsewhere') {
      answer.addPreferredReplica(entry, nothingRead(partition), verdict.brokerId)
    } else this.addData(entry, partition, nothingRead(partition))
  }

  private readPartition(partition: Partition, entry: FetchEntry): Promise<void> | undefined {
    // The first batch of the first partition that has any is returned however large, so that a consumer with small
    // limits gets on; everything after it has to fit.
    const atLeastOne = this.bytesRead === 0
    const bytesMax = Math.max(0, Math.min(entry.bytesMax, this.terms.bytesMax - this.bytesRead))
    if (bytesMax === 0 && !atLeastOne) {
      this.addData(entry, partition, nothingRead(partition))
      return undefined
    }
    try {
      const result = this.reader.read(partition, entry, bytesMax, atLeastOne)
      if (result instanceof Promise) {
        return result
          .then((read) => this.take(entry, partition, read))
          .catch((error: unknown) => this.fail(entry, error))
      }
      this.take(entry, partition, result)
    } catch (error) {
      this.fail(entry, error)
    }
    return undefined
  }

  private take(entry: FetchEntry, partition: Partition, read: ReadResult): void {
    this.reads.push(read)
    const tooNew = this.context.apiVersion < zstdSince ? findCompressionFault(read.chunks) : undefined
    if (tooNew !== undefined) {
      this.refuse(entry, tooNew)
      return
    }
    this.bytesRead += read.bytes
    this.addData(entry, partition, read)
  }

  private addData(entry: FetchEntry, partition: Partition, read: Omit<ReadResult, 'release'>): void {
    if (!this.answer.addData(entry, read, this.terms.isReadCommitted)) this.reader.settle(partition, entry)
  }

  private fail(entry: FetchEntry, error: unknown): void {
    this.answer.addError(entry, describeFailure(error, this.context).errorCode)
  }

  private refuse(entry: FetchEntry, code: ErrorCode, partition?: Partition): void {
    const { context } = this
    const errorCode = kafkaErrorCode(code)
    context.services.metrics.errorAnswered(apis[1].key, errorCode)
    const hasMoved = code === 'not-leader' || code === 'fenced-leader-epoch'
    const name = hasMoved && context.apiVersion >= leaderHintSince ? topicNameOf(entry, context) : undefined
    const leader = name === undefined ? undefined : this.hints.find(name, entry.index)
    const offsets = this.terms.isFollower && partition !== undefined ? nothingRead(partition) : undefined
    this.answer.addError(entry, errorCode, leader, offsets)
  }

  private release(): void {
    for (const read of this.reads) read.release()
    this.reads.length = 0
  }
}

function nothingRead(partition: Partition): Omit<ReadResult, 'release'> {
  const { highWatermark, lastStableOffset, logStartOffset } = partition
  return { chunks: [], bytes: 0, highWatermark, lastStableOffset, logStartOffset, abortedTransactions: [] }
}
