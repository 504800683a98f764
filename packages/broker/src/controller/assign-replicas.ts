import { BrokerError } from '../errors/errors.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { LiveBroker } from '../image/records.ts'
import { BrokerLoads } from './broker-loads.ts'
import { chooseBroker } from './choose-broker.ts'
import { allPartitions, brokerRoles, targetOf } from './cluster-view.ts'
import { spreadLeaders } from './leader-spread.ts'
import type { PlacementRule } from './topic-rules.ts'

export interface AssignmentRequest {
  readonly image: ClusterImage
  /** From `placementRule`. */
  readonly rule: PlacementRule
  /** Partitions to be made. */
  readonly partitionCount: number
  /** Partitions that the topic has already. */
  readonly present?: readonly PartitionState[]
}

/**
 * Brokers for new partitions, the preferred leader first: spread over racks, then over brokers by what they hold of
 * users' topics, with the topic's leaders as even as possible. On brokers that hold equally much, replicas and leaders differ by at most one (K5).
 * @returns the broker ids of each new partition, in order
 * @throws BrokerError 'invalid-replication-factor' if more replicas were promised than brokers can take, or none can
 */
export function assignReplicas(request: AssignmentRequest): readonly (readonly number[])[] {
  const { image, rule, partitionCount, present = [] } = request
  const { candidates, live } = brokerRoles(image)
  const pool = poolOf(candidates, rule)
  const count = replicaCount(rule, pool.length, present)
  const loads = new BrokerLoads()
  for (const { topic, state } of allPartitions(image)) if (!topic.internal) loads.add(targetOf(state))
  // What a topic can take hangs on how many brokers lead some of it, whatever else they lead.
  const own = new BrokerLoads()
  for (const state of present) own.add(targetOf(state))
  const pairs = new Pairs()
  const targets: (readonly number[])[] = []
  for (let i = 0; i < partitionCount; i++) {
    const chosen: number[] = []
    while (chosen.length < count) {
      const tie = (id: number): number => pairs.countWith(id, chosen)
      chosen.push(chooseBroker(pool, chosen, loads, (id) => live.get(id)?.rack, tie)!)
    }
    pairs.add(chosen)
    const target = leastLeaderFirst(chosen, own, loads)
    loads.add(target)
    own.add(target)
    targets.push(target)
  }
  const leaders = new Map(pool.map(({ id }) => [id, own.leadersOf(id)]))
  spreadLeaders(
    targets,
    leaders,
    pool.map(({ id }) => id),
    Number.POSITIVE_INFINITY,
  )
  return targets
}

function poolOf(candidates: readonly LiveBroker[], rule: PlacementRule): readonly LiveBroker[] {
  if (rule.kind !== 'nodes') return candidates
  const named = candidates.filter(({ id }) => rule.brokerIds.includes(id))
  return named.length > 0 ? named : candidates
}

function replicaCount(rule: PlacementRule, available: number, present: readonly PartitionState[]): number {
  if (available === 0) {
    throw new BrokerError('invalid-replication-factor', 'no broker can take replicas: all are stopping or drained')
  }
  switch (rule.kind) {
    case 'all':
    case 'nodes':
      return available
    case 'count':
      return rule.isFirm ? promised(rule.count, available) : Math.min(rule.count, available)
    case 'assigned':
      return promised(present[0] === undefined ? 1 : targetOf(present[0]).length, available)
  }
}

function promised(count: number, available: number): number {
  if (count <= available) return count
  const brokers = available === 1 ? 'there is 1 broker' : `there are ${available} brokers`
  const detail = `replication factor ${count} was asked for, ${brokers} that can take replicas`
  throw new BrokerError('invalid-replication-factor', detail)
}

/** The one that leads least of the topic comes first, then the one that leads least of all. */
function leastLeaderFirst(chosen: readonly number[], own: BrokerLoads, all: BrokerLoads): readonly number[] {
  const difference = (a: number, b: number): number =>
    own.leadersOf(a) - own.leadersOf(b) || all.leadersOf(a) - all.leadersOf(b)
  let first = chosen[0]!
  for (const id of chosen) if (difference(id, first) < 0) first = id
  return [first, ...chosen.filter((id) => id !== first)]
}

/** How often two brokers share a partition; varied pairs spread the load of a dead broker over all others. */
class Pairs {
  readonly #counts = new Map<number, Map<number, number>>()

  add(chosen: readonly number[]): void {
    for (const a of chosen) {
      const counts = this.#counts.get(a) ?? new Map<number, number>()
      this.#counts.set(a, counts)
      for (const b of chosen) if (a !== b) counts.set(b, (counts.get(b) ?? 0) + 1)
    }
  }

  countWith(id: number, chosen: readonly number[]): number {
    const counts = this.#counts.get(id)
    if (counts === undefined) return 0
    let count = 0
    for (const other of chosen) count += counts.get(other) ?? 0
    return count
  }
}
