import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { watchEventLoopDelay } from './event-loop-delay.ts'
import { jsonLogger } from './json-logger.ts'
import { KafkaTraffic } from './kafka-traffic.ts'
import { Histogram, MetricsRegistry } from './metrics.ts'
import { addProcessMetrics } from './process-metrics.ts'
import { prometheusText } from './prometheus.ts'
import { textLogger } from './text-logger.ts'

const nowMs = (): number => Date.UTC(2026, 10, 22, 15, 48, 12)

describe('loggers', () => {
  it('write JSON lines above the level', () => {
    const lines: string[] = []
    const logger = jsonLogger({ level: 'info', sink: (line) => lines.push(line), nowMs })
    logger.debug('dropped')
    logger.info('broker ready', { kafka: '127.0.0.1:9092', level: 'x', absent: undefined, pid: 7 })
    assert.deepEqual(lines, [
      '{"time":"2026-11-22T15:48:12.000Z","level":"info","event":"broker ready","kafka":"127.0.0.1:9092","_level":"x","pid":7}',
    ])
  })

  it('write text that no value can forge', () => {
    const lines: string[] = []
    const logger = textLogger({ level: 'debug', sink: (line) => lines.push(line), nowMs })
    logger.warn('bad request', {
      from: '10.0.0.1:5',
      reason: 'x\nERROR forged\x1b[2J',
      empty: '',
      long: 'a'.repeat(2000),
    })
    assert.equal(lines.length, 1)
    const prefix = String.raw`2026-11-22T15:48:12.000Z WARN  bad request  from=10.0.0.1:5 reason="x\nERROR forged\u001b[2J" empty="" `
    assert.ok(lines[0]!.startsWith(prefix), lines[0]!)
    assert.match(lines[0]!, /a… \(2000 characters\)"$/)
  })

  it('colour the level when asked', () => {
    const lines: string[] = []
    textLogger({ level: 'info', sink: (line) => lines.push(line), nowMs, colour: true }).error('x')
    assert.equal(lines[0], '2026-11-22T15:48:12.000Z \x1b[31mERROR\x1b[0m x')
  })
})

describe('metrics', () => {
  it('come out as Prometheus text', () => {
    const registry = new MetricsRegistry()
    registry.counter('b_total', 'Bees.', { kind: 'a"\\\n' }).add(3)
    registry.read('a_bytes', 'gauge', 'Size.', () => 1.5)
    const histogram = registry.histogram('c_seconds', 'Time.', [0.1, 1])
    for (const value of [0.05, 0.1, 0.5, 3]) histogram.observe(value)
    assert.equal(
      prometheusText(registry),
      [
        '# HELP a_bytes Size.',
        '# TYPE a_bytes gauge',
        'a_bytes 1.5',
        '# HELP b_total Bees.',
        '# TYPE b_total counter',
        String.raw`b_total{kind="a\"\\\n"} 3`,
        '# HELP c_seconds Time.',
        '# TYPE c_seconds histogram',
        'c_seconds_bucket{le="0.1"} 2',
        'c_seconds_bucket{le="1"} 3',
        'c_seconds_bucket{le="+Inf"} 4',
        'c_seconds_sum 3.65',
        'c_seconds_count 4',
        '# HELP polylog_metrics_dropped_series Series left out because of metrics.series.max.',
        '# TYPE polylog_metrics_dropped_series gauge',
        'polylog_metrics_dropped_series 0',
        '',
      ].join('\n'),
    )
  })

  it('are capped in number, whoever makes them', () => {
    const registry = new MetricsRegistry(10)
    for (let i = 0; i < 20; i++) registry.counter('n_total', 'N.', { i: String(i) }).add(1)
    registry.readMany('m', 'gauge', 'M.', () =>
      Array.from({ length: 5 }, (_, i) => ({ labels: { i: `${i}` }, value: i })),
    )
    const text = prometheusText(registry)
    assert.equal(text.match(/^n_total\{/gm)?.length, 10)
    assert.equal(text.match(/^m\{/gm), null)
    assert.match(text, /^polylog_metrics_dropped_series 15$/m)
  })

  it('refuse a name with two types', () => {
    const registry = new MetricsRegistry()
    registry.counter('x_total', 'X.')
    assert.throws(() => registry.gauge('x_total', 'X.'), /invariant broken/)
    assert.throws(() => registry.gauge('Bad Name', 'X.'), /no metric name/)
  })
})

describe('process metrics', () => {
  it('are read at each scrape', () => {
    const registry = new MetricsRegistry()
    let cpu = 1
    addProcessMetrics(registry, {
      residentBytes: () => 10,
      heapUsedBytes: () => 20,
      bufferBytes: () => 30,
      cpuSeconds: () => cpu,
      startedSeconds: 40,
    })
    cpu = 2
    assert.match(prometheusText(registry), /^process_cpu_seconds_total 2$/m)
    assert.match(prometheusText(registry), /^process_resident_memory_bytes 10$/m)
  })
})

describe('KafkaTraffic', () => {
  it('counts what the front-end tells it', () => {
    const registry = new MetricsRegistry()
    const traffic = new KafkaTraffic(registry, { apiName: (key) => `Api${key}`, errorName: (code) => `E${code}` })
    traffic.connectionOpened()
    traffic.connectionOpened()
    traffic.connectionClosed()
    traffic.requestReceived(0, 100)
    traffic.requestReceived(0, 50)
    traffic.requestFinished(0, 2)
    traffic.requestFinished(3, 2)
    traffic.errorAnswered(0, 6)
    const text = prometheusText(registry)
    for (const line of [
      'polylog_kafka_connections 1',
      'polylog_kafka_connections_opened_total 2',
      'polylog_kafka_received_bytes_total 150',
      'polylog_kafka_requests_total{api="Api0"} 2',
      'polylog_kafka_requests_in_flight 0',
      'polylog_kafka_request_duration_seconds_count{api="Produce"} 1',
      'polylog_kafka_request_duration_seconds_count{api="other"} 1',
      'polylog_kafka_errors_total{error="E6"} 1',
    ]) {
      assert.ok(text.includes(`\n${line}\n`), line)
    }
  })
})

describe('watchEventLoopDelay', () => {
  it('observes how late its timer fires, until it is ended', () => {
    let now = 0
    let pending: { callback: () => void } | undefined
    const ticker = {
      monotonicMs: () => now,
      startTimer: (_delayMs: number, callback: () => void) => {
        pending = { callback }
        return { cancel: () => (pending = undefined) }
      },
    }
    const histogram = new Histogram([0.01, 0.1])
    const end = watchEventLoopDelay(ticker, histogram)
    now = 250
    pending?.callback()
    now = 550
    pending?.callback()
    assert.deepEqual([...histogram.counts], [1, 1, 0])
    assert.equal(histogram.sum, 0.05)
    end()
    assert.equal(pending, undefined)
  })
})
