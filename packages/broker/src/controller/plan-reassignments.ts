import { electLeader, finishReassignment, hasLeader, isReassigned } from '../image/partition-change.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { BrokerRoles } from './cluster-view.ts'
import type { TopicRule } from './topic-rules.ts'

/**
 * Ends a reassignment once everybody who shall stay is in sync: another leads if the leader leaves, then those that leave
 * are dropped, in one step.
 * @returns the new state, or undefined if it is not the time
 */
export function planReassignment(
  state: PartitionState,
  rule: TopicRule,
  brokers: BrokerRoles,
): PartitionState | undefined {
  // Replicas are dropped only under a leader that lives: it is the proof that those who stay have the data.
  if (!isReassigned(state) || !hasLeader(state, brokers.live)) return undefined
  if (!state.removing.includes(state.leader)) return finishReassignment(state)
  const avoid = new Set([...brokers.avoided, ...state.removing])
  const rules = { mayBeUnclean: false, minInsyncReplicas: rule.minInsyncReplicas, avoid }
  const moved = electLeader(state, brokers.live, rules)
  // The election may have found that some of them are gone: then they come back first, or are replaced.
  if (moved === undefined || moved.removing.includes(moved.leader)) return undefined
  return isReassigned(moved) ? finishReassignment(moved) : moved
}
