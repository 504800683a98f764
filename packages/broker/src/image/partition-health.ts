import type { ClusterImage } from './cluster-image.ts'
import { hasLeader } from './partition-change.ts'
import type { LiveBroker } from './records.ts'
import type { PartitionState } from './partition-state.ts'

/** Partitions by how they are; one may count in several. */
export interface PartitionHealth {
  total: number
  /** Without a leader: nobody can write to or read from them. */
  offline: number
  /** Fewer in sync than they shall have. */
  underReplicated: number
  /** A reassignment is under way. */
  moving: number
}

/** How some partitions are, all of the cluster if none are named. */
export function partitionHealth(
  image: ClusterImage,
  partitions: Iterable<PartitionState> = allStates(image),
): PartitionHealth {
  const health = { total: 0, offline: 0, underReplicated: 0, moving: 0 }
  for (const state of partitions) count(health, image.brokers, state)
  return health
}

/** Whether one of the replicas is not in sync; one that is on its way in is not missed yet. */
export function isUnderReplicated({ replicas, adding, inSyncReplicas }: PartitionState): boolean {
  return replicas.some((id) => !adding.includes(id) && !inSyncReplicas.includes(id))
}

function count(health: PartitionHealth, brokers: ReadonlyMap<number, LiveBroker>, state: PartitionState): void {
  health.total++
  if (!hasLeader(state, brokers)) health.offline++
  if (isUnderReplicated(state)) health.underReplicated++
  if (state.adding.length + state.removing.length > 0) health.moving++
}

function* allStates(image: ClusterImage): Generator<PartitionState> {
  for (const { partitions } of image.topicsById.values()) yield* partitions
}
