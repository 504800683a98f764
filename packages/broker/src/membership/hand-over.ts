import type { ClusterImage } from '../image/cluster-image.ts'
import { canHandOver, hasLeader } from '../image/partition-change.ts'
import type { PartitionState } from '../image/partition-state.ts'

/**
 * Whether the controller has still something to take from a broker that stops: a partition that it leads and another one
 * could lead without loss, or a place in the ISR under another leader, who would wait in vain for what it fetches.
 */
export function hasToHandOver(image: ClusterImage, brokerId: number): boolean {
  for (const { partitions } of image.topicsById.values()) {
    for (const state of partitions) if (isTied(image, state, brokerId)) return true
  }
  return false
}

function isTied(image: ClusterImage, state: PartitionState, brokerId: number): boolean {
  const { leader, inSyncReplicas } = state
  if (leader === brokerId) return canHandOver(state, image.brokers, brokerId)
  return inSyncReplicas.includes(brokerId) && isServing(image, leader) && hasLeader(state, image.brokers)
}

function isServing(image: ClusterImage, brokerId: number): boolean {
  return image.brokers.get(brokerId)?.status === 'serving'
}
