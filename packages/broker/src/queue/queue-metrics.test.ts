import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsRegistry } from '../telemetry/metrics.ts'
import { noCounts } from './queue-counts.ts'
import { addQueueMetrics } from './queue-metrics.ts'

test('metrics say what happened to messages, and what lies in the queues in use', () => {
  const registry = new MetricsRegistry()
  const counts = noCounts()
  const loads = [{ load: { acquiredCount: 2, readyCount: 10 } }, { load: { acquiredCount: 3, readyCount: 0 } }]
  const writes = addQueueMetrics(registry, { counts, queues: () => loads })
  counts.deadLettered = 4
  counts.lockExpiries = 7
  const values = new Map<string, number>()
  for (const { name, readers } of registry.families()) {
    for (const reader of readers) for (const { value } of reader()) values.set(name, value)
  }
  deepEqual(
    ['dead_lettered_total', 'lock_expiries_total', 'in_flight', 'ready'].map((name) =>
      values.get(`polylog_queue_${name}`),
    ),
    [4, 7, 5, 10],
  )
  equal(values.size, Object.keys(counts).length + 2, 'each count has a metric')
  writes.observe(0.002)
  equal(writes.sum, 0.002)
})
