import type { ClientContext } from '../client-context.ts'
import { ClientError } from '../client-error.ts'
import { closeTimeoutOf } from '../option-checks.ts'
import { within } from '../waiting.ts'
import type { QueueOptions } from './consumer-options.ts'
import type { Delivery } from './delivery.ts'
import type { ConsumerCounts } from './queue-engine.ts'
import { QueueEngine } from './queue-engine.ts'
import type { QueueMessage } from './queue-message.ts'

/** What it returns answers a request; returning accepts, throwing retries. */
export type Handler<T> = (message: QueueMessage<T>) => unknown

/** Returning accepts all messages that were not settled, throwing retries them. */
export type BatchHandler<T> = (messages: readonly QueueMessage<T>[]) => unknown

/** How a handler is called: with one message (`SingleCalls`) or with many (`BatchCalls`). */
export interface HandlerCalls {
  /** What may be fetched at first: how many messages, and from how many on it is worth a request. */
  readonly room: readonly [messages: number, least?: number]
  /** Messages have come. */
  take(deliveries: readonly Delivery[]): void
  /** Begins no more calls and forgets the messages that wait for one. */
  stop(): void
  /** Resolves when no call is under way. */
  idle(): Promise<void>
}

/** Left for the last acknowledgements when handlers have used up the time to close. */
const lastWordsMs = 1000

/** A consumer that calls a handler. Made by `client.consumer(group)…start(handler)`. */
export class PushConsumer<T> {
  readonly #context: ClientContext
  readonly #engine: QueueEngine<T>
  readonly #calls: HandlerCalls
  readonly #onClose: () => void
  #closing: Promise<void> | undefined

  constructor(
    context: ClientContext,
    options: QueueOptions<T>,
    callsOf: (engine: QueueEngine<T>) => HandlerCalls,
    onClose: () => void,
  ) {
    this.#context = context
    this.#onClose = onClose
    this.#engine = new QueueEngine(context, options, (deliveries) => this.#calls.take(deliveries))
    this.#calls = callsOf(this.#engine)
  }

  /** @throws ClientError */
  async start(signal?: AbortSignal): Promise<void> {
    await this.#engine.start(signal)
    this.#engine.reader.setRoom(...this.#calls.room)
  }

  get counts(): Readonly<ConsumerCounts> {
    return this.#engine.counts
  }

  /**
   * Fetches nothing more, lets handlers that run finish, tells the last acknowledgements, gives back what was not begun and
   * leaves the group. After the time-out (default: the client's) the messages of handlers that still run are given back, and
   * their `signal` is aborted. Calling it again waits for the first call.
   */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(closeTimeoutOf(options, this.#context.closeTimeoutMs)).finally(this.#onClose)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(timeoutMs: number): Promise<void> {
    const { environment } = this.#context
    const startMs = environment.monotonicMs()
    this.#engine.reader.pause()
    this.#calls.stop()
    const late = new ClientError('timed-out', 'handlers still run')
    await within(environment, this.#calls.idle(), timeoutMs, () => late).catch((error: unknown) => {
      if (error !== late) throw error
      this.#engine.giveUp()
    })
    const leftMs = timeoutMs - (environment.monotonicMs() - startMs)
    await this.#engine.close(Math.max(lastWordsMs, leftMs))
  }
}

/** A consumer that calls a handler with many messages at a time. Made by `client.consumer(group)….batch(…).start(handler)`. */
export type BatchConsumer<T> = PushConsumer<T>

/** What a dead letter says of an error that a handler threw. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
