import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import * as api from '@opentelemetry/api'
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { connectIn } from '../client.ts'
import { systemEnvironment } from '../environment.ts'
import { FakeBroker } from '../testing/fake-broker.ts'
import { producing } from '../testing/producing.ts'
import { makeQueueWorld } from '../testing/queue-world.ts'

describe('metrics of a client', () => {
  let exporter: InMemoryMetricExporter
  let provider: MeterProvider
  beforeEach(() => {
    exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    // Only what is asked for below; the interval is longer than the test.
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    provider = new MeterProvider({ readers: [reader] })
    api.metrics.setGlobalMeterProvider(provider)
  })
  afterEach(async () => {
    api.metrics.disable()
    await provider.shutdown()
  })

  /** Each series of a metric: its unit, its count, and its attributes without those that all have. */
  async function series(name: string): Promise<{ unit: string; count: number; attributes: object }[]> {
    await provider.forceFlush()
    const all =
      exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? []
    return all
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap((metric) =>
        metric.dataPoints.map(({ value, attributes }) => {
          const { 'messaging.system': system, ...others } = attributes
          assert.equal(system, 'kafka')
          const count = typeof value === 'number' ? value : value.count
          assert.equal(metric.dataPointType === DataPointType.HISTOGRAM, typeof value === 'object')
          return { unit: metric.descriptor.unit, count, attributes: others }
        }),
      )
  }

  it('sending is counted and timed, with the error of what failed', async () => {
    await using fake = await FakeBroker.start(producing([], [29]))
    await using client = await connectIn(systemEnvironment, { brokers: fake.address, telemetry: api })
    const producer = client.producer()
    await assert.rejects(producer.send('t', 'v'), { errorName: 'TOPIC_AUTHORIZATION_FAILED' })
    await producer.send('t', { value: 'v', key: 'k' })
    await producer.send('t', { value: 'v', key: 'k' })
    const attributes = {
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 't',
    }
    const failed = { ...attributes, 'error.type': 'TOPIC_AUTHORIZATION_FAILED' }
    const expected = (unit: string) => [
      { unit, count: 1, attributes: failed },
      { unit, count: 2, attributes },
    ]
    assert.deepEqual(await series('messaging.client.sent.messages'), expected('{message}'))
    assert.deepEqual(await series('messaging.client.operation.duration'), expected('s'))
  })

  const handled = {
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.consumer.group.name': 'g',
    'messaging.destination.name': 't',
  }

  it('each call of a handler is timed, and a message counted once, however often it is called', async () => {
    await using world = await makeQueueWorld({}, { telemetry: api })
    world.queue.add({ value: 'a', key: 'k' }, { value: 'b', key: 'k' })
    let calls = 0
    const retry = { initialMs: 1, maxMs: 1 }
    const options = { group: 'g', topic: 't', ordered: true, retry }
    const consumer = await world.client.consume(options, () => {
      if (++calls === 1) throw new TypeError('cannot')
    })
    await world.environment.until(() => consumer.counts.accepted === 2)
    assert.deepEqual(await series('messaging.process.duration'), [
      { unit: 's', count: 1, attributes: { ...handled, 'error.type': 'TypeError' } },
      { unit: 's', count: 2, attributes: handled },
    ])
    assert.deepEqual(await series('messaging.client.consumed.messages'), [
      { unit: '{message}', count: 2, attributes: handled },
    ])
  })

  it('a batch is one call with many messages, and a pull one operation', async () => {
    {
      await using world = await makeQueueWorld({}, { telemetry: api })
      world.queue.add({ value: 'a' }, { value: 'b' })
      const batches = world.client.consumer('g').topic('t').batch({ max: 2, waitMs: 1000 })
      const consumer = await batches.start(() => undefined)
      await world.environment.until(() => consumer.counts.accepted === 2)
    }
    {
      await using world = await makeQueueWorld({}, { telemetry: api })
      const queue = await world.client.consumer('g').topic('t').open()
      world.queue.add({ value: 'a' }, { value: 'b' }, { value: 'c' })
      assert.equal((await world.passing(queue.pull())).length, 3)
    }
    const pulled = { ...handled, 'messaging.operation.name': 'poll', 'messaging.operation.type': 'receive' }
    assert.deepEqual(await series('messaging.process.duration'), [{ unit: 's', count: 1, attributes: handled }])
    assert.deepEqual(await series('messaging.client.consumed.messages'), [
      { unit: '{message}', count: 2, attributes: handled },
      { unit: '{message}', count: 3, attributes: pulled },
    ])
    assert.deepEqual(await series('messaging.client.operation.duration'), [{ unit: 's', count: 1, attributes: pulled }])
  })

  it('an API without metrics is taken all the same', async () => {
    const { metrics: _, ...older } = api.default
    await using fake = await FakeBroker.start(producing([]))
    await using client = await connectIn(systemEnvironment, { brokers: fake.address, telemetry: older })
    await client.producer().send('t', 'v')
    assert.deepEqual(await series('messaging.client.sent.messages'), [])
  })
})
