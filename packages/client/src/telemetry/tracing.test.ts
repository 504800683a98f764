import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { Client, connectIn } from '../client.ts'
import { ClientError } from '../client-error.ts'
import { systemEnvironment } from '../environment.ts'
import type { ReceivedRecord } from '../records/record.ts'
import { FakeBroker } from '../testing/fake-broker.ts'
import { producing } from '../testing/producing.ts'
import type { QueueWorld } from '../testing/queue-world.ts'
import { makeQueueWorld } from '../testing/queue-world.ts'
import type { OpenTelemetry } from './open-telemetry.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const elsewhere = { key: 'traceparent', value: `00-${traceId}-${spanId}-01` }

describe('spans of a client', () => {
  const exporter = new InMemorySpanExporter()
  before(() => {
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
    api.trace.setGlobalTracerProvider(provider)
    api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    api.propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  })
  after(() => {
    api.trace.disable()
    api.context.disable()
    api.propagation.disable()
  })

  /** The spans that have ended since it was last asked. */
  function spans(): ReadableSpan[] {
    const ended = [...exporter.getFinishedSpans()]
    exporter.reset()
    return ended
  }

  /** Runs what a program does in a span of its own. */
  async function inSpan<R>(name: string, work: () => Promise<R>): Promise<R> {
    return api.trace.getTracer('program').startActiveSpan(name, async (span) => {
      try {
        return await work()
      } finally {
        span.end()
      }
    })
  }

  it('sending has one of kind producer, whose context goes along', async () => {
    const stored: ReceivedRecord[] = []
    await using fake = await FakeBroker.start(producing(stored))
    await using client = await connectIn(systemEnvironment, { brokers: fake.address, clientId: 'shop', telemetry: api })
    await inSpan('program', () => client.producer().send('t', { id: 'm1', key: 'k', value: 'v', partition: 1 }))
    const [send, program] = spans()
    assert.equal(send!.name, 'send t')
    assert.equal(send!.kind, api.SpanKind.PRODUCER)
    assert.equal(send!.parentSpanContext?.spanId, program!.spanContext().spanId)
    assert.deepEqual(send!.attributes, {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.client.id': 'shop',
      'messaging.destination.name': 't',
      'messaging.message.id': 'm1',
      'messaging.kafka.message.key': 'k',
      'messaging.destination.partition.id': '1',
      'messaging.kafka.offset': 7,
    })
    const header = stored[0]!.headers.find(({ key }) => key === 'traceparent')
    const { traceId: sentTrace, spanId: sentSpan } = send!.spanContext()
    assert.equal(String(header?.value), `00-${sentTrace}-${sentSpan}-01`)
  })

  it('a context that a message has is left, and linked to; a key that is no text is not told', async () => {
    const stored: ReceivedRecord[] = []
    await using fake = await FakeBroker.start(producing(stored))
    await using client = await connectIn(systemEnvironment, { brokers: fake.address, telemetry: api })
    const headers = { [elsewhere.key]: elsewhere.value }
    await client.producer().send('t', { key: Uint8Array.of(0xff, 0), value: null, headers })
    const [send] = spans()
    assert.deepEqual(
      send!.links.map(({ context }) => context.spanId),
      [spanId],
    )
    assert.equal(send!.attributes['messaging.kafka.message.key'], undefined)
    assert.equal(send!.attributes['messaging.kafka.message.tombstone'], true)
    const sent = stored[0]!.headers.filter(({ key }) => key === 'traceparent').map(({ value }) => String(value))
    assert.deepEqual(sent, [elsewhere.value])
  })

  it('what fails says so', async () => {
    await using fake = await FakeBroker.start(producing([], [29]))
    await using client = await connectIn(systemEnvironment, { brokers: fake.address, telemetry: api })
    await assert.rejects(client.producer().send('t', 'v'), { errorName: 'TOPIC_AUTHORIZATION_FAILED' })
    const [send] = spans()
    assert.equal(send!.status.code, api.SpanStatusCode.ERROR)
    assert.equal(send!.attributes['error.type'], 'TOPIC_AUTHORIZATION_FAILED')
    assert.equal(send!.events[0]?.name, 'exception')
  })

  const ended = ({ environment }: QueueWorld, count: number): Promise<void> =>
    environment.until(() => exporter.getFinishedSpans().length >= count)

  it('a handler has one of kind consumer in the trace of the sending, and what it does is below it', async () => {
    await using world = await makeQueueWorld({}, { telemetry: api })
    world.queue.add({ value: 'a', key: 'k', headers: [elsewhere, { key: 'polylog-id', value: 'm1' }] }, { value: 'b' })
    await world.client
      .consumer('g')
      .topic('t')
      .retry({ attempts: 1 })
      .start(async ({ value }) => {
        await inSpan('work', async () => undefined)
        if (String(value) === 'b') throw new TypeError('cannot')
      })
    await ended(world, 4)
    const [work, process, otherWork, failed] = spans()
    assert.equal(process!.name, 'process t')
    assert.equal(process!.kind, api.SpanKind.CONSUMER)
    assert.deepEqual([process!.spanContext().traceId, process!.parentSpanContext?.spanId], [traceId, spanId])
    assert.equal(process!.links[0]?.context.spanId, spanId)
    assert.deepEqual(process!.attributes, {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.client.id': 'polylog',
      'messaging.consumer.group.name': 'g',
      'messaging.destination.name': 't',
      'messaging.message.id': 'm1',
      'messaging.destination.partition.id': '0',
      'messaging.kafka.offset': 0,
      'messaging.kafka.message.key': 'k',
    })
    assert.equal(work!.parentSpanContext?.spanId, process!.spanContext().spanId)
    assert.equal(otherWork!.parentSpanContext?.spanId, failed!.spanContext().spanId)
    assert.equal(failed!.parentSpanContext, undefined)
    assert.deepEqual(failed!.status, { code: api.SpanStatusCode.ERROR, message: 'cannot' })
    assert.equal(failed!.attributes['error.type'], 'TypeError')
  })

  it('a batch and a pull have one, linked to the sending of each message', async () => {
    const records = [{ value: 'a', headers: [elsewhere] }, { value: 'b' }]
    {
      await using world = await makeQueueWorld({}, { telemetry: api })
      world.queue.add(...records)
      await world.client
        .consumer('g')
        .topic('t')
        .batch({ max: 2, waitMs: 1000 })
        .start(() => undefined)
      await ended(world, 1)
    }
    {
      await using world = await makeQueueWorld({}, { telemetry: api })
      const queue = await world.client.consumer('g').topic('t').open()
      world.queue.add(...records)
      await world.passing(inSpan('program', () => queue.pull()))
      assert.deepEqual(await world.passing(queue.pull({ waitMs: 10 })), [])
    }
    const [batch, poll, program, ...others] = spans()
    assert.deepEqual([batch!.name, batch!.kind], ['process t', api.SpanKind.CONSUMER])
    assert.deepEqual([poll!.name, poll!.kind], ['poll t', api.SpanKind.CLIENT])
    assert.equal(poll!.attributes['messaging.operation.type'], 'receive')
    assert.equal(poll!.parentSpanContext?.spanId, program!.spanContext().spanId)
    assert.equal(batch!.parentSpanContext, undefined)
    for (const span of [batch!, poll!]) {
      assert.equal(span.attributes['messaging.batch.message_count'], 2)
      assert.deepEqual(
        span.links.map(({ context }) => context.spanId),
        [spanId],
      )
    }
    assert.equal(others.length, 0)
  })

  it('a dead letter is sent in the trace of the message', async () => {
    const stored: ReceivedRecord[] = []
    await using world = await makeQueueWorld(producing(stored), { telemetry: api })
    world.queue.known = ['share.delivery.count.limit']
    world.queue.add({ value: 'a', headers: [elsewhere] })
    const consumer = await world.client.openQueue({ group: 'g', topic: 't', deadLetter: 'dead' })
    const [message] = await world.passing(consumer.pull())
    await world.passing(message!.reject('no use'))
    const send = spans().find(({ name }) => name === 'send dead')
    assert.deepEqual([send?.spanContext().traceId, send?.parentSpanContext?.spanId], [traceId, spanId])
    assert.equal(String(stored[0]!.headers.find(({ key }) => key === 'traceparent')?.value), elsewhere.value)
  })

  it('nothing is made, nor sent along, for a client that was not given the API', async () => {
    const stored: ReceivedRecord[] = []
    await using fake = await FakeBroker.start(producing(stored))
    await using client = await connectIn(systemEnvironment, { brokers: fake.address })
    await client.producer().send('t', 'v')
    assert.deepEqual(spans(), [])
    assert.equal(stored[0]!.headers.length, 1)
  })

  it('the API may come as its default export, and nothing else may', async () => {
    const given: OpenTelemetry = api.default
    const make = (telemetry: unknown) => () =>
      new Client(systemEnvironment, { brokers: '127.0.0.1:1', telemetry: telemetry as OpenTelemetry })
    await make(given)().close({ timeoutMs: 0 })
    const isRefused = (error: unknown): boolean => error instanceof ClientError && error.code === 'invalid-options'
    for (const wrong of [true, {}, { trace: {} }, null]) assert.throws(make(wrong), isRefused)
  })
})
