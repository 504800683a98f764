import { hasLeader, startReassignment } from '../image/partition-change.ts'
import type { PartitionState } from '../image/partition-state.ts'
import { BrokerLoads } from './broker-loads.ts'
import { allPartitions, targetOf } from './cluster-view.ts'
import type { BrokerRoles, PartitionChange } from './cluster-view.ts'
import type { PlacementRequest } from './placement-request.ts'
import { planRebalance } from './plan-rebalance.ts'
import { targetReplicas } from './replica-target.ts'

/**
 * Reassignments that bring replicas to where explicit assignments, policies, drains and an even spread want them. First
 * what must move; only when that has all been begun, what may move for balance. No broker is given more than
 * `reassignment.moves.per.broker.max` replicas to fetch at a time.
 * Yields undefined after each partition that stays, so that the caller can let others run.
 */
export function* planPlacement(request: PlacementRequest): Generator<PartitionChange | undefined> {
  const { image, rules, brokers, settings, lost } = request
  const loads = new BrokerLoads()
  for (const { state } of allPartitions(image)) {
    countPartition(loads, state, brokers)
    yield undefined
  }
  const around = { brokers, loads, lost, mayRebalance: settings.replicaRebalance }
  let isWaiting = false
  for (const { topic, state } of allPartitions(image)) {
    const present = targetOf(state)
    const target = targetReplicas(state, rules.of(topic).placement, around)
    const after = isSame(target, present) ? state : startReassignment(state, target)
    if (after === state) {
      yield undefined
      continue
    }
    isWaiting = true
    const arriving = target.filter((id) => !state.replicas.includes(id))
    if (arriving.some((id) => loads.arrivalsOf(id) >= settings.reassignmentMoveCountMax)) {
      yield undefined
      continue
    }
    loads.remove(present)
    loads.add(target)
    for (const id of arriving) loads.addArrival(id)
    yield { topic, before: state, after }
  }
  if (!isWaiting && settings.replicaRebalance) yield* planRebalance(request, loads)
}

function countPartition(loads: BrokerLoads, state: PartitionState, { live }: BrokerRoles): void {
  loads.add(targetOf(state))
  // Without a leader nothing arrives, and what waits for one must not keep others waiting.
  if (hasLeader(state, live)) for (const id of state.adding) loads.addArrival(id)
}

function isSame(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((id, i) => id === right[i])
}
