import assert from 'node:assert/strict'
import { it } from 'node:test'
import { addClusterMetrics } from './cluster-metrics.ts'
import { imageOf, topicOf } from './controller/cluster.fixture.ts'
import { MetricsRegistry } from './telemetry/metrics.ts'
import { prometheusText } from './telemetry/prometheus.ts'

it('metrics of the cluster tell what an operator is woken for', () => {
  const topic = topicOf('t', [[1, 2], [1, 3], [3, 1], [2]])
  const image = imageOf({ 1: {}, 2: {} }, [
    {
      ...topic,
      partitions: topic.partitions.map((state) => ({
        ...state,
        inSyncReplicas: state.leader === 3 ? [3, 1] : state.replicas.filter((id) => id !== 3),
        adding: state.index === 0 ? [2] : [],
      })),
    },
  ])
  const metrics = new MetricsRegistry()
  addClusterMetrics(metrics, { brokerId: 1, image, minInsyncReplicasOf: () => 2 })
  const text = (): string => prometheusText(metrics)
  const expected: Readonly<Record<string, number>> = {
    cluster_brokers: 2,
    registered: 1,
    controller: 0,
    offline_partitions: 1,
    moving_partitions: 1,
    under_replicated_partitions: 1,
    under_min_isr_partitions: 1,
  }
  for (const [name, value] of Object.entries(expected))
    assert.match(text(), new RegExp(`^polylog_${name} ${value}$`, 'm'))
  image.apply(image.revision + 1, [{ kind: 'delete', key: '/brokers/2', modRevision: image.revision + 1 }])
  assert.match(text(), /^polylog_offline_partitions 2$/m)
})
