import type { ClientContext } from './client-context.ts'
import { ClientError } from './client-error.ts'
import type { ClusterOptions, ConnectionEvent } from './cluster.ts'
import { Cluster } from './cluster.ts'
import { formatAddress } from './address.ts'
import type { ConsumerMaker } from './consumer/consumer-builder.ts'
import { ConsumerBuilder } from './consumer/consumer-builder.ts'
import type { BatchPushOptions, PushOptions, QueueOptions } from './consumer/consumer-options.ts'
import { expectQueueOptions } from './consumer/consumer-options.ts'
import { PullConsumer } from './consumer/pull-consumer.ts'
import { BatchCalls } from './consumer/batch-calls.ts'
import type { BatchConsumer, BatchHandler, Handler } from './consumer/push-consumer.ts'
import { PushConsumer } from './consumer/push-consumer.ts'
import type { QueueEngine } from './consumer/queue-engine.ts'
import { SingleCalls } from './consumer/single-calls.ts'
import { systemEnvironment } from './environment.ts'
import type { Environment } from './environment.ts'
import type { SubscriptionHandler } from './group/group-subscription.ts'
import type { SubscriptionMaker } from './group/subscription-builder.ts'
import { SubscriptionBuilder } from './group/subscription-builder.ts'
import { GroupSubscription } from './group/group-subscription.ts'
import type { SubscriptionOptions } from './group/subscription-options.ts'
import { expectSubscriptionOptions } from './group/subscription-options.ts'
import type { NumberKind } from './option-checks.ts'
import { closeTimeoutOf, expectHandler, expectKinds, expectOptions } from './option-checks.ts'
import type { ProducerOptions } from './producer/message-producer.ts'
import { MessageProducer } from './producer/message-producer.ts'
import type { Sendable } from './outgoing-message.ts'
import type { RequestOptions } from './request/requester.ts'
import { Requester } from './request/requester.ts'
import type { InputOf, TopicLike } from './serialization/topic.ts'
import type { ClientStatus } from './status.ts'
import { StatusHub } from './status.ts'
import type { OpenTelemetry } from './telemetry/open-telemetry.ts'
import { Tracing } from './telemetry/tracing.ts'
import { checkTls } from './tls.ts'
import type { Credentials } from './sasl.ts'
import type { TlsOptions } from './tls.ts'
import type { Backoff } from './waiting.ts'
import { abortable, backoffMs, pauseFor, within } from './waiting.ts'

export interface ConnectOptions {
  /** `host:port`, several with commas between or as an array; one that answers is enough. */
  brokers: string | readonly string[]
  /** Name that the broker shows for this client. Default 'polylog'. */
  clientId?: string
  /** Topics that must exist, or `connect` fails (with `check`). */
  topics?: readonly string[]
  /**
   * Default true: `connect` fails within `startTimeoutMs` if no broker can be reached, if what answers is not Kafka, if the
   * credentials are wrong or a topic is missing. False: it returns at once and connects in the background; calls made
   * meanwhile wait, each until its own time-out.
   */
  check?: boolean
  /** Default 10 s. */
  startTimeoutMs?: number
  /** Who logs in. Default: nobody. */
  credentials?: Credentials
  /** `true`: brokers are reached over TLS, and the system's authorities are trusted. Default: plain TCP. */
  tls?: boolean | TlsOptions
  /** For one connection, TLS included. Default 5 s. */
  connectTimeoutMs?: number
  /** For one answer of a broker. Default 30 s. */
  requestTimeoutMs?: number
  /** How long `close` and `await using` wait for what is under way. Default 30 s. */
  closeTimeoutMs?: number
  /** Times between attempts, of which a half is left to chance. Default 50 ms, doubled up to 5 s. */
  retry?: Partial<Backoff>
  /** `import * as api from '@opentelemetry/api'`: what is sent, received and handled has spans and metrics. Default: none. */
  telemetry?: OpenTelemetry
  /** Ends the wait of `connect`. */
  signal?: AbortSignal
}

const optionNames = [
  'brokers',
  'clientId',
  'topics',
  'check',
  'credentials',
  'tls',
  'startTimeoutMs',
  'connectTimeoutMs',
  'requestTimeoutMs',
  'closeTimeoutMs',
  'retry',
  'telemetry',
  'signal',
] as const satisfies (keyof ConnectOptions)[]

const timeouts = {
  startTimeoutMs: 'time',
  connectTimeoutMs: 'time',
  requestTimeoutMs: 'time',
  closeTimeoutMs: 'time',
} as const satisfies Partial<Record<keyof ConnectOptions, NumberKind>>
const backoffTimes = { initialMs: 'time', maxMs: 'time' } as const satisfies Record<keyof Backoff, NumberKind>

interface Closable {
  close(options?: { timeoutMs?: number }): Promise<void>
}

/**
 * Connects to a cluster.
 *
 * @throws ClientError 'invalid-options'; with `check`: 'unreachable', 'not-kafka', 'authentication-failed', 'timed-out',
 * 'refused' (a topic is missing), 'aborted'. Its message names the address and the cause.
 */
export function connect(options: ConnectOptions): Promise<Client> {
  return connectIn(systemEnvironment, options)
}

/** As `connect`, in another world: for tests. */
export async function connectIn(environment: Environment, options: ConnectOptions): Promise<Client> {
  const client = new Client(environment, options)
  if (options.check === false) return client
  try {
    const { startTimeoutMs = 10_000 } = options
    const late = (): ClientError =>
      new ClientError(
        'timed-out',
        `the cluster at ${String(options.brokers)} did not answer within ${startTimeoutMs} ms`,
      )
    await within(environment, abortable(client.check(options.topics ?? []), options.signal), startTimeoutMs, late)
    return client
  } catch (error) {
    await client.close({ timeoutMs: 0 })
    throw error
  }
}

/** A connection to a cluster, and what is made from it. Made by `connect`. */
export class Client implements ConsumerMaker, SubscriptionMaker {
  readonly #cluster: Cluster
  readonly #environment: Environment
  readonly #backoff: Backoff
  readonly #closeTimeoutMs: number
  readonly #status: StatusHub
  readonly #closing = new AbortController()
  readonly #handles = new Set<Closable>()
  readonly #context: ClientContext
  #ownProducer: MessageProducer | undefined
  #requester: Requester | undefined
  #connectedCount = 0
  #reconnecting = false
  #closed: Promise<void> | undefined

  /** Use `connect`. @throws ClientError 'invalid-options' */
  constructor(environment: Environment, options: ConnectOptions) {
    expectOptions('client', options, optionNames, timeouts)
    expectKinds('client', options, { clientId: 'text', topics: 'array', check: 'boolean' })
    expectOptions('client (retry)', options.retry ?? {}, Object.keys(backoffTimes), backoffTimes)
    const clientId = options.clientId ?? 'polylog'
    this.#environment = environment
    this.#backoff = { initialMs: options.retry?.initialMs ?? 50, maxMs: options.retry?.maxMs ?? 5000 }
    this.#closeTimeoutMs = options.closeTimeoutMs ?? 30_000
    this.#status = new StatusHub(clientId)
    this.#cluster = new Cluster(this.#clusterOptions(options, clientId))
    this.#context = {
      cluster: this.#cluster,
      environment,
      backoff: this.#backoff,
      closeTimeoutMs: this.#closeTimeoutMs,
      tracing: options.telemetry === undefined ? undefined : new Tracing(options.telemetry, clientId, environment),
      producer: () => (this.#ownProducer ??= this.#makeProducer({}, () => undefined)),
    }
    if (options.check === false) void this.#reconnect()
  }

  /** What happens to the connections, from now on, until the client is closed. */
  status(): AsyncIterableIterator<ClientStatus> {
    return this.#status.read()
  }

  /** A producer of its own: options, buffer and order are not shared with others. @throws ClientError 'invalid-options' */
  producer(options: ProducerOptions = {}): MessageProducer {
    this.#expectOpen()
    return this.#keep((onClose) => this.#makeProducer(options, onClose))
  }

  /** Begins the description of a consumer of this share group; see docs/sdk.md. */
  consumer(group: string): ConsumerBuilder {
    return new ConsumerBuilder(this, { group })
  }

  /** Begins the description of a member of this consumer group; see docs/sdk.md. */
  subscription(group: string): SubscriptionBuilder {
    return new SubscriptionBuilder(this, { group })
  }

  /** Starts a consumer that calls `handler` with each message. @throws ClientError */
  async consume<T = Buffer | null>(
    options: PushOptions<T>,
    handler: Handler<T>,
    call: { signal?: AbortSignal } = {},
  ): Promise<PushConsumer<T>> {
    this.#expectOpen()
    expectQueueOptions(options, 'single')
    expectHandler(handler)
    const traced = this.#context.tracing?.handler(options.group, handler) ?? handler
    const callsOf = (engine: QueueEngine<T>) => new SingleCalls(this.#context, engine, options, traced)
    return this.#started((onClose) => new PushConsumer(this.#context, options, callsOf, onClose), call.signal)
  }

  /** Starts a consumer that calls `handler` with many messages at a time. @throws ClientError */
  async consumeBatches<T = Buffer | null>(
    options: BatchPushOptions<T>,
    handler: BatchHandler<T>,
    call: { signal?: AbortSignal } = {},
  ): Promise<BatchConsumer<T>> {
    this.#expectOpen()
    expectQueueOptions(options, 'batch')
    expectHandler(handler)
    const traced = this.#context.tracing?.batchHandler(options.group, handler) ?? handler
    const callsOf = (engine: QueueEngine<T>) => new BatchCalls(this.#environment, engine, options, traced)
    return this.#started((onClose) => new PushConsumer(this.#context, options, callsOf, onClose), call.signal)
  }

  /** Opens a consumer for `pull` and `for await`. @throws ClientError */
  async openQueue<T = Buffer | null>(
    options: QueueOptions<T>,
    call: { signal?: AbortSignal } = {},
  ): Promise<PullConsumer<T>> {
    this.#expectOpen()
    expectQueueOptions(options, 'pull')
    return this.#started((onClose) => new PullConsumer(this.#context, options, onClose), call.signal)
  }

  /**
   * Joins a consumer group, each of whose members reads some of the partitions alone, in order, and calls `handler` with each
   * message; never two at a time of one key. @throws ClientError
   */
  async subscribe<T = Buffer | null>(
    options: SubscriptionOptions<T>,
    handler: SubscriptionHandler<T>,
    call: { signal?: AbortSignal } = {},
  ): Promise<GroupSubscription<T>> {
    this.#expectOpen()
    expectSubscriptionOptions(options)
    expectHandler(handler)
    const traced = this.#context.tracing?.handler(options.group, handler) ?? handler
    return this.#started((onClose) => new GroupSubscription(this.#context, options, traced, onClose), call.signal)
  }

  /**
   * Sends a message and waits for what the handler of a consumer returns for it: text and bytes as they are, all else as JSON.
   * @throws ClientError 'timed-out', 'request-failed' (the handler failed as often as it may), 'aborted', 'closed'
   */
  async request<L extends TopicLike<unknown, never>, R = Buffer | null>(
    topic: L,
    message: Sendable<InputOf<L>>,
    options: RequestOptions<R> = {},
  ): Promise<R> {
    this.#expectOpen()
    this.#requester ??= new Requester(this.#context)
    return this.#requester.request(topic, message, options)
  }

  /**
   * Asks for the cluster and topics. @throws ClientError as `connect`
   */
  async check(topics: readonly string[]): Promise<void> {
    this.#status.publish({ type: 'connecting', attempt: 1 })
    const found = await this.#cluster.describe(topics)
    const missing = topics.filter((name) => !found.topics.some((topic) => topic.name === name))
    if (missing.length > 0) await this.#cluster.topic(missing[0]!)
  }

  /**
   * Closes everything that was made from this client, in order: consumers finish what they handle, producers send what they
   * have; then the connections. What is not done within the time-out (default `closeTimeoutMs`) is given up.
   * Calling it again waits for the first call.
   */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(closeTimeoutOf(options, this.#closeTimeoutMs))
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#closing.abort()
    const handles = [...this.#handles]
    await Promise.allSettled(handles.map((handle) => handle.close({ timeoutMs })))
    await this.#requester?.close()
    await this.#ownProducer?.close({ timeoutMs })
    await this.#cluster.close()
    this.#status.close()
  }

  #makeProducer(options: ProducerOptions, onClose: () => void): MessageProducer {
    const { backoff, closeTimeoutMs, tracing } = this.#context
    return new MessageProducer(this.#cluster, options, { backoff, closeTimeoutMs, tracing, onClose })
  }

  async #started<H extends Closable & { start(signal?: AbortSignal): Promise<void> }>(
    make: (onClose: () => void) => H,
    signal: AbortSignal | undefined,
  ): Promise<H> {
    const handle = this.#keep(make)
    try {
      await handle.start(signal)
      return handle
    } catch (error) {
      this.#handles.delete(handle)
      throw error
    }
  }

  #keep<H extends Closable>(make: (onClose: () => void) => H): H {
    const handle = make(() => this.#handles.delete(handle))
    this.#handles.add(handle)
    return handle
  }

  #expectOpen(): void {
    if (this.#closed !== undefined) throw new ClientError('closed', 'the client was closed')
  }

  #clusterOptions(options: ConnectOptions, clientId: string): ClusterOptions {
    const brokers: unknown[] = [options.brokers].flat()
    if (brokers.length === 0 || !brokers.every((address) => typeof address === 'string' && address !== '')) {
      throw new ClientError('invalid-options', 'name at least one broker: brokers: "HOST:PORT"')
    }
    const clusterOptions: ClusterOptions = {
      brokers: brokers.join(','),
      clientId,
      environment: this.#environment,
      onConnection: (event) => this.#onConnection(event),
    }
    if (options.credentials !== undefined) clusterOptions.credentials = options.credentials
    const { tls = false } = options
    if (typeof tls !== 'boolean') clusterOptions.tls = checkTls(tls)
    else if (tls) clusterOptions.tls = {}
    if (options.connectTimeoutMs !== undefined) clusterOptions.connectTimeoutMs = options.connectTimeoutMs
    if (options.requestTimeoutMs !== undefined) clusterOptions.requestTimeoutMs = options.requestTimeoutMs
    return clusterOptions
  }

  #onConnection(event: ConnectionEvent): void {
    const address = formatAddress(event.address)
    if (event.type === 'connected') {
      this.#connectedCount++
      return this.#status.publish({ type: 'connected', address })
    }
    this.#connectedCount--
    if (this.#closed !== undefined) return
    this.#status.publish({ type: 'disconnected', address, error: event.error })
    // An idle client makes no calls that would connect it again.
    if (this.#connectedCount === 0) void this.#reconnect()
  }

  /** Tries until a broker answers or the client is closed. */
  async #reconnect(): Promise<void> {
    if (this.#reconnecting) return
    this.#reconnecting = true
    for (let attempt = 1; !this.#closing.signal.aborted; attempt++) {
      this.#status.publish({ type: 'connecting', attempt })
      try {
        await this.#cluster.describe([])
        break
      } catch (error) {
        const failure =
          error instanceof ClientError ? error : new ClientError('invalid', String(error), { cause: error })
        const delayMs = backoffMs(this.#backoff, attempt, this.#environment.random())
        this.#status.publish({ type: 'waiting', error: failure, delayMs })
        await pauseFor(this.#environment, delayMs, this.#closing.signal).catch(() => undefined)
      }
    }
    this.#reconnecting = false
  }
}
