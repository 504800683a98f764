import type { ErrorCode } from '../errors/errors.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Partition } from '../topic/partition.ts'
import { Acquisition } from './acquisition.ts'
import type { BatchJudge } from './batch-judge.ts'
import type { Change, ChangeBatch } from './change.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { GroupQueueConfig } from './group-queue-config.ts'
import type { QueueCounts } from './queue-counts.ts'
import type { QueueId } from './queue-id.ts'
import type { Acquired, AcquireRequest } from './queue-manager.ts'
import type { Acknowledgement } from './queue-messages.ts'
import { QueuePartition } from './queue-partition.ts'
import type { QueueStore, StoredQueue } from './queue-store.ts'
import { StoredStart } from './stored-start.ts'
import { UnstoredCounts } from './unstored-counts.ts'

/** What all queues of a broker share. */
export interface QueueSurroundings {
  readonly store: QueueStore
  readonly clock: Clock
  readonly logger: Logger
  readonly config: (groupId: string) => GroupQueueConfig
  /** What looks at records on behalf of a group; a promise where that must be made first. */
  readonly judge: (config: GroupQueueConfig) => BatchJudge | undefined | Promise<BatchJudge | undefined>
  readonly deadLetters: DeadLetters
  readonly counts: QueueCounts
  /** Milliseconds that a write of state took. */
  readonly stateWritten: (ms: number) => void
}

/** Pause before what could not be written is written again, if nothing else is to be. */
const unstoredRetryMs = 1000

/** Ranges that are put among the dead letters at the same time. */
const burialsMax = 16

/** Somebody else is in charge of the queue now, or nothing is stored of it any more: what is in memory is void. */
const lost: ReadonlySet<ErrorCode> = new Set(['fenced-state-epoch', 'fenced-leader-epoch', 'group-not-found'])

/** A queue in use: its state machine with the log that the messages are in, the store, and time. */
export class LedQueue {
  readonly id: QueueId
  readonly partition: Partition
  readonly leaderEpoch: number
  readonly #around: QueueSurroundings
  readonly #queue: QueuePartition
  readonly #stateEpoch: number
  readonly #lost: (fault: ErrorCode) => void
  readonly #listeners = new Set<() => void>()
  #stopListening: (() => void) | undefined
  /** Requests that must wait for the disk are served one after the other. */
  #reading: Promise<unknown> | undefined
  #timer: Timer | undefined
  #timerDueMs = Number.POSITIVE_INFINITY
  readonly #unstored = new UnstoredCounts()
  #unstoredTimer: Timer | undefined
  #isUnstoredDue = false
  readonly #start: StoredStart
  #isFlushDue = false
  #openWrites = 0
  #isWriting = false
  #isBurying = false
  #quiet: (() => void)[] = []
  #end: ErrorCode | undefined
  lastUsedMs = 0

  /** @param lost called when this queue is of no use any more; it has ended by then */
  constructor(
    id: QueueId,
    partition: Partition,
    stored: StoredQueue,
    around: QueueSurroundings,
    lost: (fault: ErrorCode) => void,
  ) {
    this.id = id
    this.partition = partition
    this.leaderEpoch = stored.leaderEpoch
    this.#around = around
    this.#stateEpoch = stored.stateEpoch
    this.#lost = lost
    const config = (): GroupQueueConfig => around.config(id.groupId)
    // What an unclean election has cut off was delivered for nothing: other messages have its offsets now.
    const startOffset = Math.min(stored.startOffset, partition.highWatermark)
    const ranges = stored.ranges.filter(({ lastOffset }) => lastOffset < partition.highWatermark)
    this.#queue = new QueuePartition(config, startOffset, ranges, around.counts)
    this.#queue.advanceStart(partition.logStartOffset)
    this.#start = new StoredStart(stored.startOffset)
    this.lastUsedMs = around.clock.monotonicMs()
  }

  /** Messages that members hold, and those before the end of the window that anybody could have. */
  get load(): { acquiredCount: number; readyCount: number } {
    const { startOffset, endOffset, acquiredCount, readyCount } = this.#queue
    return { acquiredCount, readyCount: readyCount + Math.max(0, this.#visibleEnd - Math.max(startOffset, endOffset)) }
  }

  /** Whether it could be forgotten without losing anything: the store has all of it. */
  get isAtRest(): boolean {
    return (
      this.#listeners.size === 0 &&
      this.#openWrites === 0 &&
      !this.#isBurying &&
      !this.#isFlushDue &&
      this.#unstored.isEmpty &&
      this.#start.isAtRest &&
      this.#queue.isAtRest
    )
  }

  get #visibleEnd(): number {
    const { isolation } = this.#around.config(this.id.groupId)
    return isolation === 'read-committed' ? this.partition.lastStableOffset : this.partition.highWatermark
  }

  acquire(request: AcquireRequest): Acquired | Promise<Acquired> {
    this.lastUsedMs = this.#around.clock.monotonicMs()
    const acquired =
      this.#reading === undefined ? this.#acquire(request) : this.#reading.then(() => this.#acquire(request))
    if (!(acquired instanceof Promise)) return acquired
    const reading: Promise<unknown> = acquired
      .catch(() => undefined)
      .finally(() => {
        if (this.#reading === reading) this.#reading = undefined
      })
    this.#reading = reading
    return acquired
  }

  #acquire(request: AcquireRequest): Acquired | Promise<Acquired> {
    const config = this.#around.config(this.id.groupId)
    const judge = this.#around.judge(config)
    if (judge instanceof Promise) return judge.then((made) => this.#acquireWith(request, config, made))
    return this.#acquireWith(request, config, judge)
  }

  #acquireWith(
    request: AcquireRequest,
    { isolation, lockCountMax }: GroupQueueConfig,
    judge: BatchJudge | undefined,
  ): Acquired | Promise<Acquired> {
    this.#check()
    const { clock } = this.#around
    const parts = { queue: this.#queue, partition: this.partition, clock, isolation, judge, lockCountMax }
    try {
      const acquired = new Acquisition(parts, request).run()
      return acquired instanceof Promise ? this.#handOver(acquired) : acquired
    } finally {
      this.#changed()
    }
  }

  /** What took its time may belong to somebody else's queue by now. */
  async #handOver(acquiring: Promise<Acquired>): Promise<Acquired> {
    try {
      const acquired = await acquiring
      if (this.#end !== undefined) acquired.release()
      this.#check()
      return acquired
    } finally {
      this.#changed()
    }
  }

  isAvailable(): boolean {
    const span = this.#queue.nextReady(0)
    return span !== undefined && span.first < this.#visibleEnd
  }

  /** What the log has lost meanwhile is let go of by the next request only, and may have stood in the way of others. */
  get hasNothing(): boolean {
    return this.partition.logStartOffset <= this.#queue.startOffset && !this.isAvailable()
  }

  onAvailable(listener: () => void): () => void {
    this.lastUsedMs = this.#around.clock.monotonicMs()
    this.#listeners.add(listener)
    this.#stopListening ??= this.partition.onAdvance(() => this.#notify())
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#stopListening?.()
      this.#stopListening = undefined
    }
  }

  /** Whether members hold so much that nobody gets more, whatever there is. */
  get #isBlocked(): boolean {
    return this.#queue.nextReady(0) === undefined
  }

  #notify(): void {
    // Whoever is called may listen again at once.
    const present = [...this.#listeners]
    for (const listener of present) listener()
  }

  acknowledge(memberId: string, acknowledgements: readonly Acknowledgement[]): Promise<ErrorCode | undefined> {
    if (this.#end !== undefined) return Promise.resolve(this.#end)
    const nowMs = this.#around.clock.monotonicMs()
    this.lastUsedMs = nowMs
    return new Promise((resolve) => {
      this.#queue.advanceStart(this.partition.logStartOffset)
      const isBlocked = this.#isBlocked
      const done = this.#unlessBefore(this.#queue.startOffset, acknowledgements, resolve)
      const refusal = this.#queue.acknowledge(memberId, acknowledgements, nowMs, done)
      if (refusal !== undefined) resolve(refusal)
      this.#changed()
      if (isBlocked && !this.#isBlocked) this.#notify()
    })
  }

  /**
   * What is said of messages before the start changes nothing, and counts as done: but no sooner than the store has that start,
   * or they could come back with the next leader although they were confirmed.
   */
  #unlessBefore(
    startOffset: number,
    acknowledgements: readonly Acknowledgement[],
    resolve: (fault: ErrorCode | undefined) => void,
  ): (fault: ErrorCode | undefined) => void {
    const isBefore = acknowledgements.some(({ firstOffset }) => firstOffset < startOffset)
    if (!isBefore || this.#start.covers(startOffset)) return resolve
    return (fault) => {
      if (fault !== undefined) resolve(fault)
      else {
        if (!this.#isWriting) this.#start.retry()
        this.#start.whenStored(startOffset, resolve)
      }
    }
  }

  /** Resolves once what was released can be acquired by others. */
  async release(memberId: string, isAttempt: boolean): Promise<void> {
    if (this.#end !== undefined || this.#queue.releaseMember(memberId, isAttempt) === 0) return
    this.#changed()
    await new Promise<void>((resolve) => this.#quiet.push(resolve))
  }

  /** Nothing comes from here any more: whoever waits is told why, what members hold is theirs no longer. */
  end(fault: ErrorCode): void {
    if (this.#end !== undefined) return
    this.#end = fault
    this.#timer?.cancel()
    this.#unstoredTimer?.cancel()
    this.#queue.end(fault)
    this.#start.end(fault)
    this.#stopListening?.()
    this.#notify()
    this.#listeners.clear()
    for (const resolve of this.#quiet.splice(0)) resolve()
  }

  #check(): void {
    if (this.#end !== undefined) throw new BrokerError(this.#end)
  }

  /** The state machine has been at work: sees to what must be written at the end of the turn, and when it must be woken. */
  #changed(): void {
    if (this.#end !== undefined) return
    this.#arm()
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.#around.clock.endOfTurn(() => {
      this.#isFlushDue = false
      if (this.#end === undefined) this.#flush()
    })
  }

  #arm(): void {
    const { wakeMs } = this.#queue
    if (wakeMs >= this.#timerDueMs || wakeMs === Number.POSITIVE_INFINITY) return
    const { clock } = this.#around
    this.#timer?.cancel()
    this.#timerDueMs = wakeMs
    this.#timer = clock.startTimer(Math.max(0, Math.ceil(wakeMs - clock.monotonicMs())), () => {
      this.#timerDueMs = Number.POSITIVE_INFINITY
      const isReady = this.#queue.expire(clock.monotonicMs())
      this.#changed()
      if (isReady) this.#notify()
    })
  }

  #flush(): void {
    if (!this.#isBurying) void this.#buryAll()
    if (!this.#isWriting) {
      const batch = this.#queue.takeChanges() ?? (this.#hasNews ? { changes: [] } : undefined)
      if (batch !== undefined) void this.#write(batch)
    }
    if (this.#openWrites === 0) for (const resolve of this.#quiet.splice(0)) resolve()
  }

  /** Something to write though nothing changes: else who asks how far the group is would be told of what the log has lost. */
  get #hasNews(): boolean {
    return this.#isUnstoredDue || this.#start.isNews(this.#queue.startOffset)
  }

  /** One write at a time: what comes meanwhile goes together in the next. */
  async #write(batch: ChangeBatch): Promise<void> {
    const { store, clock, stateWritten } = this.#around
    const told = this.#queue.describeWrite(batch)
    const unstored = this.#unstored.tell(this.#queue.ranges)
    const ranges = [...told.ranges, ...unstored].toSorted((a, b) => a.firstOffset - b.firstOffset)
    const change = { ...told, ranges, stateEpoch: this.#stateEpoch, leaderEpoch: this.leaderEpoch }
    this.#isUnstoredDue = false
    this.#start.tell(change.startOffset)
    const startMs = clock.monotonicMs()
    this.#isWriting = true
    this.#openWrites++
    const isBlocked = this.#isBlocked
    let failure: unknown
    try {
      await store.write(this.id, change)
      this.#unstored.written()
      this.#start.written()
      stateWritten(clock.monotonicMs() - startMs)
    } catch (error) {
      failure = error
    }
    const isReady =
      failure === undefined ? this.#queue.committed(batch, clock.monotonicMs()) : this.#writeFailed(batch, failure)
    this.#isWriting = false
    this.#openWrites--
    this.#changed()
    if (isReady || (isBlocked && !this.#isBlocked)) this.#notify()
  }

  #writeFailed(batch: ChangeBatch, error: unknown): boolean {
    const { clock, logger } = this.#around
    const { groupId, index: partition } = this.id
    const fault = error instanceof BrokerError ? error.code : 'storage'
    if (this.#end === undefined) {
      const level = error instanceof BrokerError ? 'warn' : 'error'
      const topic = this.partition.topicName
      logger[level]('the state of a queue cannot be written', {
        group: groupId,
        topic,
        partition,
        error: String(error),
      })
    }
    const isReady = this.#queue.failed(batch, clock.monotonicMs(), this.#end ?? fault)
    this.#unstored.failed(batch)
    this.#start.failed(this.#end ?? fault)
    const isBehind = !this.#unstored.isEmpty || !this.#start.covers(this.#queue.startOffset)
    if (isBehind && this.#end === undefined) this.#storeLater()
    if (lost.has(fault) && this.#end === undefined) {
      this.end(fault)
      this.#lost(fault)
    }
    return isReady
  }

  #storeLater(): void {
    this.#unstoredTimer?.cancel()
    this.#unstoredTimer = this.#around.clock.startTimer(unstoredRetryMs, () => {
      this.#isUnstoredDue = !this.#unstored.isEmpty
      if (!this.#isWriting) this.#start.retry()
      this.#changed()
    })
  }

  /** A few at a time: each is read from the log, maybe from the disk. */
  async #buryAll(): Promise<void> {
    this.#isBurying = true
    for (let dead = this.#queue.takeDead(); dead.length > 0; dead = this.#queue.takeDead()) {
      for (let at = 0; at < dead.length; at += burialsMax) {
        await Promise.all(dead.slice(at, at + burialsMax).map((change) => this.#bury(change)))
      }
    }
    this.#isBurying = false
  }

  /** Puts messages among the dead letters, then has them archived. */
  async #bury(change: Change): Promise<void> {
    const { deadLetters, clock, counts, logger, config } = this.#around
    const { deadLetterTopic } = config(this.id.groupId)
    const { deadReason: reason, deliveryCount } = change
    this.#openWrites++
    try {
      if (deadLetterTopic !== undefined && reason !== undefined) {
        const first = Math.max(change.first, this.partition.logStartOffset)
        const span = { first, last: change.last, reason, deliveryCount }
        counts.deadLettered += await deadLetters.write(deadLetterTopic, this.partition, this.id, span)
      }
      this.#queue.deadLettered([change])
    } catch (error) {
      const fault = error instanceof BrokerError ? error.code : 'storage'
      const { topicName: topic, index: partition } = this.partition
      logger.warn('dead letters cannot be written', { to: deadLetterTopic, topic, partition, error: String(error) })
      this.#queue.deadLetterFailed([change], clock.monotonicMs(), fault)
    }
    this.#openWrites--
    if (this.#end === undefined) this.#changed()
    else this.#queue.end(this.#end)
  }
}
