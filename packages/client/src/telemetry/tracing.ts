import { isUtf8 } from 'node:buffer'
import { ClientError } from '../client-error.ts'
import type { ReceivedMessage } from '../consumer/queue-message.ts'
import type { Environment } from '../environment.ts'
import { groupedBy } from '../grouping.ts'
import type { OutgoingMessage } from '../outgoing-message.ts'
import type { Bytes } from '../records/record.ts'
import { replyTopicPrefix } from '../request/reply-topic.ts'
import { MessagingMetrics } from './messaging-metrics.ts'
import type { Attributes, OpenTelemetry, Span, SpanContext, TraceContext, Tracer } from './open-telemetry.ts'
import { errorStatus, spanKinds } from './open-telemetry.ts'

type AnyMessage = Pick<ReceivedMessage<unknown>, 'topic' | 'partition' | 'offset' | 'key' | 'id' | 'header'>

/**
 * Spans and metrics of what a client sends, receives and handles, by the semantic conventions for messaging and for Kafka. The context of a
 * message's sending travels in its headers (`traceparent` with the propagator that is usual), where those who handle it find
 * their parent.
 */
export class Tracing {
  readonly #api: OpenTelemetry
  readonly #tracer: Tracer
  readonly #clientId: string
  readonly #environment: Environment
  /** Undefined where the API is older than its metrics. */
  readonly #metrics: MessagingMetrics | undefined
  /** Handed to a handler before: an ordered one is called again with the same message. */
  readonly #delivered = new WeakSet<AnyMessage>()
  /** What has no caller's context must not get that of whoever happened to open the connection. */
  readonly #root: TraceContext

  /** @throws ClientError 'invalid-options' */
  constructor(api: OpenTelemetry, clientId: string, environment: Environment) {
    if (typeof api?.trace?.getTracer !== 'function' || typeof api.propagation?.inject !== 'function') {
      throw new ClientError('invalid-options', '"telemetry" is what `import * as api from "@opentelemetry/api"` gives')
    }
    this.#api = api
    this.#tracer = api.trace.getTracer('@polylog/client')
    this.#clientId = clientId
    this.#environment = environment
    this.#metrics = typeof api.metrics?.getMeter === 'function' ? new MessagingMetrics(api.metrics) : undefined
    this.#root = api.trace.deleteSpan(api.context.active())
  }

  /**
   * A span around the sending of one message, whose context goes along with it. A context that the message has already is left
   * as it is, and linked to: it was made elsewhere, as in a message that is passed on.
   */
  async sending<T, R extends { partition: number; offset: number }>(
    topic: string,
    message: OutgoingMessage<T> & { id: string },
    send: (message: OutgoingMessage<T>) => Promise<R>,
  ): Promise<R> {
    const { headers = {} } = message
    const created = this.#remote((name) => textOf(headers[name]))
    const { name, attributes } = this.#described('send', topic)
    attributes['messaging.message.id'] = message.id
    keyInto(attributes, message.key)
    if (message.value === null) attributes['messaging.kafka.message.tombstone'] = true
    const active = this.#api.context.active()
    const links = created === undefined ? [] : [{ context: created }]
    const span = this.#tracer.startSpan(name, { kind: spanKinds.producer, attributes, links }, active)
    const carrier: Record<string, string> = {}
    if (created === undefined) this.#api.propagation.inject(this.#api.trace.setSpan(active, span), carrier)
    const work = async (): Promise<R> => {
      const sent = await send({ ...message, headers: { ...headers, ...carrier } })
      span.setAttributes({ 'messaging.destination.partition.id': String(sent.partition) })
      if (sent.offset >= 0) span.setAttributes({ 'messaging.kafka.offset': sent.offset })
      return sent
    }
    return this.#ended(span, work, (ms, errorType) => this.#metrics?.sent(attributes, ms, errorType))
  }

  /** A handler with a span around each call, in the trace of the message's sending. */
  handler<M extends AnyMessage>(group: string, handler: (message: M) => unknown): (message: M) => Promise<unknown> {
    return (message) => this.#handling(group, message, async () => handler(message))
  }

  /** The same of a handler of many messages, linked to the sending of each. */
  batchHandler<M extends AnyMessage>(
    group: string,
    handler: (messages: readonly M[]) => unknown,
  ): (messages: readonly M[]) => Promise<unknown> {
    return (messages) => this.#handlingBatch(group, messages, async () => handler(messages))
  }

  #handling(group: string, message: AnyMessage, handle: () => Promise<unknown>): Promise<unknown> {
    const parent = this.#parentOf(message)
    const { name, attributes } = this.#described('process', message.topic, group)
    if (message.id !== undefined) attributes['messaging.message.id'] = message.id
    attributes['messaging.destination.partition.id'] = String(message.partition)
    attributes['messaging.kafka.offset'] = message.offset
    keyInto(attributes, message.key)
    const links = this.#linksOf([message])
    const span = this.#tracer.startSpan(name, { kind: spanKinds.consumer, attributes, links }, parent)
    this.#count('process', group, [message])
    return this.#api.context.with(this.#api.trace.setSpan(parent, span), () =>
      this.#processing(span, attributes, handle),
    )
  }

  #handlingBatch(group: string, messages: readonly AnyMessage[], handle: () => Promise<unknown>): Promise<unknown> {
    const { name, attributes } = this.#described('process', topicOfAll(messages), group)
    attributes['messaging.batch.message_count'] = messages.length
    const options = { kind: spanKinds.consumer, attributes, links: this.#linksOf(messages) }
    const span = this.#tracer.startSpan(name, options, this.#root)
    this.#count('process', group, messages)
    const context = this.#api.trace.setSpan(this.#root, span)
    return this.#api.context.with(context, () => this.#processing(span, attributes, handle))
  }

  /** A span for messages that were pulled, in the trace of who pulled them, linked to the sending of each. */
  received(group: string, messages: readonly AnyMessage[], startTime: number): void {
    const { name, attributes } = this.#described('poll', topicOfAll(messages), group)
    attributes['messaging.batch.message_count'] = messages.length
    const options = { kind: spanKinds.client, attributes, links: this.#linksOf(messages), startTime }
    this.#tracer.startSpan(name, options, this.#api.context.active()).end()
    this.#count('poll', group, messages)
    this.#metrics?.pulled(attributes, Math.max(0, this.#environment.nowMs() - startTime))
  }

  /** Calls in the context of a message's sending: for what a client sends because of it, such as an answer. */
  because<R>(message: AnyMessage, call: () => R): R {
    return this.#api.context.with(this.#parentOf(message), call)
  }

  #processing(span: Span, attributes: Attributes, handle: () => Promise<unknown>): Promise<unknown> {
    return this.#ended(span, handle, (ms, errorType) => this.#metrics?.processed(attributes, ms, errorType))
  }

  /** Counts messages that the program has now, each once. */
  #count(operation: 'process' | 'poll', group: string, messages: readonly AnyMessage[]): void {
    if (this.#metrics === undefined) return
    const fresh = messages.filter((message) => !this.#delivered.has(message))
    for (const message of fresh) this.#delivered.add(message)
    for (const [topic, { length }] of groupedBy(fresh, (message) => message.topic)) {
      this.#metrics.consumed(this.#described(operation, topic, group).attributes, length)
    }
  }

  /** Ends the span when the work has ended, notes in it what went wrong, and tells how long it took. */
  async #ended<R>(
    span: Span,
    work: () => Promise<R>,
    measured: (durationMs: number, errorType: string | undefined) => void,
  ): Promise<R> {
    const startMs = this.#environment.monotonicMs()
    let errorType: string | undefined
    try {
      return await work()
    } catch (error) {
      const known = error instanceof Error ? error : new Error(String(error))
      errorType = error instanceof ClientError ? error.errorName || error.code : known.name
      span.recordException(known)
      span.setStatus({ code: errorStatus, message: known.message })
      span.setAttributes({ 'error.type': errorType })
      throw error
    } finally {
      span.end()
      measured(this.#environment.monotonicMs() - startMs, errorType)
    }
  }

  #described(operation: keyof typeof operationTypes, topic: string | undefined, group?: string) {
    const attributes: Attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': operation,
      'messaging.operation.type': operationTypes[operation],
      'messaging.client.id': this.#clientId,
    }
    if (group !== undefined) attributes['messaging.consumer.group.name'] = group
    if (topic === undefined) return { name: operation, attributes }
    attributes['messaging.destination.name'] = topic
    if (!topic.startsWith(replyTopicPrefix)) return { name: `${operation} ${topic}`, attributes }
    // One topic for each client: a span's name must not be another with each.
    const template = `${replyTopicPrefix}{client}`
    Object.assign(attributes, { 'messaging.destination.template': template, 'messaging.destination.temporary': true })
    return { name: `${operation} ${template}`, attributes }
  }

  #parentOf(message: AnyMessage): TraceContext {
    return this.#extracted((name) => message.header(name))
  }

  #linksOf(messages: readonly AnyMessage[]): { context: SpanContext }[] {
    return messages.flatMap((message) => {
      const context = this.#remote((name) => message.header(name))
      return context === undefined ? [] : [{ context }]
    })
  }

  /** The context of a message's sending. */
  #remote(header: (name: string) => string | undefined): SpanContext | undefined {
    return this.#api.trace.getSpanContext(this.#extracted(header))
  }

  #extracted(header: (name: string) => string | undefined): TraceContext {
    const carrier: Record<string, string> = {}
    for (const name of this.#api.propagation.fields()) {
      const text = header(name)
      if (text !== undefined) carrier[name] = text
    }
    return this.#api.propagation.extract(this.#root, carrier)
  }
}

const operationTypes = { send: 'send', process: 'process', poll: 'receive' } as const

function textOf(value: Bytes | undefined): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : Buffer.from(value).toString()
}

/** A key that is no text has no form that all would agree on, and is left out. */
function keyInto(attributes: Attributes, key: Bytes | undefined): void {
  if (key === undefined || key === null || (typeof key !== 'string' && !isUtf8(key))) return
  attributes['messaging.kafka.message.key'] = textOf(key)!
}

/** The topic of messages that all are of one. */
function topicOfAll(messages: readonly AnyMessage[]): string | undefined {
  const topic = messages[0]?.topic
  return messages.every((message) => message.topic === topic) ? topic : undefined
}
