import { changeIsr, electLeader, hasLeader, isIntact, withoutLeader } from '../image/partition-change.ts'
import type { ElectionRules } from '../image/partition-change.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { BrokerRoles } from './cluster-view.ts'
import type { TopicRule } from './topic-rules.ts'

/**
 * Who shall lead a partition and who is in sync with it, given which brokers live:
 * - a leader that is gone, or lives under another epoch, is replaced; without a candidate the partition has none;
 * - a leader that stops or is drained hands over to a replica in sync, if there is one;
 * - members of the ISR that are gone, or have lost something, leave it; so do those that stop while the leader does not.
 * @returns the new state, or undefined if nothing is to be changed
 */
export function planElection(state: PartitionState, rule: TopicRule, brokers: BrokerRoles): PartitionState | undefined {
  const led = withLeader(state, rule, brokers)
  const next = withoutGone(led, rule, brokers)
  return next === state ? undefined : next
}

function withLeader(state: PartitionState, rule: TopicRule, brokers: BrokerRoles): PartitionState {
  if (!hasLeader(state, brokers.live)) {
    // Those that are about to leave the partition lead only if nobody else can.
    const avoid = state.removing.length === 0 ? brokers.avoided : new Set([...brokers.avoided, ...state.removing])
    return electLeader(state, brokers.live, electionRules(rule, avoid, rule.promotesOnFailure)) ?? withoutLeader(state)
  }
  if (!brokers.avoided.has(state.leader)) return state
  const clean = electLeader(state, brokers.live, electionRules(rule, brokers.avoided, false))
  if (clean !== undefined && !brokers.avoided.has(clean.leader)) return clean
  if (!brokers.stopping.has(state.leader)) return state
  const staying = new Map([...brokers.live].filter(([id]) => !brokers.stopping.has(id)))
  // To one that is drained but in sync rather than to nobody; to one that is not in sync only if the policy says so.
  return electLeader(state, staying, electionRules(rule, brokers.avoided, rule.promotesOnShutdown)) ?? state
}

function electionRules(rule: TopicRule, avoid: ReadonlySet<number>, mayBeUnclean: boolean): ElectionRules {
  return { mayBeUnclean, minInsyncReplicas: rule.minInsyncReplicas, avoid }
}

function withoutGone(state: PartitionState, rule: TopicRule, brokers: BrokerRoles): PartitionState {
  // Without a leader the ISR says where the data is, and an election alone may change it.
  if (!hasLeader(state, brokers.live)) return state
  const leaderStops = brokers.stopping.has(state.leader)
  const staying = state.inSyncReplicas.filter(
    (id) => id === state.leader || (isIntact(state, brokers.live, id) && (leaderStops || !brokers.stopping.has(id))),
  )
  const least = Math.min(rule.minInsyncReplicas, state.replicas.length)
  // Replicas stay eligible only while nothing can be acknowledged without them: a lower minimum ends that (KIP-966).
  const isStale = state.eligible.length > 0 && staying.length >= least
  if (staying.length === state.inSyncReplicas.length && !isStale) return state
  return changeIsr(state, staying, new Map(), rule.minInsyncReplicas, brokers.live)
}
