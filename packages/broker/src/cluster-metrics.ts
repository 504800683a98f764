import type { ClusterImage } from './image/cluster-image.ts'
import { hasLeader } from './image/partition-change.ts'
import { isUnderReplicated, partitionHealth } from './image/partition-health.ts'
import type { Topic } from './image/topic.ts'
import type { MetricsRegistry } from './telemetry/metrics.ts'

export interface ClusterMetricsSources {
  readonly brokerId: number
  readonly image: ClusterImage
  readonly minInsyncReplicasOf: (topic: Topic) => number
}

interface Figures {
  readonly offline: number
  readonly moving: number
  /** Of the partitions led here. */
  readonly underReplicated: number
  readonly underMinimum: number
}

/** Gauges of the cluster as this broker sees it. Those of partitions led here add up to the cluster over all brokers. */
export function addClusterMetrics(registry: MetricsRegistry, sources: ClusterMetricsSources): void {
  const { brokerId, image } = sources
  let known: { revision: number; figures: Figures } | undefined
  // One look at all partitions serves every gauge of a scrape, and further scrapes until something changes.
  const figures = (): Figures => {
    if (known?.revision !== image.revision) known = { revision: image.revision, figures: look(sources) }
    return known.figures
  }
  registry.read('polylog_cluster_brokers', 'gauge', 'Brokers that are registered.', () => image.brokers.size)
  registry.read('polylog_registered', 'gauge', '1 while this broker is registered.', () => {
    return image.brokers.has(brokerId) ? 1 : 0
  })
  registry.read('polylog_controller', 'gauge', '1 while this broker is the controller.', () => {
    return image.controller?.brokerId === brokerId ? 1 : 0
  })
  registry.read('polylog_offline_partitions', 'gauge', 'Partitions of the cluster that nobody leads.', () => {
    return figures().offline
  })
  registry.read('polylog_moving_partitions', 'gauge', 'Partitions of the cluster that are being reassigned.', () => {
    return figures().moving
  })
  const underReplicated = 'Partitions led here that lack a replica in sync.'
  registry.read('polylog_under_replicated_partitions', 'gauge', underReplicated, () => figures().underReplicated)
  const underMinimum = 'Partitions led here that have fewer in sync than min.insync.replicas: acks=all is refused.'
  registry.read('polylog_under_min_isr_partitions', 'gauge', underMinimum, () => figures().underMinimum)
}

function look({ brokerId, image, minInsyncReplicasOf }: ClusterMetricsSources): Figures {
  const { offline, moving } = partitionHealth(image)
  let underReplicated = 0
  let underMinimum = 0
  for (const topic of image.topicsById.values()) {
    const least = minInsyncReplicasOf(topic)
    for (const state of topic.partitions) {
      if (state.leader !== brokerId || !hasLeader(state, image.brokers)) continue
      if (isUnderReplicated(state)) underReplicated++
      if (state.inSyncReplicas.length < least) underMinimum++
    }
  }
  return { offline, moving, underReplicated, underMinimum }
}
