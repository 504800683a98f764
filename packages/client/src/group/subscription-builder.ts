import { ClientError } from '../client-error.ts'
import type { RetryOptions } from '../consumer/consumer-options.ts'
import type { ReceivedMessage } from '../consumer/queue-message.ts'
import type { DeduplicationOptions } from '../deduplication/deduplication-options.ts'
import { expectDeduplicationOptions } from '../deduplication/deduplication-options.ts'
import { expectGiven } from '../option-checks.ts'
import type { SchemaOutput, StandardSchemaV1 } from '../serialization/standard-schema.ts'
import type { Serializer, Topic, TopicLike } from '../serialization/topic.ts'
import { describedTopic } from '../serialization/topic.ts'
import type { AssignorName } from './assignors.ts'
import type { GroupSubscription, SubscriptionHandler } from './group-subscription.ts'
import type { SubscriptionOptions } from './subscription-options.ts'

/** What a builder needs of the client. */
export interface SubscriptionMaker {
  subscribe<T>(
    options: SubscriptionOptions<T>,
    handler: SubscriptionHandler<T>,
    call?: { signal?: AbortSignal },
  ): Promise<GroupSubscription<T>>
}

type AnyOptions<T> = Partial<SubscriptionOptions<T>> & { group: string }

/**
 * Describes a member of a consumer group step by step. Each step returns a new builder, so that a common beginning can be
 * shared. `T` is what the topic's values are, never while there is no topic.
 */
export class SubscriptionBuilder<T = never> {
  /** For the compiler alone. */
  declare readonly types: { value: T }
  readonly #maker: SubscriptionMaker
  readonly #options: AnyOptions<T>

  constructor(maker: SubscriptionMaker, options: AnyOptions<T>) {
    this.#maker = maker
    this.#options = options
  }

  /** The topic to read: a name alone means bytes. */
  topic(name: string): SubscriptionBuilder<Buffer | null>
  topic<S extends StandardSchemaV1>(name: string, schema: S): SubscriptionBuilder<SchemaOutput<S>>
  topic<O>(name: string, serializer: Serializer<O, never>): SubscriptionBuilder<O>
  topic<O>(topic: Topic<O, never>): SubscriptionBuilder<O>
  topic<O>(like: TopicLike<O, never>, form?: StandardSchemaV1 | Serializer<O, never>): SubscriptionBuilder<O> {
    const { onError: _, topic: __, ...options } = this.#options
    // What was said before the topic does not depend on the type of its values.
    return new SubscriptionBuilder<O>(this.#maker, { ...options, topic: describedTopic(like, form) })
  }

  /** A topic that is missing may be made, if the broker's settings allow it. Otherwise starting fails. */
  createTopics(): SubscriptionBuilder<T> {
    return this.#with({ createTopics: true })
  }

  /** Where to begin in a partition without a committed offset. */
  from(from: 'beginning' | 'end'): SubscriptionBuilder<T> {
    return this.#with({ from })
  }

  assignor(assignor: AssignorName): SubscriptionBuilder<T> {
    return this.#with({ assignor })
  }

  /** Handlers that run at a time, never two for one key. */
  concurrency(concurrency: number): SubscriptionBuilder<T> {
    return this.#with({ concurrency })
  }

  retry(retry: RetryOptions): SubscriptionBuilder<T> {
    return this.#with({ retry })
  }

  /** Messages whose id was handled within some time are not handled again. @throws ClientError 'invalid-options' */
  deduplication(deduplication: DeduplicationOptions): SubscriptionBuilder<T> {
    expectDeduplicationOptions(deduplication)
    return this.#with({ deduplication })
  }

  /** Topic that takes the messages that failed as often as they may. */
  deadLetter(deadLetter: string): SubscriptionBuilder<T> {
    return this.#with({ deadLetter })
  }

  /** Time between two commits. */
  commitInterval(commitIntervalMs: number): SubscriptionBuilder<T> {
    return this.#with({ commitIntervalMs })
  }

  /** A member that is silent for so long loses its partitions. */
  sessionTimeout(sessionTimeoutMs: number): SubscriptionBuilder<T> {
    return this.#with({ sessionTimeoutMs })
  }

  /** How long members have to finish what they handle when partitions move. */
  rebalanceTimeout(rebalanceTimeoutMs: number): SubscriptionBuilder<T> {
    return this.#with({ rebalanceTimeoutMs })
  }

  /** How long starting may take. */
  startTimeout(startTimeoutMs: number): SubscriptionBuilder<T> {
    return this.#with({ startTimeoutMs })
  }

  onError(onError: (error: unknown, message: ReceivedMessage<T> | undefined) => void): SubscriptionBuilder<T> {
    return this.#with({ onError })
  }

  /** Joins the group and calls the handler with each message; resolves when it has joined. @throws ClientError */
  async start(
    ...[handler, call]: [T] extends [never]
      ? ['call topic() first', never]
      : [handler: SubscriptionHandler<T>, call?: { signal?: AbortSignal }]
  ): Promise<GroupSubscription<T>> {
    const { topic } = this.#options
    if (topic === undefined)
      throw new ClientError('invalid-options', 'a subscription needs a topic: call topic() first')
    if (typeof handler !== 'function') throw new ClientError('invalid-options', 'start() needs a handler')
    return this.#maker.subscribe({ ...this.#options, topic }, handler as SubscriptionHandler<T>, call)
  }

  #with(options: Partial<SubscriptionOptions<T>>): SubscriptionBuilder<T> {
    expectGiven(options)
    return new SubscriptionBuilder<T>(this.#maker, { ...this.#options, ...options })
  }
}
