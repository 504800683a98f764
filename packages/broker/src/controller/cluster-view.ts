import type { ClusterImage } from '../image/cluster-image.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { LiveBroker } from '../image/records.ts'
import type { Topic } from '../image/topic.ts'

/** A partition with the topic it belongs to. */
export interface TopicPartition {
  readonly topic: Topic
  readonly state: PartitionState
}

/** A new state of a partition, and the one it is made from: it counts only if that one still stands. */
export interface PartitionChange {
  readonly topic: Topic
  readonly before: PartitionState
  readonly after: PartitionState
}

/** Brokers in the ways that plans tell them apart. */
export interface BrokerRoles {
  readonly live: ReadonlyMap<number, LiveBroker>
  /** Live, but about to stop. */
  readonly stopping: ReadonlySet<number>
  /** Live or not, they shall hold nothing. */
  readonly drained: ReadonlySet<number>
  /** Stopping or drained: they shall not lead. */
  readonly avoided: ReadonlySet<number>
  /** Those that may be given replicas, by id. */
  readonly candidates: readonly LiveBroker[]
  /** Whether the candidates stand in more than one rack. */
  readonly hasRacks: boolean
}

export function brokerRoles(image: ClusterImage): BrokerRoles {
  const live = image.brokers
  const stopping = new Set([...live.values()].filter(({ status }) => status === 'stopping').map(({ id }) => id))
  const drained = new Set(image.drains.keys())
  const avoided = new Set([...stopping, ...drained])
  const candidates = [...live.values()].filter(({ id }) => !avoided.has(id)).toSorted((a, b) => a.id - b.id)
  const hasRacks = candidates.some(({ rack }) => rack !== candidates[0]!.rack)
  return { live, stopping, drained, avoided, candidates, hasRacks }
}

/** The replicas that a partition has once nothing is under way any more, the preferred leader first. */
export function targetOf(state: PartitionState): readonly number[] {
  return state.removing.length === 0 ? state.replicas : state.replicas.filter((id) => !state.removing.includes(id))
}

export function isSettled(state: PartitionState): boolean {
  return state.adding.length === 0 && state.removing.length === 0
}

/** Every partition of every topic, each as it is when its turn comes. */
export function* allPartitions(image: ClusterImage): Generator<TopicPartition> {
  for (const id of image.topicsById.keys()) {
    const count = image.topicsById.get(id)?.partitions.length ?? 0
    for (let index = 0; index < count; index++) {
      const topic = image.topicsById.get(id)
      const state = topic?.partitions[index]
      if (topic !== undefined && state !== undefined) yield { topic, state }
    }
  }
}
