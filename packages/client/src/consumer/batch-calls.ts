import type { Environment } from '../environment.ts'
import type { BatchPushOptions } from './consumer-options.ts'
import type { Delivery } from './delivery.ts'
import { Dispatcher } from './dispatcher.ts'
import type { BatchHandler, HandlerCalls } from './push-consumer.ts'
import { reasonOf } from './push-consumer.ts'
import type { QueueEngine } from './queue-engine.ts'
import type { QueueMessage } from './queue-message.ts'

/** Gathers messages, until there are enough or the first has waited long enough, and calls a handler with them. */
export class BatchCalls<T> implements HandlerCalls {
  readonly room: HandlerCalls['room']
  readonly #environment: Environment
  readonly #engine: QueueEngine<T>
  readonly #handler: BatchHandler<T>
  readonly #batchMax: number
  readonly #waitMs: number
  readonly #dispatcher: Dispatcher<Delivery[]>
  #collected: Delivery[] = []
  #cancelWait: (() => void) | undefined

  constructor(
    environment: Environment,
    engine: QueueEngine<T>,
    options: BatchPushOptions<T>,
    handler: BatchHandler<T>,
  ) {
    this.#environment = environment
    this.#engine = engine
    this.#handler = handler
    this.#batchMax = Math.max(1, options.batch.max ?? 100)
    this.#waitMs = options.batch.waitMs ?? 50
    const concurrency = options.concurrency ?? 1
    this.room = [options.prefetch ?? (concurrency + 1) * this.#batchMax, 1]
    this.#dispatcher = new Dispatcher({ concurrency, laneOf: () => undefined, run: (batch) => this.#run(batch) })
  }

  take(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#collected.push(delivery)
      if (this.#collected.length >= this.#batchMax) this.#cut()
    }
    if (this.#collected.length === 0 || this.#cancelWait !== undefined) return
    this.#cancelWait = this.#environment.after(this.#waitMs, () => this.#cut())
  }

  stop(): void {
    this.#cancelWait?.()
    this.#collected = []
    this.#dispatcher.clear()
  }

  idle(): Promise<void> {
    return this.#dispatcher.idle()
  }

  #cut(): void {
    this.#cancelWait?.()
    this.#cancelWait = undefined
    const batch = this.#collected
    this.#collected = []
    if (batch.length > 0) this.#dispatcher.push(batch)
  }

  async #run(batch: readonly Delivery[]): Promise<void> {
    const opened = await Promise.all(batch.map(async (delivery) => this.#engine.open(delivery)))
    const messages = opened.filter((message) => message !== undefined)
    if (messages.length === 0) return
    const settle = (message: QueueMessage<T>, promise: Promise<void>): void => {
      promise.catch((error: unknown) => this.#engine.report(error, message))
    }
    try {
      await this.#handler(messages)
      for (const message of messages) settle(message, message.accept())
    } catch (error) {
      this.#engine.report(error, undefined)
      for (const message of messages) {
        const isLast = message.deliveryCount >= this.#engine.retryOptions.attempts
        settle(message, isLast ? message.reject(reasonOf(error)) : message.retry())
      }
    }
    for (const delivery of batch) this.#engine.finished(delivery)
  }
}
