import { allPartitions, targetOf } from '../controller/cluster-view.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import { hasLeader } from '../image/partition-change.ts'
import { isUnderReplicated, partitionHealth } from '../image/partition-health.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { Topic } from '../image/topic.ts'
import { notFound } from './api-error.ts'
import type { ClusterSources } from './cluster-sources.ts'

interface Holdings {
  leaders: number
  replicas: number
  /** Replicas that are in sync. */
  inSync: number
}

/** GET /api/cluster. */
export function clusterPage({ clusterId, brokerId, version, image }: ClusterSources): unknown {
  const holdings = new Map<number, Holdings>()
  const of = (id: number): Holdings => {
    const known = holdings.get(id) ?? { leaders: 0, replicas: 0, inSync: 0 }
    holdings.set(id, known)
    return known
  }
  for (const { state } of allPartitions(image)) {
    for (const id of state.replicas) of(id).replicas++
    for (const id of state.inSyncReplicas) of(id).inSync++
    if (hasLeader(state, image.brokers)) of(state.leader).leaders++
  }
  const ids = new Set([...image.brokers.keys(), ...image.drains.keys(), ...holdings.keys()])
  const { controller } = image
  return {
    clusterId,
    answeredBy: { brokerId, version },
    controller: controller === undefined ? null : { brokerId: controller.brokerId, epoch: controller.epoch },
    brokers: [...ids].toSorted((a, b) => a - b).map((id) => brokerEntry(image, id, of(id))),
    topics: image.topics.size,
    partitions: partitionHealth(image),
    policies: image.policies.size,
  }
}

function brokerEntry(image: ClusterImage, id: number, holdings: Holdings): unknown {
  const live = image.brokers.get(id)
  return {
    id,
    state: live === undefined ? 'down' : live.status,
    draining: image.drains.has(id),
    address: live === undefined ? null : { host: live.host, port: live.port },
    rack: live === undefined || live.rack === '' ? null : live.rack,
    version: live?.version ?? null,
    epoch: live?.epoch ?? null,
    ...holdings,
  }
}

/** GET /api/topics. */
export function topicsPage({ image }: ClusterSources): unknown {
  const topics = [...image.topics.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return {
    topics: topics.map((topic) => {
      const { total, ...rest } = partitionHealth(image, topic.partitions)
      const replicas = Math.max(...topic.partitions.map((state) => targetOf(state).length))
      return { name: topic.name, id: topic.id, internal: topic.internal, partitions: total, replicas, ...rest }
    }),
  }
}

/** GET /api/topics/{name}. @throws ApiError 404 */
export function topicPage(sources: ClusterSources, name: string): unknown {
  const { image } = sources
  const topic = findTopic(image, name)
  return {
    name: topic.name,
    id: topic.id,
    internal: topic.internal,
    placement: topic.placement,
    policy: sources.policyOf(topic) ?? null,
    minInsyncReplicas: sources.minInsyncReplicasOf(topic),
    settings: Object.fromEntries(sources.configsOf(topic)),
    partitions: topic.partitions.map((state) => partitionEntry(image, state)),
  }
}

/** @throws ApiError 404 */
export function findTopic(image: ClusterImage, name: string): Topic {
  const topic = image.topics.get(name)
  if (topic === undefined) throw notFound('unknown-topic', `There is no topic "${name.slice(0, 249)}".`)
  return topic
}

function partitionEntry(image: ClusterImage, state: PartitionState): unknown {
  const isLed = hasLeader(state, image.brokers)
  return {
    partition: state.index,
    state: !isLed ? 'offline' : isUnderReplicated(state) ? 'under-replicated' : 'ok',
    leader: isLed ? state.leader : null,
    leaderEpoch: state.leaderEpoch,
    partitionEpoch: state.modRevision,
    replicas: state.replicas,
    isr: state.inSyncReplicas,
    elr: state.eligible,
    adding: state.adding,
    removing: state.removing,
    recovering: state.recovering,
  }
}
