import { channel } from 'node:diagnostics_channel'
import { compressionNames } from '@polylog/wire/records'
import type { Compression } from '@polylog/wire/records'
import { ClientError } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import { MessageIds } from '../message-id.ts'
import type { NumberKind } from '../option-checks.ts'
import { closeTimeoutOf, expectKinds, expectOptions } from '../option-checks.ts'
import type { OutgoingMessage, Sendable } from '../outgoing-message.ts'
import { messageOf, recordOf } from '../outgoing-message.ts'
import { recordBytesOf } from '../records/batch.ts'
import type { Bytes, OutgoingRecord } from '../records/record.ts'
import type { InputOf, Topic, TopicLike } from '../serialization/topic.ts'
import { serialized, topicOf } from '../serialization/topic.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import type { Backoff } from '../waiting.ts'
import { abortable, throwIfAborted } from '../waiting.ts'
import type { PartitionerOption } from './partitioners.ts'
import { partitionerOf } from './partitioners.ts'
import { RecordSender, senderDefaults } from './record-sender.ts'
import type { SendResult } from './sending.ts'
import { Sending } from './sending.ts'

export interface ProducerOptions {
  /** Default 'none'. 'snappy' and 'lz4' need a package of that kind; 'zstd' Node 22.15. */
  compression?: Compression
  /** How long a message waits for others to share its batch. Default 0: only for those of the same turn of the event loop. */
  lingerMs?: number
  /** Most bytes of messages in one batch, before compression. Default 1,000,000, below Kafka's limit. */
  batchBytesMax?: number
  /** Bytes that may be on their way to the broker; calls beyond it wait. Default 32 MiB. */
  bufferBytesMax?: number
  partitioner?: PartitionerOption
  /** 'all' (default): every in-sync replica has it; 'leader': the leader has it. */
  acks?: 'all' | 'leader'
  /** Default true: what is sent again after a lost answer is stored once. Needs acks 'all'. */
  idempotent?: boolean
  /** How long sending one message may take, retries included. Default 60 s. */
  deliveryTimeoutMs?: number
  /** Whether an unknown topic may be made. Default true; the broker's settings decide. */
  createTopics?: boolean
  /** Told of each message of `sendOneWay` that could not be sent. */
  onOneWayError?: (error: ClientError, messageId: string) => void
}

export interface SendOptions {
  /** Stops waiting. What was already handed over may still be stored. */
  signal?: AbortSignal
}

/** Some messages of a batch could not be sent. `results` has an entry for each message, in order. */
export class BatchError extends ClientError {
  readonly results: readonly (SendResult | ClientError)[]

  constructor(results: readonly (SendResult | ClientError)[]) {
    const failures = results.filter((result) => result instanceof ClientError)
    const first = failures[0]!
    super(first.code, `${failures.length} of ${results.length} messages were not sent: ${first.message}`, {
      cause: first,
      kafkaCode: first.kafkaCode,
      retriable: first.retriable,
    })
    this.name = 'BatchError'
    this.results = results
  }
}

const oneWayFailed = channel('polylog:producer:one-way-failed')

const optionNames = [
  'compression',
  'lingerMs',
  'batchBytesMax',
  'bufferBytesMax',
  'partitioner',
  'acks',
  'idempotent',
  'deliveryTimeoutMs',
  'createTopics',
  'onOneWayError',
] as const satisfies (keyof ProducerOptions)[]

const numbers = {
  lingerMs: 'time',
  batchBytesMax: 'count',
  bufferBytesMax: 'count',
  deliveryTimeoutMs: 'time',
} as const satisfies Partial<Record<keyof ProducerOptions, NumberKind>>

/** Sends messages. Made by `client.producer()`; many calls may be under way at a time. */
export class MessageProducer {
  readonly #sender: RecordSender
  readonly #ids: MessageIds
  readonly #onOneWayError: ProducerOptions['onOneWayError']
  readonly #closeTimeoutMs: number
  readonly #tracing: Tracing | undefined
  readonly #onClose: () => void
  /** By topic: the end of the serialisations under way, where those take time. */
  readonly #serializing = new Map<string, Promise<void>>()
  #closing: Promise<void> | undefined

  constructor(
    cluster: Cluster,
    options: ProducerOptions,
    client: { backoff: Backoff; closeTimeoutMs: number; tracing: Tracing | undefined; onClose: () => void },
  ) {
    checkOptions(options)
    this.#ids = new MessageIds(cluster.environment)
    this.#onOneWayError = options.onOneWayError
    this.#closeTimeoutMs = client.closeTimeoutMs
    this.#tracing = client.tracing
    this.#onClose = client.onClose
    this.#sender = new RecordSender(cluster, {
      compression: options.compression ?? senderDefaults.compression,
      lingerMs: options.lingerMs ?? senderDefaults.lingerMs,
      batchBytesMax: options.batchBytesMax ?? senderDefaults.batchBytesMax,
      bufferBytesMax: options.bufferBytesMax ?? 32 * 1024 * 1024,
      partitioner: partitionerOf(options.partitioner ?? 'uniform', cluster.environment),
      acks: options.acks === 'leader' ? 1 : -1,
      idempotent: options.idempotent ?? options.acks !== 'leader',
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? senderDefaults.deliveryTimeoutMs,
      createTopics: options.createTopics ?? senderDefaults.createTopics,
      requestTimeoutMs: cluster.requestTimeoutMs,
      backoff: client.backoff,
    })
  }

  /**
   * Sends a message and resolves when the broker has stored it.
   * @throws ClientError 'invalid-value', 'timed-out', 'refused', 'aborted', 'closed'
   */
  async send<L extends TopicLike<unknown, never>>(
    topic: L,
    message: Sendable<InputOf<L>>,
    options: SendOptions = {},
  ): Promise<SendResult> {
    throwIfAborted(options.signal)
    return abortable(this.#begin(describedOf(topic), [message], this.#tracing).only(), options.signal)
  }

  /**
   * Sends messages, each with its own key, partition and result, and resolves when all are stored. They travel in as many
   * batches as their sizes ask for. None is fine.
   * @throws BatchError if some could not be sent: its `results` say which
   */
  async sendBatch<L extends TopicLike<unknown, never>>(
    like: L,
    messages: readonly Sendable<InputOf<L>>[],
    options: SendOptions = {},
  ): Promise<SendResult[]> {
    throwIfAborted(options.signal)
    const topic = describedOf(like)
    if (!Array.isArray(messages)) throw new ClientError('invalid', 'sendBatch() takes an array of messages')
    const sending = this.#begin(topic, messages, this.#tracing)
    await abortable(sending.done, options.signal)
    const { results, failures } = sending
    if (failures.size === 0) return results
    throw new BatchError(messages.map((_, i) => (failures.has(i) ? failureOf(failures.get(i)) : results[i]!)))
  }

  /**
   * Hands a message over and returns its id at once. It is sent, and sent again, as by `send`; a failure is told to
   * `onOneWayError` and on the diagnostics channel `polylog:producer:one-way-failed`. `close` waits for it.
   * @throws ClientError 'buffer-full' when too much is on its way: `await producer.flush()` and try again
   */
  sendOneWay<L extends TopicLike<unknown, never>>(topic: L, sendable: Sendable<InputOf<L>>): string {
    const message = messageOf(sendable)
    const id = message.id ?? this.#ids.next()
    if (!this.#sender.hasRoom(0)) {
      throw new ClientError('buffer-full', 'too much is on its way to the broker; wait with producer.flush()')
    }
    const sending = this.#begin(describedOf(topic), [{ ...message, id }], this.#tracing)
    sending.only().catch((error: unknown) => {
      const failure = failureOf(error)
      if (oneWayFailed.hasSubscribers) oneWayFailed.publish({ messageId: id, error: failure })
      this.#onOneWayError?.(failure, id)
    })
    return id
  }

  /** As `sendOneWay`, for many; returns their ids. @throws ClientError 'buffer-full' before any is handed over */
  sendOneWayBatch<L extends TopicLike<unknown, never>>(topic: L, messages: readonly Sendable<InputOf<L>>[]): string[] {
    const given = messages.map((message) => ({ ...messageOf(message) }))
    const size = given.reduce((sum, { value }) => sum + sizeOf(value), 0)
    if (given.length > 0 && !this.#sender.hasRoom(size)) {
      throw new ClientError('buffer-full', 'too much is on its way to the broker; wait with producer.flush()')
    }
    return given.map((message) => this.sendOneWay(topic, message))
  }

  /** Resolves when everything sent so far is stored or has failed. */
  async flush(): Promise<void> {
    await Promise.all(this.#serializing.values())
    await this.#sender.flush()
  }

  /**
   * Takes nothing more, sends what there is, and rejects what is not stored within the time-out (default: the client's) with
   * 'closed'. Calling it again waits for the first call.
   */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#sender.close(closeTimeoutOf(options, this.#closeTimeoutMs)).finally(this.#onClose)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Hands messages over, in order. Does not throw: what cannot be sent has failed. */
  #begin<I>(topic: Topic<unknown, I>, messages: readonly Sendable<I>[], tracing: Tracing | undefined): Sending {
    const sending = new Sending(topic.name, messages.length)
    const records: OutgoingRecord[] = []
    for (let i = 0; i < messages.length; i++) {
      try {
        const message = messageOf(messages[i]!)
        if (tracing === undefined) this.#make(topic, message, sending, i, records)
        else sending.follow(i, this.#trace(tracing, topic, message))
      } catch (error) {
        sending.fail(i, error)
      }
    }
    if (records.length > 0) this.#sender.push(topic.name, records, sending)
    return sending
  }

  #trace<I>(tracing: Tracing, topic: Topic<unknown, I>, message: OutgoingMessage<I>): Promise<SendResult> {
    const named = { ...message, id: message.id ?? this.#ids.next() }
    return tracing.sending(topic.name, named, (traced) => this.#begin(topic, [traced], undefined).only())
  }

  /** Adds the message's record, if it can be made at once; else it follows. */
  #make<I>(
    topic: Topic<unknown, I>,
    message: OutgoingMessage<I>,
    sending: Sending,
    number: number,
    records: OutgoingRecord[],
  ): void {
    const value = topic.serializer.serialize(message.value)
    const before = this.#serializing.get(topic.name)
    if (value instanceof Promise || before !== undefined) {
      return sending.follow(number, this.#sendLater(topic.name, message, value, before))
    }
    const id = message.id ?? this.#ids.next()
    records.push(recordOf(message, serialized(value), id))
    sending.expect(number, id)
  }

  /** Those of one topic are handed over in the order of their calls, whichever is ready first. */
  async #sendLater(
    topic: string,
    message: OutgoingMessage<unknown>,
    value: Bytes | Promise<Bytes>,
    before: Promise<void> | undefined,
  ): Promise<SendResult> {
    const handingOver = (async () => {
      const [bytes] = await Promise.allSettled([value, before])
      if (bytes.status === 'rejected') throw bytes.reason
      const id = message.id ?? this.#ids.next()
      const sending = new Sending(topic, 1)
      const record = recordOf(message, serialized(bytes.value), id)
      sending.expect(0, id)
      this.#sender.push(topic, [record], sending)
      return sending
    })()
    const done = handingOver.then(
      () => undefined,
      () => undefined,
    )
    this.#serializing.set(topic, done)
    const sending = await handingOver.finally(() => {
      if (this.#serializing.get(topic) === done) this.#serializing.delete(topic)
    })
    return sending.only()
  }
}

/** The topic as one of what may be sent to it, which is the same: `InputOf` says so, and the compiler cannot follow. */
function describedOf<L extends TopicLike<unknown, never>>(like: L): Topic<unknown, InputOf<L>> {
  return topicOf<unknown, never>(like) as unknown as Topic<unknown, InputOf<L>>
}

function sizeOf(value: unknown): number {
  return typeof value === 'string' || value instanceof Uint8Array ? recordBytesOf({ value }) : 64
}

function failureOf(error: unknown): ClientError {
  if (error instanceof ClientError) return error
  return new ClientError('invalid-value', `the message could not be made: ${String(error)}`, { cause: error })
}

function checkOptions(options: ProducerOptions): void {
  expectOptions('producer', options, optionNames, numbers)
  expectKinds('producer', options, {
    acks: ['all', 'leader'],
    idempotent: 'boolean',
    createTopics: 'boolean',
    onOneWayError: 'function',
  })
  if (options.compression !== undefined && !compressionNames.includes(options.compression)) {
    throw new ClientError('invalid-options', `there is no compression "${options.compression}"`)
  }
  if (options.acks === 'leader' && options.idempotent === true) {
    throw new ClientError('invalid-options', "an idempotent producer needs acks 'all'")
  }
}
