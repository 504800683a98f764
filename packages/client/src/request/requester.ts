import { createTopic, deleteTopic } from '../admin.ts'
import type { ClientContext } from '../client-context.ts'
import { ClientError } from '../client-error.ts'
import { headerOf } from '../consumer/queue-message.ts'
import { Fetcher } from '../fetcher.ts'
import { headerNames } from '../header-names.ts'
import { MessageIds } from '../message-id.ts'
import type { Sendable } from '../outgoing-message.ts'
import { messageOf } from '../outgoing-message.ts'
import { expectNumber } from '../option-checks.ts'
import type { ReceivedRecord } from '../records/record.ts'
import type { InputOf, Serializer, TopicLike } from '../serialization/topic.ts'
import { topicOf } from '../serialization/topic.ts'
import { abortable, backoffMs, deferred, pauseFor, throwIfAborted } from '../waiting.ts'
import { replyTopicPrefix } from './reply-topic.ts'

export interface RequestOptions<R = Buffer | null> {
  /** Default 5 s, sending included. */
  timeoutMs?: number
  signal?: AbortSignal
  /** How the answer is read. Default: as bytes. */
  reply?: Serializer<R>
}

/** Answers are kept so long in a topic whose client did not delete it. */
const retentionMs = 600_000
const pollWaitMs = 500
const deleteTimeoutMs = 2000

interface Pending {
  resolve(record: ReceivedRecord): void
  reject(error: unknown): void
}

/** Sends requests and finds their answers, which come over one topic that this client alone reads. */
export class Requester {
  readonly #context: ClientContext
  readonly #ids: MessageIds
  readonly #pending = new Map<string, Pending>()
  readonly #ended = new AbortController()
  readonly #topic: string
  #ready: Promise<void> | undefined
  #reading: Promise<void> | undefined

  constructor(context: ClientContext) {
    this.#context = context
    this.#ids = new MessageIds(context.environment)
    this.#topic = `${replyTopicPrefix}${this.#ids.next()}`
  }

  /** @throws ClientError 'timed-out', 'request-failed' (the handler gave up), 'aborted', 'closed' and those of `send` */
  async request<L extends TopicLike<unknown, never>, R>(
    topic: L,
    sendable: Sendable<InputOf<L>>,
    options: RequestOptions<R>,
  ): Promise<R> {
    throwIfAborted(options.signal)
    const { name } = topicOf<unknown, never>(topic)
    const { timeoutMs = 5000 } = options
    expectNumber('"timeoutMs" of request()', timeoutMs, 'time')
    const correlationId = this.#ids.next()
    const { promise, resolve, reject } = deferred<ReceivedRecord>()
    const cancel = this.#context.environment.after(timeoutMs, () => {
      reject(new ClientError('timed-out', `no answer from topic "${name}" within ${timeoutMs} ms`))
    })
    this.#pending.set(correlationId, { resolve, reject })
    try {
      const message = messageOf(sendable)
      const headers = {
        ...message.headers,
        [headerNames.replyTo]: this.#topic,
        [headerNames.correlationId]: correlationId,
      }
      const sending = this.#prepare().then(() =>
        // Nobody waits for the answer after the time-out, so a consumer need not work on it then.
        this.#context.producer().send(topic, { ttlMs: Math.ceil(timeoutMs), ...message, headers }),
      )
      sending.catch(reject)
      const record = await abortable(promise, options.signal)
      const failure = headerOf(record.headers, headerNames.error)
      if (failure !== undefined) throw new ClientError('request-failed', `topic "${name}" answered: ${failure}`)
      const read = options.reply?.deserialize(record.value) ?? record.value
      // Without a serializer R is what bytes are, by its default.
      return (await read) as R
    } finally {
      cancel()
      this.#pending.delete(correlationId)
    }
  }

  /** Rejects the requests under way with 'closed' and deletes the topic of the answers. */
  async close(): Promise<void> {
    this.#ended.abort()
    const closed = new ClientError('closed', 'the client was closed before the answer came')
    for (const pending of this.#pending.values()) pending.reject(closed)
    if (this.#ready === undefined) return
    await this.#ready.catch(() => undefined)
    const { cluster, environment } = this.#context
    const deleting = deleteTopic(cluster, this.#topic)
    // A topic that stays behind is empty after its retention time.
    await Promise.race([deleting.catch(() => undefined), pauseFor(environment, deleteTimeoutMs)])
    await this.#reading
    cluster.closeLane(this.#topic)
  }

  #prepare(): Promise<void> {
    this.#ready ??= this.#makeTopic().catch((error: unknown) => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  async #makeTopic(): Promise<void> {
    const { cluster, backoff } = this.#context
    const configs = new Map([['retention.ms', String(retentionMs)]])
    await createTopic(cluster, { name: this.#topic, partitionCount: 1, configs })
    await cluster.topicWhenThere(this.#topic, { create: true, timeoutMs: cluster.requestTimeoutMs, backoff })
    this.#reading = this.#read()
  }

  async #read(): Promise<void> {
    const { cluster, environment, backoff } = this.#context
    const { signal } = this.#ended
    const fetcher = new Fetcher(cluster, { waitMs: pollWaitMs, lane: this.#topic, outOfRange: 'beginning' })
    fetcher.seek({ topic: this.#topic, partition: 0 }, 0)
    for (let failures = 0; !signal.aborted; ) {
      try {
        const records = await fetcher.poll()
        failures = 0
        for (const record of records) {
          const correlationId = headerOf(record.headers, headerNames.correlationId)
          // One that nobody waits for came after its time-out.
          if (correlationId !== undefined) this.#pending.get(correlationId)?.resolve(record)
        }
      } catch (error) {
        if (!(error instanceof ClientError)) throw error
        const delayMs = backoffMs(backoff, ++failures, environment.random())
        await pauseFor(environment, delayMs, signal).catch(() => undefined)
      }
    }
  }
}
