import { channel } from 'node:diagnostics_channel'
import { ClientError } from '../client-error.ts'
import type { ClientContext } from '../client-context.ts'
import type { Outcome, Work } from '../deduplication/repeat-filter.ts'
import { RepeatFilter } from '../deduplication/repeat-filter.ts'
import { answerRepeat } from '../request/answers.ts'
import type { Topic, TopicLike } from '../serialization/topic.ts'
import { topicOf } from '../serialization/topic.ts'
import { abortable, backoffMs, deferred, isThenable, within } from '../waiting.ts'
import type { QueueOptions, RetryOptions } from './consumer-options.ts'
import { deadLetterSetting, groupSettingsOf, retryOf, tagsSetting, ttlSetting } from './consumer-options.ts'
import type { Delivery } from './delivery.ts'
import { bury } from './dead-letter.ts'
import { groupAbilities, putGroupSettings } from './group-settings.ts'
import { LossSignal } from './loss-signal.ts'
import type { MessageOwner } from './queue-message.ts'
import { QueueMessage, isExpired, tagsOf } from './queue-message.ts'
import { QueueReader } from './queue-reader.ts'

/** What a consumer has done since it was started. */
export interface ConsumerCounts {
  received: number
  accepted: number
  retried: number
  rejected: number
  /** Rejected because their time was over. */
  expired: number
  /** Taken as done because no tag of theirs is wanted, by this client; those that the broker filters never arrive. */
  filtered: number
  /** Taken as done because a message of their id was handled within the window of `deduplication`. */
  repeated: number
  /** Messages whose lock was lost before they were settled: somebody else gets them too. */
  lost: number
}

const consumerError = channel('polylog:consumer:error')

/** What push and pull consumers share: the reader, the settings of the group, and what becomes of a message. */
export class QueueEngine<T> implements MessageOwner {
  readonly reader: QueueReader
  readonly counts: ConsumerCounts = {
    received: 0,
    accepted: 0,
    retried: 0,
    rejected: 0,
    expired: 0,
    filtered: 0,
    repeated: 0,
    lost: 0,
  }
  readonly #closed = new AbortController()
  /** Aborted when closing gives up waiting. */
  readonly givenUp = new AbortController()
  readonly retryOptions: Required<RetryOptions>
  readonly #context: ClientContext
  readonly #options: QueueOptions<T>
  readonly #topics: ReadonlyMap<string, Topic<T, never>>
  readonly #cancelLoss = new Map<Delivery, LossSignal>()
  readonly #repeats: RepeatFilter | undefined
  readonly #works = new WeakMap<Delivery, Work>()
  /** Handled messages that are being remembered, after which the group is told. */
  readonly #marking = new Set<Promise<void>>()
  #missing: ReadonlySet<string> = new Set()
  #brokerDelays = true
  #lockMs = 0

  constructor(context: ClientContext, options: QueueOptions<T>, onDeliveries: (deliveries: Delivery[]) => void) {
    this.#context = context
    this.#options = options
    const likes = [options.topic].flat() as TopicLike<T, never>[]
    this.#topics = new Map(likes.map((like) => topicOf<T, never>(like)).map((topic) => [topic.name, topic]))
    this.retryOptions = retryOf(options)
    const { deduplication, group } = options
    const report = (error: unknown): void => this.report(error, undefined)
    if (deduplication !== undefined) {
      this.#repeats = new RepeatFilter(context.environment, group, deduplication, report)
    }
    this.reader = new QueueReader(context.cluster, {
      group: options.group,
      topics: [...this.#topics.keys()],
      backoff: context.backoff,
      onError: report,
      onDeliveries: (deliveries) => {
        this.counts.received += deliveries.length
        this.#lockMs = deliveries[0]!.lockedUntilMs - context.environment.monotonicMs()
        onDeliveries(deliveries)
      },
    })
  }

  /** @throws ClientError: a topic that is missing, a group that may not be read, a broker without share groups */
  async start(signal: AbortSignal | undefined): Promise<void> {
    const { startTimeoutMs = 30_000, group } = this.#options
    const late = (): ClientError =>
      new ClientError('timed-out', `the consumer of group "${group}" could not start within ${startTimeoutMs} ms`)
    const ended = new AbortController()
    const either = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal])
    try {
      const { environment } = this.#context
      await within(environment, abortable(this.#begin(either, startTimeoutMs), signal), startTimeoutMs, late)
    } catch (error) {
      ended.abort()
      await this.reader.close(0)
      throw error
    }
  }

  async #begin(signal: AbortSignal, timeoutMs: number): Promise<void> {
    const { cluster, backoff } = this.#context
    const { group, createTopics: create = false } = this.#options
    for (const name of this.#topics.keys()) {
      await cluster.topicWhenThere(name, { create, timeoutMs, backoff, signal })
    }
    this.#brokerDelays = (await groupAbilities(cluster, group)).isPolylog
    this.#missing = await putGroupSettings(cluster, group, groupSettingsOf(this.#options))
    await this.reader.start(signal)
  }

  /** The message of a delivery; undefined if it is not for a handler, and has been settled. At once where nothing takes time. */
  open(delivery: Delivery): QueueMessage<T> | undefined | Promise<QueueMessage<T> | undefined> {
    if (!this.#isWanted(delivery)) return undefined
    return this.#repeats === undefined ? this.#made(delivery) : this.#openOnce(this.#repeats, delivery)
  }

  #isWanted(delivery: Delivery): boolean {
    const { record } = delivery
    const { tags, ttlMs } = this.#options
    if (
      tags !== undefined &&
      this.#missing.has(tagsSetting) &&
      !tagsOf(record.headers).some((tag) => tags.includes(tag))
    ) {
      this.counts.filtered++
      this.#quietly(this.reader.settle(delivery, 'accept'))
      return false
    }
    const nowMs = this.#context.environment.nowMs()
    const isOld = ttlMs !== undefined && this.#missing.has(ttlSetting) && record.timestampMs + ttlMs <= nowMs
    if (!isOld && !isExpired(record, nowMs)) return true
    this.counts.expired++
    this.#quietly(this.reject(delivery, 'expired'))
    return false
  }

  async #openOnce(repeats: RepeatFilter, delivery: Delivery): Promise<QueueMessage<T> | undefined> {
    return (await this.#isNew(repeats, delivery)) ? this.#made(delivery) : undefined
  }

  #made(delivery: Delivery): QueueMessage<T> | undefined | Promise<QueueMessage<T> | undefined> {
    const make = (value: T): QueueMessage<T> => new QueueMessage(delivery, value, this, this.#lossOf(delivery))
    try {
      const value = this.#topics.get(delivery.topic)!.serializer.deserialize(delivery.record.value)
      if (!isThenable(value)) return make(value)
      return Promise.resolve(value).then(make, (error: unknown) => this.#refuse(delivery, error))
    } catch (error) {
      return this.#refuse(delivery, error)
    }
  }

  #refuse(delivery: Delivery, error: unknown): undefined {
    this.report(error, undefined)
    this.#quietly(this.reject(delivery, `invalid value: ${String(error)}`))
  }

  accept(delivery: Delivery): Promise<void> {
    this.#forget(delivery)
    const work = this.#works.get(delivery)
    const accepting = work === undefined ? this.reader.settle(delivery, 'accept') : this.#acceptOnce(delivery, work)
    return accepting.then(this.#onAccepted)
  }

  readonly #onAccepted = (): void => {
    this.counts.accepted++
  }

  async #acceptOnce(delivery: Delivery, work: Work): Promise<void> {
    const { promise: marking, resolve: marked } = deferred<void>()
    this.#marking.add(marking)
    // Before the group is told: a crash in between delivers it again, and it is known then.
    await this.#repeats!.done(work)
    const settled = this.reader.settle(delivery, 'accept')
    this.#marking.delete(marking)
    marked()
    await settled
  }

  async retry(delivery: Delivery, delay: number | undefined): Promise<void> {
    const delayMs = delay ?? this.delayAfter(delivery.deliveryCount)
    this.#forget(delivery)
    this.#leave(delivery, delayMs)
    this.counts.retried++
    if (this.#brokerDelays || delayMs === 0) await this.reader.settle(delivery, 'release', { retryDelayMs: delayMs })
    else this.reader.releaseLater(delivery, delayMs)
  }

  async reject(delivery: Delivery, reason: string): Promise<void> {
    this.#forget(delivery)
    this.#leave(delivery, 0)
    const { deadLetter } = this.#options
    if (deadLetter !== undefined && this.#missing.has(deadLetterSetting)) {
      const { record, deliveryCount } = delivery
      const burial = { topic: deadLetter, record, deliveryCount, group: this.#options.group, reason }
      // Its lock is renewed meanwhile.
      await bury(this.#context, burial, {
        report: (error) => this.report(error, undefined),
        signal: this.#closed.signal,
        isWanted: () => this.reader.holds(delivery),
      })
    }
    await this.reader.settle(delivery, 'reject', { reason })
    this.counts.rejected++
  }

  async renew(delivery: Delivery): Promise<void> {
    await this.reader.renew(delivery, this.#lockMs)
  }

  /** Wait before the delivery after this one. */
  delayAfter(deliveryCount: number): number {
    const { initialMs, maxMs } = this.retryOptions
    return Math.round(backoffMs({ initialMs, maxMs }, deliveryCount, this.#context.environment.random()))
  }

  report(error: unknown, message: QueueMessage<T> | undefined): void {
    if (consumerError.hasSubscribers) consumerError.publish({ group: this.#options.group, error, message })
    this.#options.onError?.(error, message)
  }

  /** Nobody works on the message any more: if nothing was said of it, others of its id need not wait. */
  finished(delivery: Delivery): void {
    this.#leave(delivery, 0)
  }

  /** Waits until handled messages are remembered, gives back what is held and leaves the group. */
  async close(timeoutMs: number): Promise<void> {
    const late = (): ClientError => new ClientError('timed-out', 'handled messages could not be remembered in time')
    const marked = Promise.all(this.#marking)
    if (this.#marking.size > 0) {
      await within(this.#context.environment, marked, timeoutMs, late).catch((error: unknown) => {
        this.report(error, undefined)
      })
    }
    this.#closed.abort()
    await this.reader.close(timeoutMs)
  }

  /** False if a message of this id was handled, or is at work here: what becomes of that one is said of this one too. */
  async #isNew(repeats: RepeatFilter, delivery: Delivery): Promise<boolean> {
    const admission = repeats.admit(delivery.record)
    if (admission === undefined) return true
    if ('others' in admission) {
      this.#follow(delivery, admission.others)
      return false
    }
    this.#works.set(delivery, admission.mine)
    if (!(await repeats.wasHandled(admission.mine))) return true
    this.#drop(delivery)
    return false
  }

  #follow(delivery: Delivery, others: Promise<Outcome>): void {
    let isLost = false
    delivery.onLost = () => {
      isLost = true
      this.counts.lost++
    }
    void others.then(({ handled, retryDelayMs }) => {
      if (isLost) return
      this.#forget(delivery)
      if (handled) this.#drop(delivery)
      else this.#quietly(this.retry(delivery, retryDelayMs))
    })
  }

  /** Takes a repeat as done. */
  #drop(delivery: Delivery): void {
    this.counts.repeated++
    this.#quietly(answerRepeat(this.#context, delivery.record))
    this.#quietly(this.reader.settle(delivery, 'accept'))
  }

  #leave(delivery: Delivery, retryDelayMs: number): void {
    const work = this.#works.get(delivery)
    if (work !== undefined) this.#repeats!.leave(work, retryDelayMs)
  }

  #lossOf(delivery: Delivery): LossSignal {
    const lost = new LossSignal()
    this.#cancelLoss.set(delivery, lost)
    delivery.onLost = () => {
      this.counts.lost++
      this.#cancelLoss.delete(delivery)
      lost.abort(new ClientError('lock-lost', "the message is no longer this consumer's"))
    }
    return lost
  }

  /** Closing gives up waiting: handlers that look at their signal can end. */
  giveUp(): void {
    this.givenUp.abort()
    for (const lost of this.#cancelLoss.values()) lost.abort(new ClientError('closed', 'the consumer was closed'))
  }

  #forget(delivery: Delivery): void {
    this.#cancelLoss.delete(delivery)
    delivery.onLost = undefined
  }

  #quietly(promise: Promise<void>): void {
    promise.catch((error: unknown) => this.report(error, undefined))
  }
}
