import { apis, errorOf } from '@polylog/wire'
import type { Log } from './log/log.ts'
import type { LogStore } from './log/store.ts'
import { KafkaTraffic } from './telemetry/kafka-traffic.ts'
import { durationBounds } from './telemetry/metrics.ts'
import type { Histogram, MetricsRegistry } from './telemetry/metrics.ts'
import type { ReplicaManager } from './replica/replica-manager.ts'
import type { Topics } from './topic/topics.ts'
import type { GroupCoordinator } from './group/coordinator.ts'

/** The metrics of the Kafka front-end, under Kafka's names of APIs and errors. */
export function kafkaTraffic(registry: MetricsRegistry): KafkaTraffic {
  return new KafkaTraffic(registry, {
    apiName: (key) => apis[key as keyof typeof apis]?.name ?? 'unknown',
    errorName: (code) => errorOf(code)?.name ?? `error ${code}`,
  })
}

/** Duration of each journal sync. */
export function journalSyncHistogram(registry: MetricsRegistry): Histogram {
  return registry.histogram('polylog_journal_sync_duration_seconds', 'Time of one journal sync.', durationBounds)
}

/** Registers what storage, topics and groups can tell at each scrape. */
export function addBrokerMetrics(
  registry: MetricsRegistry,
  parts: { store: LogStore; topics: Topics; replicas: ReplicaManager; groups: GroupCoordinator },
): void {
  const { store, topics, replicas, groups } = parts
  const { statistics } = store.journal
  registry.read('polylog_journal_syncs_total', 'counter', 'Journal syncs.', () => statistics.syncs)
  registry.read('polylog_journal_entries_total', 'counter', 'Journal entries written.', () => statistics.entries)
  registry.read('polylog_journal_bytes_total', 'counter', 'Bytes written to the journal.', () => statistics.bytes)
  registry.read('polylog_journal_sealed_files', 'gauge', 'Full journal files that wait for segments.', () => {
    return store.journal.sealedFileCount
  })
  registry.read('polylog_journal_unsynced_entries', 'gauge', 'Entries that wait for a sync.', () => {
    return store.journal.nextSequence - 1 - store.journal.syncedSequence
  })
  registry.read('polylog_tail_memory_bytes', 'gauge', 'Memory of the newest records.', () => store.tailBytes)
  registry.read('polylog_open_segment_files', 'gauge', 'Segment files held open.', () => store.openFileCount)
  registry.read('polylog_storage_refusing', 'gauge', '1 while appends are refused by the disk.', () => {
    return store.refusal === undefined ? 0 : 1
  })
  registry.read('polylog_topics', 'gauge', 'Topics.', () => topics.list().length)
  registry.read('polylog_partitions', 'gauge', 'Partitions led here.', () => count(replicas.replicasLed()))
  registry.read('polylog_replicas', 'gauge', 'Replicas here, led or not.', () => count(replicas.replicas()))
  registry.read('polylog_log_bytes', 'gauge', 'Bytes of all logs.', () => sum(replicas, (log) => log.sizeBytes))
  registry.read('polylog_damaged_logs', 'gauge', 'Logs that take no more records because of damage.', () => {
    return sum(replicas, (log) => (log.damage === undefined ? 0 : 1))
  })
  registry.read('polylog_groups', 'gauge', 'Consumer groups.', () => groups.groupCount)
}

function count(items: Iterable<unknown>): number {
  let total = 0
  for (const _ of items) total++
  return total
}

function sum(replicas: ReplicaManager, value: (log: Log) => number): number {
  let total = 0
  for (const { log } of replicas.replicas()) total += value(log)
  return total
}
