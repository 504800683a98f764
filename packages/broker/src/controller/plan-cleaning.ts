import type { ClusterImage } from '../image/cluster-image.ts'
import type { PartitionState } from '../image/partition-state.ts'

/** How long partition states may stand without their topic before they count as left over. */
export const strayDelayMs = 60_000

export interface StrayTopic {
  readonly topicId: string
  /** By index. */
  readonly states: readonly PartitionState[]
}

/**
 * Partition states whose topic does not exist: what is left when a broker dies while it makes or deletes a topic. The
 * lowest index comes first, because who makes a topic makes sure in its last write that partition 0 is still there.
 * @param isDue whether the states under this topic id have been without a topic for `strayDelayMs`
 */
export function planCleaning(image: ClusterImage, isDue: (topicId: string) => boolean): readonly StrayTopic[] {
  const found: StrayTopic[] = []
  for (const [topicId, states] of image.strayPartitions) {
    if (!isDue(topicId)) continue
    found.push({ topicId, states: [...states.values()].toSorted((left, right) => left.index - right.index) })
  }
  return found
}
