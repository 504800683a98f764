import { durationBounds } from '../telemetry/metrics.ts'
import type { Histogram, MetricsRegistry } from '../telemetry/metrics.ts'
import type { QueueCounts } from './queue-counts.ts'

interface QueueLoad {
  readonly load: { readonly acquiredCount: number; readonly readyCount: number }
}

/** By the name of the count. */
const counters: readonly (readonly [keyof QueueCounts, name: string, help: string])[] = [
  ['acquired', 'polylog_queue_acquired_total', 'Messages given to members of share groups.'],
  ['redelivered', 'polylog_queue_redelivered_total', 'Those of them that were given to somebody before.'],
  ['accepted', 'polylog_queue_accepted_total', 'Messages settled as done, or not wanted by the group.'],
  ['archived', 'polylog_queue_archived_total', 'Messages given up: rejected, delivered too often, expired, or gone.'],
  ['deadLettered', 'polylog_queue_dead_lettered_total', 'Messages copied to a dead-letter topic.'],
  ['filtered', 'polylog_queue_filtered_total', 'Messages that the filter of a group kept from it.'],
  ['expired', 'polylog_queue_expired_total', 'Messages that were too old before anybody could have them.'],
  ['lockExpiries', 'polylog_queue_lock_expiries_total', 'Messages whose member let the lock run out.'],
]

/** @returns where the seconds of each write of state go */
export function addQueueMetrics(
  registry: MetricsRegistry,
  parts: { readonly counts: QueueCounts; readonly queues: () => Iterable<QueueLoad> },
): Histogram {
  for (const [count, name, help] of counters) registry.read(name, 'counter', help, () => parts.counts[count])
  const sum = (of: (load: QueueLoad['load']) => number): number => {
    let total = 0
    for (const { load } of parts.queues()) total += of(load)
    return total
  }
  const inFlight = 'Messages that members of share groups hold.'
  registry.read('polylog_queue_in_flight', 'gauge', inFlight, () => sum(({ acquiredCount }) => acquiredCount))
  const ready = 'Messages waiting in queues that are in use here.'
  registry.read('polylog_queue_ready', 'gauge', ready, () => sum(({ readyCount }) => readyCount))
  const help = 'Time until the progress of a group was committed.'
  return registry.histogram('polylog_queue_state_write_seconds', help, durationBounds)
}
