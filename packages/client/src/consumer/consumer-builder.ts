import { ClientError } from '../client-error.ts'
import type { DeduplicationOptions } from '../deduplication/deduplication-options.ts'
import { expectDeduplicationOptions } from '../deduplication/deduplication-options.ts'
import { expectGiven } from '../option-checks.ts'
import type { Serializer, Topic, TopicLike } from '../serialization/topic.ts'
import { describedTopic } from '../serialization/topic.ts'
import type { SchemaOutput, StandardSchemaV1 } from '../serialization/standard-schema.ts'
import type { BatchOptions, BatchPushOptions, PushOptions, QueueOptions, RetryOptions } from './consumer-options.ts'
import type { PullConsumer } from './pull-consumer.ts'
import type { BatchConsumer, BatchHandler, Handler, PushConsumer } from './push-consumer.ts'
import type { QueueMessage } from './queue-message.ts'

/** How messages reach the handler. */
export type Form = 'single' | 'ordered' | 'batch'

/** What a builder needs of the client. */
export interface ConsumerMaker {
  consume<T>(options: PushOptions<T>, handler: Handler<T>, call?: { signal?: AbortSignal }): Promise<PushConsumer<T>>
  consumeBatches<T>(
    options: BatchPushOptions<T>,
    handler: BatchHandler<T>,
    call?: { signal?: AbortSignal },
  ): Promise<BatchConsumer<T>>
  openQueue<T>(options: QueueOptions<T>, call?: { signal?: AbortSignal }): Promise<PullConsumer<T>>
}

type Started<T, F extends Form> = F extends 'batch' ? BatchConsumer<T> : PushConsumer<T>
type HandlerOf<T, F extends Form> = F extends 'batch' ? BatchHandler<T> : Handler<T>
type AnyOptions<T> = Partial<PushOptions<T>> & { group: string; batch?: BatchOptions }

/**
 * Describes a consumer step by step. Each step returns a new builder, so that a common beginning can be shared. `T` is what
 * the topic's values are, never while there is no topic.
 */
export class ConsumerBuilder<T = never, F extends Form = 'single'> {
  /** For the compiler alone. */
  declare readonly types: { value: T; form: F }
  readonly #maker: ConsumerMaker
  readonly #options: AnyOptions<T>

  constructor(maker: ConsumerMaker, options: AnyOptions<T>) {
    this.#maker = maker
    this.#options = options
  }

  /** The topic to consume: a name alone means bytes. */
  topic(name: string): ConsumerBuilder<Buffer | null, F>
  topic<S extends StandardSchemaV1>(name: string, schema: S): ConsumerBuilder<SchemaOutput<S>, F>
  topic<O>(name: string, serializer: Serializer<O, never>): ConsumerBuilder<O, F>
  topic<O>(topic: Topic<O, never>): ConsumerBuilder<O, F>
  topic<O>(like: TopicLike<O, never>, form?: StandardSchemaV1 | Serializer<O, never>): ConsumerBuilder<O, F> {
    const { onError: _, ...options } = this.#options
    // What was said before the topic does not depend on the type of its values.
    return new ConsumerBuilder<O, F>(this.#maker, { ...options, topic: describedTopic(like, form) })
  }

  /** Only messages with at least one of these tags. */
  tags(...tags: string[]): ConsumerBuilder<T, F> {
    return this.#with({ tags })
  }

  /** A topic that is missing may be made, if the broker's settings allow it. Otherwise starting fails. */
  createTopics(): ConsumerBuilder<T, F> {
    return this.#with({ createTopics: true })
  }

  /** Where a group begins that is new. */
  from(from: 'beginning' | 'end'): ConsumerBuilder<T, F> {
    return this.#with({ from })
  }

  concurrency(concurrency: number): ConsumerBuilder<T, F> {
    return this.#with({ concurrency })
  }

  prefetch(prefetch: number): ConsumerBuilder<T, F> {
    return this.#with({ prefetch })
  }

  retry(retry: RetryOptions): ConsumerBuilder<T, F> {
    return this.#with({ retry })
  }

  /** Messages whose id was handled within some time are taken as done. @throws ClientError 'invalid-options' */
  deduplication(deduplication: DeduplicationOptions): ConsumerBuilder<T, F> {
    expectDeduplicationOptions(deduplication)
    return this.#with({ deduplication })
  }

  /** Topic that takes the messages that are rejected. */
  deadLetter(deadLetter: string): ConsumerBuilder<T, F> {
    return this.#with({ deadLetter })
  }

  /** Age from which no message is delivered any more. */
  ttl(ttlMs: number): ConsumerBuilder<T, F> {
    return this.#with({ ttlMs })
  }

  /** How long a message is lent. */
  lock(lockMs: number): ConsumerBuilder<T, F> {
    return this.#with({ lockMs })
  }

  /** How long starting may take. */
  startTimeout(startTimeoutMs: number): ConsumerBuilder<T, F> {
    return this.#with({ startTimeoutMs })
  }

  onError(onError: (error: unknown, message: QueueMessage<T> | undefined) => void): ConsumerBuilder<T, F> {
    return this.#with({ onError })
  }

  /** One message of a key at a time, in order. Not together with `batch`. */
  ordered(this: ConsumerBuilder<T, 'single'>): ConsumerBuilder<T, 'ordered'> {
    return new ConsumerBuilder<T, 'ordered'>(this.#maker, { ...this.#options, ordered: true })
  }

  /** Many messages per call of the handler. Not together with `ordered`. */
  batch(this: ConsumerBuilder<T, 'single'>, batch: BatchOptions = {}): ConsumerBuilder<T, 'batch'> {
    return new ConsumerBuilder<T, 'batch'>(this.#maker, { ...this.#options, batch })
  }

  /** Starts a consumer that calls the handler; resolves when the group has taken it in. @throws ClientError */
  async start(
    ...[handler, call]: [T] extends [never]
      ? ['call topic() first', never]
      : [handler: HandlerOf<T, F>, call?: { signal?: AbortSignal }]
  ): Promise<Started<T, F>> {
    if (typeof handler !== 'function') throw new ClientError('invalid-options', 'start() needs a handler')
    const { batch, ...options } = this.#complete()
    const started =
      batch === undefined
        ? await this.#maker.consume(options, handler as Handler<T>, call)
        : await this.#maker.consumeBatches({ ...options, batch }, handler as BatchHandler<T>, call)
    return started as Started<T, F>
  }

  /** Opens a consumer for `pull` and `for await`. @throws ClientError */
  open(this: ConsumerBuilder<T, 'single'>, call?: { signal?: AbortSignal }): Promise<PullConsumer<T>> {
    return this.#maker.openQueue(this.#complete(), call)
  }

  #complete(): PushOptions<T> & { batch?: BatchOptions } {
    const { topic } = this.#options
    if (topic === undefined) throw new ClientError('invalid-options', 'a consumer needs a topic: call topic() first')
    return { ...this.#options, topic }
  }

  #with(options: Partial<PushOptions<T>>): ConsumerBuilder<T, F> {
    expectGiven(options)
    return new ConsumerBuilder<T, F>(this.#maker, { ...this.#options, ...options })
  }
}
