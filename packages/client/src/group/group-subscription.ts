import { channel } from 'node:diagnostics_channel'
import type { ClientContext } from '../client-context.ts'
import { ClientError } from '../client-error.ts'
import { bury } from '../consumer/dead-letter.ts'
import { Dispatcher } from '../consumer/dispatcher.ts'
import { ReceivedMessage } from '../consumer/queue-message.ts'
import { RepeatFilter } from '../deduplication/repeat-filter.ts'
import type { FetchedRecords, TopicPartition } from '../fetcher.ts'
import { Fetcher } from '../fetcher.ts'
import { commitOffsets } from '../groups.ts'
import { closeTimeoutOf } from '../option-checks.ts'
import type { ReceivedRecord } from '../records/record.ts'
import { answer, answerFailure, answerRepeat, isRequest } from '../request/answers.ts'
import type { Topic, TopicLike } from '../serialization/topic.ts'
import { topicOf } from '../serialization/topic.ts'
import type { Deferred } from '../waiting.ts'
import { abortable, backoffMs, deferred, every, isThenable, pauseFor, within } from '../waiting.ts'
import { ClassicMember } from './classic-member.ts'
import { OffsetTracker } from './offset-tracker.ts'
import { startOffsets } from './start-offsets.ts'
import type { SubscriptionCounts } from './subscription-counts.ts'
import type { SubscriptionOptions } from './subscription-options.ts'

/** Returning means done; throwing tries again. What it returns answers a request. */
export type SubscriptionHandler<T> = (message: ReceivedMessage<T>) => unknown

interface Held extends TopicPartition {
  /** The lane of its records without a key. */
  readonly lane: string
  tracker: OffsetTracker
  /** False once it was given up: what waits of it is not handled any more. */
  active: boolean
  runningCount: number
}

interface Job {
  record: ReceivedRecord
  held: Held
}

const pollWaitMs = 200
/** Records that wait for a handler; with fewer, more are read meanwhile. */
const bufferedMax = 2000
/** Larger answers would take long to come, while nothing is left to do, and live long enough to burden the garbage collector. */
const answerBytesMax = 8 * 1024 * 1024
const partitionBytesMax = 1024 * 1024
const consumerError = channel('polylog:consumer:error')

/** A member of a classic consumer group that calls a handler. Made by `client.subscribe`. */
export class GroupSubscription<T> {
  readonly #context: ClientContext
  readonly #options: SubscriptionOptions<T>
  readonly #handler: SubscriptionHandler<T>
  readonly #onClose: () => void
  readonly #topics: ReadonlyMap<string, Topic<T, never>>
  readonly #member: ClassicMember
  readonly #fetcher: Fetcher
  readonly #lane: string
  readonly #dispatcher: Dispatcher<Job>
  readonly #repeats: RepeatFilter | undefined
  readonly #held = new Map<string, Held>()
  readonly #stopped = new AbortController()
  readonly #heartbeatsEnd = new AbortController()
  readonly #running: Promise<void>[] = []
  #progress: Deferred<void> = deferred()
  readonly #counts = { received: 0, handled: 0, retried: 0, failed: 0, repeated: 0, inProgress: 0 }
  #bufferedCount = 0
  #mustRejoin = true
  #isLost = false
  #failures = 0
  #closing: Promise<void> | undefined

  constructor(
    context: ClientContext,
    options: SubscriptionOptions<T>,
    handler: SubscriptionHandler<T>,
    onClose: () => void,
  ) {
    this.#context = context
    this.#options = options
    this.#handler = handler
    this.#onClose = onClose
    const likes = [options.topic].flat() as TopicLike<T, never>[]
    this.#topics = new Map(likes.map((like) => topicOf<T, never>(like)).map((topic) => [topic.name, topic]))
    this.#lane = `read-${Buffer.from(context.environment.randomBytes(8)).toString('hex')}`
    const limits = { bytesMax: answerBytesMax, partitionBytesMax }
    const { cluster } = context
    this.#fetcher = new Fetcher(cluster, { waitMs: pollWaitMs, lane: this.#lane, outOfRange: this.#from, ...limits })
    this.#member = new ClassicMember(context.cluster, {
      group: options.group,
      topics: [...this.#topics.keys()],
      assignor: options.assignor ?? 'cooperative-sticky',
      sessionTimeoutMs: options.sessionTimeoutMs ?? 30_000,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 60_000,
    })
    const { deduplication, group } = options
    const report = (error: unknown): void => this.#report(error, undefined)
    if (deduplication !== undefined) {
      this.#repeats = new RepeatFilter(context.environment, group, deduplication, report)
    }
    this.#dispatcher = new Dispatcher({
      concurrency: options.concurrency ?? 1,
      laneOf: ({ record: { topic, key }, held }) => (key === null ? held.lane : `${topic}#${key.toString('latin1')}`),
      run: (job) => this.#run(job),
    })
  }

  /** Partitions that this member reads at the moment. */
  get assigned(): TopicPartition[] {
    return [...this.#held.values()].map(({ topic, partition }) => ({ topic, partition }))
  }

  get counts(): Readonly<SubscriptionCounts> {
    let lag = 0
    for (const { topic, partition, highWatermark } of this.#fetcher.positions()) {
      const held = this.#held.get(keyOf({ topic, partition }))
      // Nobody has said yet how much there is.
      if (held !== undefined && highWatermark >= 0) lag += Math.max(0, highWatermark - held.tracker.position)
    }
    return { ...this.#counts, lag }
  }

  /** Joins the group. @throws ClientError */
  async start(signal?: AbortSignal): Promise<void> {
    const { cluster, environment, backoff } = this.#context
    const { group, startTimeoutMs = 90_000, sessionTimeoutMs = 30_000, commitIntervalMs = 1000 } = this.#options
    const late = (): ClientError =>
      new ClientError('timed-out', `could not join group "${group}" within ${startTimeoutMs} ms`)
    const begin = async (): Promise<void> => {
      for (const name of this.#topics.keys()) {
        const create = this.#options.createTopics ?? false
        await cluster.topicWhenThere(name, { create, timeoutMs: startTimeoutMs, backoff })
      }
      while (this.#mustRejoin && !this.#stopped.signal.aborted) {
        const error = await this.#rejoin()
        if (error !== undefined && !error.retriable && !this.#member.mustRejoin(error)) throw error
      }
    }
    try {
      await within(environment, abortable(begin(), signal), startTimeoutMs, late)
    } catch (error) {
      await this.close({ timeoutMs: 0 })
      throw error
    }
    const { signal: end } = this.#heartbeatsEnd
    this.#running.push(
      this.#read(),
      every(environment, sessionTimeoutMs / 4, end, () => this.#beat()),
      every(environment, commitIntervalMs, end, () => this.#commit([...this.#held.values()])),
    )
  }

  /**
   * Reads nothing more, lets handlers that run finish, commits and leaves the group. After the time-out (default: the client's)
   * it no longer waits for handlers; their messages are read again by others. Calling it again waits for the first call.
   */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(closeTimeoutOf(options, this.#context.closeTimeoutMs)).finally(this.#onClose)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #from(): 'beginning' | 'end' {
    return this.#options.from ?? 'beginning'
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#stopped.abort()
    this.#progress.resolve()
    this.#dispatcher.clear()
    const all = [...this.#held.values()]
    await this.#giveUp(all, timeoutMs)
    this.#heartbeatsEnd.abort()
    await this.#member.leave(Math.max(1000, timeoutMs))
    this.#context.cluster.closeLane(this.#lane)
    await Promise.all(this.#running)
  }

  async #read(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      if (this.#mustRejoin) {
        const error = await this.#rejoin()
        if (error !== undefined && !error.retriable && !this.#member.mustRejoin(error)) this.#report(error, undefined)
        continue
      }
      if (this.#bufferedCount >= bufferedMax) {
        this.#progress = deferred()
        await this.#progress.promise
        continue
      }
      const fetched = await this.#fetcher.pollPartitions().catch((error: unknown) => this.#pollFailed(error))
      for (const partition of fetched) {
        const held = this.#held.get(keyOf(partition))
        if (held !== undefined) this.#receive(held, partition.records)
      }
    }
  }

  #receive(held: Held, records: readonly ReceivedRecord[]): void {
    for (const record of records) {
      // A handler may have been called meanwhile, and have closed the subscription.
      if (!held.active || this.#stopped.signal.aborted) return
      held.tracker.begin(record.offset)
      this.#counts.received++
      this.#bufferedCount++
      this.#dispatcher.push({ record, held })
    }
  }

  async #pollFailed(error: unknown): Promise<FetchedRecords[]> {
    if (!(error instanceof ClientError)) throw error
    if (!error.retriable && error.code !== 'closed') this.#report(error, undefined)
    await pauseFor(this.#context.environment, pollWaitMs, this.#stopped.signal).catch(() => undefined)
    return []
  }

  /** Joins; returns what was wrong, after a pause, if it must be tried again. */
  async #rejoin(): Promise<ClientError | undefined> {
    const isCooperative = (this.#options.assignor ?? 'cooperative-sticky') === 'cooperative-sticky'
    const before = [...this.#held.values()]
    if (this.#isLost) this.#drop(before)
    else if (!isCooperative) await this.#giveUp(before, this.#options.rebalanceTimeoutMs ?? 60_000)
    try {
      const assigned = await this.#member.join(this.#isLost ? [] : before)
      this.#failures = 0
      // What heartbeats were told while it joined was about the generation before.
      this.#isLost = false
      this.#mustRejoin = false
      const wanted = new Set(assigned.map(keyOf))
      const revoked = [...this.#held.values()].filter((held) => !wanted.has(keyOf(held)))
      await this.#giveUp(revoked, this.#options.rebalanceTimeoutMs ?? 60_000)
      await this.#take(assigned.filter((partition) => !this.#held.has(keyOf(partition))))
      // Those who shall have them get them when this member has joined without them.
      if (revoked.length > 0) this.#mustRejoin = true
      return undefined
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      this.#noteRejoin(error)
      this.#mustRejoin = true
      const { environment, backoff } = this.#context
      const delayMs = backoffMs(backoff, ++this.#failures, environment.random())
      await pauseFor(environment, delayMs, this.#stopped.signal).catch(() => undefined)
      return error
    }
  }

  /** Lets what runs of them finish, commits and reads them no more. */
  async #giveUp(partitions: readonly Held[], timeoutMs: number): Promise<void> {
    for (const held of partitions) {
      held.active = false
      this.#fetcher.drop(held)
    }
    const { environment } = this.#context
    const untilMs = environment.monotonicMs() + timeoutMs
    while (partitions.some(({ runningCount }) => runningCount > 0)) {
      const leftMs = untilMs - environment.monotonicMs()
      if (leftMs <= 0) break
      this.#progress = deferred()
      const cancel = environment.after(leftMs, () => this.#progress.resolve())
      await this.#progress.promise
      cancel()
    }
    await this.#commit(partitions)
    this.#drop(partitions)
  }

  #drop(partitions: readonly Held[]): void {
    for (const held of partitions) {
      held.active = false
      this.#fetcher.drop(held)
      if (this.#held.get(keyOf(held)) === held) this.#held.delete(keyOf(held))
    }
  }

  async #take(partitions: readonly TopicPartition[]): Promise<void> {
    const starts = await startOffsets(this.#context.cluster, this.#options.group, partitions, this.#from)
    for (const { topic, partition, offset } of starts) {
      const lane = keyOf({ topic, partition })
      const held = { topic, partition, lane, tracker: new OffsetTracker(offset), active: true, runningCount: 0 }
      this.#held.set(lane, held)
      this.#fetcher.seek(held, offset)
    }
  }

  async #commit(partitions: readonly Held[]): Promise<void> {
    const current = this.#member.current
    if (current === undefined) return
    const taken = partitions.flatMap((held) => {
      const offset = held.tracker.takeCommit()
      return offset === undefined ? [] : [{ held, offset }]
    })
    const offsets = taken.map(({ held: { topic, partition }, offset }) => ({ topic, partition, offset }))
    try {
      await commitOffsets(this.#context.cluster, this.#options.group, offsets, current)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      for (const { held } of taken) held.tracker.putBack()
      this.#afterFailure(error)
    }
  }

  async #beat(): Promise<void> {
    try {
      await this.#member.heartbeat()
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      this.#afterFailure(error)
    }
  }

  #afterFailure(error: ClientError): void {
    if (this.#member.mustRejoin(error)) {
      this.#noteRejoin(error)
      this.#mustRejoin = true
      this.#progress.resolve()
    } else if (error.code !== 'closed') this.#report(error, undefined)
  }

  /** The group has gone on without this member: what it held may be another's by now. */
  #noteRejoin({ kafkaCode }: ClientError): void {
    if (kafkaCode === 25 || kafkaCode === 22 || kafkaCode === 82) this.#isLost = true
  }

  #run(job: Job): Promise<void> | undefined {
    const { record, held } = job
    if (!held.active) return this.#end()
    held.runningCount++
    this.#counts.inProgress++
    const repeats = this.#repeats
    const handling =
      repeats === undefined ? this.#handle(record, held, undefined) : this.#handleOnce(record, held, repeats)
    if (typeof handling !== 'boolean') return handling.then((isDone) => this.#ran(job, isDone))
    return this.#ran(job, handling)
  }

  #ran({ record, held }: Job, isDone: boolean): undefined {
    if (isDone) held.tracker.finish(record.offset)
    held.runningCount--
    this.#counts.inProgress--
    return this.#end()
  }

  #end(): undefined {
    this.#bufferedCount--
    this.#progress.resolve()
  }

  async #handleOnce(record: ReceivedRecord, held: Held, repeats: RepeatFilter): Promise<boolean> {
    const isDone = await repeats.once(
      record,
      () => held.active && !this.#stopped.signal.aborted,
      async (onHandled) => this.#handle(record, held, onHandled),
    )
    if (isDone !== 'repeat') return isDone
    this.#counts.repeated++
    await answerRepeat(this.#context, record).catch((error: unknown) => this.#report(error, undefined))
    return true
  }

  /** True when the message is done, one way or the other; at once where nothing takes time. */
  #handle(
    record: ReceivedRecord,
    held: Held,
    onHandled: (() => Promise<void>) | undefined,
  ): boolean | Promise<boolean> {
    let message: ReceivedMessage<T> | undefined
    let outcome: () => unknown
    try {
      const value = this.#topics.get(record.topic)!.serializer.deserialize(record.value)
      if (isThenable(value)) return this.#handleLater(record, held, onHandled, value)
      message = new ReceivedMessage(record, value)
      const returned = this.#handler(message)
      if (onHandled === undefined && !isThenable(returned) && !isRequest(message)) {
        this.#counts.handled++
        return true
      }
      outcome = () => returned
    } catch (error) {
      if (message === undefined) return this.#refuse(record, held, error)
      outcome = () => {
        throw error
      }
    }
    return this.#handleOn(record, held, onHandled, message, outcome)
  }

  async #handleLater(
    record: ReceivedRecord,
    held: Held,
    onHandled: (() => Promise<void>) | undefined,
    value: PromiseLike<T>,
  ): Promise<boolean> {
    let message: ReceivedMessage<T>
    try {
      message = new ReceivedMessage(record, await value)
    } catch (error) {
      return this.#refuse(record, held, error)
    }
    return this.#handleOn(record, held, onHandled, message, () => this.#handler(message))
  }

  /** The value cannot be read. */
  #refuse(record: ReceivedRecord, held: Held, error: unknown): Promise<boolean> {
    this.#report(error, undefined)
    return this.#bury(record, held, undefined, 1, error)
  }

  /** @param outcome returns, or throws, what the first call of the handler does */
  async #handleOn(
    record: ReceivedRecord,
    held: Held,
    onHandled: (() => Promise<void>) | undefined,
    message: ReceivedMessage<T>,
    outcome: () => unknown,
  ): Promise<boolean> {
    const { environment } = this.#context
    const { attempts = 5, initialMs = 1000, maxMs = 60_000 } = this.#options.retry ?? {}
    for (let attempt = 1; ; attempt++) {
      try {
        const returned = attempt === 1 ? outcome() : this.#handler(message)
        const result = isThenable(returned) ? await returned : returned
        // The handler has done its work: calling it again would not make an answer that cannot be sent come.
        const report = (error: unknown): void => this.#report(error, message)
        if (isRequest(message)) await answer(this.#context, message, result).catch(report)
        if (onHandled !== undefined) await onHandled()
        this.#counts.handled++
        return true
      } catch (error) {
        this.#report(error, message)
        if (attempt >= attempts) return this.#bury(record, held, message, attempt, error)
        this.#counts.retried++
        const delayMs = backoffMs({ initialMs, maxMs }, attempt, environment.random())
        await pauseFor(environment, delayMs, this.#stopped.signal).catch(() => undefined)
        if (!held.active || this.#stopped.signal.aborted) return false
      }
    }
  }

  async #bury(
    record: ReceivedRecord,
    held: Held,
    message: ReceivedMessage<T> | undefined,
    attempts: number,
    error: unknown,
  ): Promise<boolean> {
    const { deadLetter: topic, group } = this.#options
    const report = (failure: unknown): void => this.#report(failure, message)
    if (message !== undefined) await answerFailure(this.#context, message, error).catch(report)
    this.#counts.failed++
    if (topic === undefined) return true
    const burial = { topic, record, deliveryCount: attempts, group, reason: String(error) }
    const undertaker = { report, signal: this.#stopped.signal, isWanted: () => held.active }
    return bury(this.#context, burial, undertaker).then(
      () => true,
      () => false,
    )
  }

  #report(error: unknown, message: ReceivedMessage<T> | undefined): void {
    if (consumerError.hasSubscribers) consumerError.publish({ group: this.#options.group, error, message })
    this.#options.onError?.(error, message)
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
