import { electLeader, hasLeader } from '../image/partition-change.ts'
import type { PartitionState } from '../image/partition-state.ts'
import { isSettled } from './cluster-view.ts'
import type { BrokerRoles } from './cluster-view.ts'
import type { TopicRule } from './topic-rules.ts'

/**
 * Gives the leadership back to the preferred leader, the first replica, if it is in sync and may lead.
 * @returns the new state, or undefined if the preferred leader leads or cannot
 */
export function planPreferredLeader(
  state: PartitionState,
  rule: TopicRule,
  brokers: BrokerRoles,
): PartitionState | undefined {
  const preferred = state.replicas[0]!
  if (state.leader === preferred || !isSettled(state) || !hasLeader(state, brokers.live)) return undefined
  if (brokers.avoided.has(preferred) || !state.inSyncReplicas.includes(preferred)) return undefined
  const others = new Set(state.replicas.filter((id) => id !== preferred))
  const rules = { mayBeUnclean: false, minInsyncReplicas: rule.minInsyncReplicas, avoid: others }
  const next = electLeader(state, brokers.live, rules)
  return next?.leader === preferred ? next : undefined
}
