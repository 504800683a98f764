import type { ClientContext } from '../client-context.ts'
import { ClientError } from '../client-error.ts'
import { closeTimeoutOf, expectNumber } from '../option-checks.ts'
import { deferred, throwIfAborted } from '../waiting.ts'
import type { QueueOptions } from './consumer-options.ts'
import type { Delivery } from './delivery.ts'
import type { ConsumerCounts } from './queue-engine.ts'
import { QueueEngine } from './queue-engine.ts'
import type { QueueMessage } from './queue-message.ts'

export interface PullOptions {
  /** Most messages. Default 100. */
  max?: number
  /** How long to wait for the first. Default 5 s. */
  waitMs?: number
  signal?: AbortSignal
}

/** Messages that came too late for a pull are given back if no other one follows within this time. */
const unaskedMsMax = 5000
const iterationMax = 32
const iterationWaitMs = 30_000

/**
 * A consumer that asks: with `pull`, or with `for await`. Every message is settled by hand: `accept`, `retry` or `reject`.
 * Made by `client.consumer(group)….open()`.
 */
export class PullConsumer<T> implements AsyncIterable<QueueMessage<T>> {
  readonly #context: ClientContext
  readonly #engine: QueueEngine<T>
  readonly #group: string
  readonly #hasWindow: boolean
  readonly #onClose: () => void
  #buffer: QueueMessage<T>[] = []
  #arrived = deferred<void>()
  #opening: Promise<void> = Promise.resolve()
  #turn: Promise<unknown> = Promise.resolve()
  #pulling = false
  #cancelGiveBack: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor(context: ClientContext, options: QueueOptions<T>, onClose: () => void) {
    this.#context = context
    this.#group = options.group
    this.#hasWindow = options.deduplication !== undefined
    this.#onClose = onClose
    this.#engine = new QueueEngine(context, options, (deliveries) => this.#take(deliveries))
  }

  /** @throws ClientError */
  start(signal?: AbortSignal): Promise<void> {
    return this.#engine.start(signal)
  }

  get counts(): Readonly<ConsumerCounts> {
    return this.#engine.counts
  }

  /** The next messages: as soon as there are some, at most `max`; none when the wait is over. @throws ClientError */
  pull(options: PullOptions = {}): Promise<QueueMessage<T>[]> {
    const turn = this.#turn.then(() => this.#pull(options))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Messages one by one, until the loop is left or the consumer closed. Those not handed out yet are kept for the next. */
  async *[Symbol.asyncIterator](): AsyncGenerator<QueueMessage<T>, void, undefined> {
    while (this.#closing === undefined) {
      const messages = await this.#pull({ max: iterationMax, waitMs: iterationWaitMs }).catch((error: unknown) => {
        if (error instanceof ClientError && error.code === 'closed') return []
        throw error
      })
      try {
        while (messages.length > 0) yield messages.shift()!
      } finally {
        this.#buffer.unshift(...messages)
        this.#giveBackLater()
      }
    }
  }

  /** Stops fetching, gives back what was not settled and leaves the group. Calling it again waits for the first call. */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(closeTimeoutOf(options, this.#context.closeTimeoutMs)).finally(this.#onClose)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#arrived.resolve()
    this.#cancelGiveBack?.()
    this.#buffer = []
    await this.#engine.close(timeoutMs)
    this.#engine.giveUp()
  }

  async #pull({ max = 100, waitMs = 5000, signal }: PullOptions): Promise<QueueMessage<T>[]> {
    throwIfAborted(signal)
    expectNumber('"max" of pull()', max, 'count')
    expectNumber('"waitMs" of pull()', waitMs, 'time')
    if (this.#closing !== undefined) throw new ClientError('closed', 'the consumer was closed')
    this.#cancelGiveBack?.()
    this.#pulling = true
    const { reader } = this.#engine
    const startMs = this.#context.environment.nowMs()
    const stop = (): void => this.#arrived.resolve()
    signal?.addEventListener('abort', stop, { once: true })
    let isOver = false
    const cancel = this.#context.environment.after(waitMs, () => {
      isOver = true
      stop()
    })
    try {
      while (this.#buffer.length === 0 && !isOver && this.#closing === undefined) {
        throwIfAborted(signal)
        this.#arrived = deferred()
        reader.setRoom(reader.heldCount + max, 1)
        await this.#arrived.promise
      }
      throwIfAborted(signal)
      if (this.#closing !== undefined) throw new ClientError('closed', 'the consumer was closed')
      const messages = this.#buffer.splice(0, max)
      if (messages.length > 0) this.#context.tracing?.received(this.#group, messages, startMs)
      return messages
    } finally {
      cancel()
      signal?.removeEventListener('abort', stop)
      this.#pulling = false
      reader.pause()
      this.#giveBackLater()
    }
  }

  #take(deliveries: readonly Delivery[]): void {
    // Deserialising, or asking whether one is a repeat, may take time; the order stays.
    const opened = deliveries.map((delivery) => this.#open(delivery))
    this.#opening = this.#opening.then(async () => {
      for (const message of await Promise.all(opened)) if (message !== undefined) this.#buffer.push(message)
      this.#arrived.resolve()
      if (!this.#pulling) this.#giveBackLater()
    })
  }

  async #open(delivery: Delivery): Promise<QueueMessage<T> | undefined> {
    const message = await this.#engine.open(delivery)
    if (message !== undefined && this.#hasWindow) {
      // Who is told that the message is lost may leave it at that; a handler always comes to an end.
      message.signal.addEventListener('abort', () => this.#engine.finished(delivery), { once: true })
    }
    return message
  }

  #giveBackLater(): void {
    this.#cancelGiveBack?.()
    if (this.#buffer.length === 0 || this.#closing !== undefined) return
    this.#cancelGiveBack = this.#context.environment.after(unaskedMsMax, () => {
      for (const message of this.#buffer.splice(0)) {
        message.retry({ delayMs: 0 }).catch((error: unknown) => this.#engine.report(error, message))
      }
    })
  }
}
