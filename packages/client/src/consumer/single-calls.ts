import type { ClientContext } from '../client-context.ts'
import { answer, answerFailure, isRequest } from '../request/answers.ts'
import { isThenable, pauseFor } from '../waiting.ts'
import type { PushOptions } from './consumer-options.ts'
import type { Delivery } from './delivery.ts'
import { Dispatcher } from './dispatcher.ts'
import type { Handler, HandlerCalls } from './push-consumer.ts'
import { reasonOf } from './push-consumer.ts'
import type { QueueEngine } from './queue-engine.ts'
import type { QueueMessage } from './queue-message.ts'

const prefetchMax = 1000
/** Messages are fetched ahead for about this time of handling. */
const aheadMs = 100

/** Calls a handler with one message at a time, `concurrency` calls at once, in order of keys if that is wanted. */
export class SingleCalls<T> implements HandlerCalls {
  readonly room: HandlerCalls['room']
  readonly #context: ClientContext
  readonly #engine: QueueEngine<T>
  readonly #options: PushOptions<T>
  readonly #handler: Handler<T>
  readonly #dispatcher: Dispatcher<Delivery>
  readonly #roomLeast: number
  #isStopped = false
  #windowStartMs: number
  #windowCount = 0

  constructor(context: ClientContext, engine: QueueEngine<T>, options: PushOptions<T>, handler: Handler<T>) {
    this.#context = context
    this.#engine = engine
    this.#options = options
    this.#handler = handler
    const concurrency = options.concurrency ?? 1
    this.#roomLeast = concurrency * 2
    this.room = [options.prefetch ?? this.#roomLeast]
    this.#windowStartMs = context.environment.monotonicMs()
    this.#dispatcher = new Dispatcher({
      concurrency,
      laneOf: (delivery) => (options.ordered === true ? laneOf(delivery) : undefined),
      run: (delivery) => this.#run(delivery),
    })
  }

  take(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      // A handler may have been called meanwhile, and have closed the consumer: the rest goes back.
      if (this.#isStopped) return
      this.#dispatcher.push(delivery)
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#dispatcher.clear()
  }

  idle(): Promise<void> {
    return this.#dispatcher.idle()
  }

  #run(delivery: Delivery): Promise<void> | undefined {
    const opened = this.#engine.open(delivery)
    if (opened === undefined) return undefined
    if (isThenable(opened)) return this.#runLater(delivery, opened)
    let outcome: () => unknown
    try {
      const returned = this.#handler(opened)
      if (!isThenable(returned) && (opened.settled || !isRequest(opened))) return this.#accept(delivery, opened)
      outcome = () => returned
    } catch (error) {
      outcome = () => {
        throw error
      }
    }
    return this.#runOn(delivery, opened, outcome)
  }

  async #runLater(delivery: Delivery, opening: Promise<QueueMessage<T> | undefined>): Promise<void> {
    const message = await opening
    if (message !== undefined) await this.#runOn(delivery, message, () => this.#handler(message))
  }

  /** @param outcome returns, or throws, what the first call of the handler does */
  async #runOn(delivery: Delivery, message: QueueMessage<T>, outcome: () => unknown): Promise<void> {
    for (let attempt = message.deliveryCount; ; attempt++) {
      try {
        const returned = attempt === message.deliveryCount ? outcome() : this.#handler(message)
        const result = isThenable(returned) ? await returned : returned
        if (!message.settled && isRequest(message))
          await answer(this.#context, message, result).catch((error) => this.#report(error, message))
        return this.#accept(delivery, message)
      } catch (error) {
        this.#report(error, message)
        if (message.settled || !(await this.#mayRunAgain(message, attempt, error))) return this.#ended(delivery)
      }
    }
  }

  #accept(delivery: Delivery, message: QueueMessage<T>): undefined {
    message.accept().catch((error: unknown) => this.#report(error, message))
    this.#ended(delivery)
  }

  #ended(delivery: Delivery): undefined {
    this.#engine.finished(delivery)
    this.#adapt()
  }

  /** After a handler threw: true if it is to be called again here, which is how an ordered consumer retries. */
  async #mayRunAgain(message: QueueMessage<T>, attempt: number, error: unknown): Promise<boolean> {
    const { retryOptions } = this.#engine
    const isLast = attempt >= retryOptions.attempts
    if (isLast) {
      await answerFailure(this.#context, message, error).catch((failure) => this.#report(failure, message))
      message.reject(reasonOf(error)).catch((failure: unknown) => this.#report(failure, message))
      return false
    }
    if (this.#options.ordered !== true) {
      message.retry().catch((failure: unknown) => this.#report(failure, message))
      return false
    }
    const { environment } = this.#context
    // A lock that is lost, or a close, ends the wait; the message is then somebody else's.
    await pauseFor(environment, this.#engine.delayAfter(attempt), message.signal).catch(() => undefined)
    return !message.signal.aborted && !this.#isStopped
  }

  #report(error: unknown, message: QueueMessage<T>): void {
    this.#engine.report(error, message)
  }

  /** The faster messages are handled, the more are fetched ahead. */
  #adapt(): void {
    if (this.#options.prefetch !== undefined || this.#isStopped) return
    this.#windowCount++
    const nowMs = this.#context.environment.monotonicMs()
    const elapsedMs = nowMs - this.#windowStartMs
    if (elapsedMs < aheadMs) return
    const ahead = Math.ceil((this.#windowCount / elapsedMs) * aheadMs)
    this.#windowCount = 0
    this.#windowStartMs = nowMs
    this.#engine.reader.setRoom(Math.max(this.#roomLeast, Math.min(prefetchMax, ahead)))
  }
}

function laneOf({ topic, partition, record }: Delivery): string {
  return record.key === null ? `${topic}/${partition}` : `${topic}#${record.key.toString('latin1')}`
}
