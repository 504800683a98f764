import { apis } from '@polylog/wire'
import type { ErrorCode } from '../../errors/errors.ts'
import type { Timer } from '../../host/clock.ts'
import type { IsolationLevel, Partition, ReadResult } from '../../topic/partition.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { findEpochFault, findLeader, findPartition } from '../find-partition.ts'
import type { RequestContext } from '../request-context.ts'
import { describeFailure } from '../serve.ts'
import { FetchAnswer, findCompressionFault } from './fetch-answer.ts'
import type { FetchEntry } from './fetch-entry.ts'
import type { FetchScope } from './fetch-sessions.ts'

/** What a request allows and wants. */
export interface FetchTerms {
  readonly bytesMin: number
  readonly bytesMax: number
  readonly waitMsMax: number
  readonly isolation: IsolationLevel
}

const topicIdsSince = 13
const leaderHintSince = 12
const zstdSince = 10

/**
 * A Fetch request that is being served: waits until there is enough to read, or an error to tell, or its time is up; then
 * reads the partitions in order. Batches travel by reference from the log to the socket.
 */
export class PendingFetch {
  private readonly context: RequestContext
  private readonly scope: FetchScope
  private readonly terms: FetchTerms
  private readonly answer: FetchAnswer
  /** Results whose memory the answer refers to. */
  private readonly reads: ReadResult[] = []
  private bytesRead = 0
  private timer: Timer | undefined
  private stopListening: (() => void)[] = []
  private checkPending = false
  private isWaiting = false

  constructor(context: RequestContext, scope: FetchScope, terms: FetchTerms) {
    this.context = context
    this.scope = scope
    this.terms = terms
    this.answer = new FetchAnswer(scope.session, scope.isIncremental)
  }

  start(): void {
    if (this.terms.waitMsMax <= 0 || this.hasEnough()) this.readFrom(0)
    else this.wait()
  }

  /** Whether waiting would be wrong: enough can be read, or some partition has something else to tell. */
  private hasEnough(): boolean {
    let bytes = 0
    if (bytes >= this.terms.bytesMin) return true
    for (const entry of this.scope.entries) {
      const partition = this.locate(entry)
      if (typeof partition === 'string' || findEpochFault(partition, entry.currentLeaderEpoch) !== undefined)
        return true
      const { fetchOffset } = entry
      if (fetchOffset < partition.logStartOffset || fetchOffset > partition.logEndOffset) return true
      if (findDivergence(partition, entry) !== undefined) return true
      bytes += Math.min(partition.readableBytes(fetchOffset, this.terms.isolation), Math.max(0, entry.bytesMax))
      if (bytes >= this.terms.bytesMin) return true
    }
    return false
  }

  private wait(): void {
    const { context } = this
    this.isWaiting = true
    this.timer = context.services.host.clock.startTimer(this.terms.waitMsMax, () => this.stopWaiting(true))
    for (const entry of this.scope.entries) {
      const partition = this.locate(entry)
      if (typeof partition !== 'string') this.stopListening.push(partition.onAdvance(this.advanced))
    }
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
    for (const stop of this.stopListening) stop()
    this.stopListening = []
    if (thenRead) this.readFrom(0)
  }

  /** Reads the partitions from the given place in the order on; goes on later if one of them needs the disk. */
  private readFrom(start: number): void {
    const { entries } = this.scope
    try {
      for (let at = start; at < entries.length; at++) {
        const reading = this.readOne(entries[at]!)
        if (reading === undefined) continue
        void reading.then(() => this.readFrom(at + 1))
        return
      }
      this.context.answer(this.answer.finish(), () => this.release(), this.bytesRead)
    } catch (error) {
      this.abort(error)
    }
  }

  private abort(error: unknown): void {
    this.release()
    this.context.abort(describeFailure(error, this.context).message)
  }

  private readOne(entry: FetchEntry): Promise<void> | undefined {
    const partition = this.locate(entry)
    if (typeof partition === 'string') {
      this.refuse(entry, partition)
      return undefined
    }
    const epochFault = findEpochFault(partition, entry.currentLeaderEpoch)
    if (epochFault !== undefined) {
      this.refuse(entry, epochFault)
      return undefined
    }
    const divergence = findDivergence(partition, entry)
    if (divergence !== undefined) {
      this.answer.addDivergence(entry, nothingRead(partition), divergence.leaderEpoch, divergence.endOffset)
      return undefined
    }
    return this.readPartition(partition, entry)
  }

  private readPartition(partition: Partition, entry: FetchEntry): Promise<void> | undefined {
    const { fetchOffset: offset } = entry
    const { isolation } = this.terms
    // The first batch of the first partition that has any is returned however large, so that a consumer with small
    // limits gets on; everything after it has to fit.
    const atLeastOne = this.bytesRead === 0
    const bytesMax = Math.max(0, Math.min(entry.bytesMax, this.terms.bytesMax - this.bytesRead))
    const isInRange = offset >= partition.logStartOffset && offset <= partition.logEndOffset
    if (isInRange && bytesMax === 0 && !atLeastOne) {
      this.answer.addData(entry, nothingRead(partition), isolation === 'read-committed')
      return undefined
    }
    try {
      const result = partition.read({ offset, bytesMax, atLeastOne, isolation })
      if (result instanceof Promise) {
        return result.then((read) => this.take(entry, read)).catch((error: unknown) => this.fail(entry, error))
      }
      this.take(entry, result)
    } catch (error) {
      this.fail(entry, error)
    }
    return undefined
  }

  private take(entry: FetchEntry, read: ReadResult): void {
    this.reads.push(read)
    const tooNew = this.context.apiVersion < zstdSince ? findCompressionFault(read.chunks) : undefined
    if (tooNew !== undefined) {
      this.refuse(entry, tooNew)
      return
    }
    this.bytesRead += read.bytes
    this.answer.addData(entry, read, this.terms.isolation === 'read-committed')
  }

  private fail(entry: FetchEntry, error: unknown): void {
    this.answer.addError(entry, describeFailure(error, this.context).errorCode)
  }

  private refuse(entry: FetchEntry, code: ErrorCode): void {
    const { topics, metrics } = this.context.services
    const errorCode = kafkaErrorCode(code)
    metrics.errorAnswered(apis[1].key, errorCode)
    const hasMoved = code === 'not-leader' || code === 'fenced-leader-epoch'
    const name = hasMoved && this.context.apiVersion >= leaderHintSince ? this.nameOf(entry) : undefined
    this.answer.addError(entry, errorCode, name === undefined ? undefined : findLeader(topics, name, entry.index))
  }

  private locate(entry: FetchEntry): Partition | ErrorCode {
    const name = this.nameOf(entry)
    return name === undefined ? 'unknown-topic-id' : findPartition(this.context.services.topics, name, entry.index)
  }

  private nameOf(entry: FetchEntry): string | undefined {
    if (this.context.apiVersion < topicIdsSince) return entry.topic
    return this.context.services.topics.findById(entry.topicId)?.name
  }

  private release(): void {
    for (const read of this.reads) read.release()
    this.reads.length = 0
  }
}

/** Where the fetcher's log parts from this one, judged by the epoch of its last record (KIP-595). */
function findDivergence(
  partition: Partition,
  entry: FetchEntry,
): { leaderEpoch: number; endOffset: number } | undefined {
  if (entry.lastFetchedEpoch < 0) return undefined
  const end = partition.endOfEpoch(entry.lastFetchedEpoch)
  return end.leaderEpoch < entry.lastFetchedEpoch || end.endOffset < entry.fetchOffset ? end : undefined
}

function nothingRead(partition: Partition): Omit<ReadResult, 'release'> {
  const { highWatermark, lastStableOffset, logStartOffset } = partition
  return { chunks: [], bytes: 0, highWatermark, lastStableOffset, logStartOffset, abortedTransactions: [] }
}
