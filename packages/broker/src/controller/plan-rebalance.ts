import { startReassignment } from '../image/partition-change.ts'
import type { BrokerLoads } from './broker-loads.ts'
import { allPartitions, isSettled } from './cluster-view.ts'
import type { BrokerRoles, PartitionChange, TopicPartition } from './cluster-view.ts'
import { spreadLeaders } from './leader-spread.ts'
import type { PlacementRequest } from './placement-request.ts'

/** Most partitions that get another preferred leader in one step. */
const preferenceCountMax = 100

/**
 * Moves for an even spread alone: replicas from the brokers that hold most to those that hold least, while they differ by
 * more than one; once that is done, preferred leaders. Only partitions that nobody assigned by hand, with no move under
 * way and all replicas live.
 */
export function* planRebalance(request: PlacementRequest, loads: BrokerLoads): Generator<PartitionChange | undefined> {
  const movable: TopicPartition[] = []
  let isQuiet = true
  for (const each of allPartitions(request.image)) {
    yield undefined
    if (!isSettled(each.state)) isQuiet = false
    else if (isMovable(each, request)) movable.push(each)
  }
  const moves = moveReplicas(request, movable, loads)
  yield* moves
  if (isQuiet && moves.length === 0) yield* movePreferences(request.brokers, movable, loads)
}

function isMovable({ topic, state }: TopicPartition, { rules, brokers }: PlacementRequest): boolean {
  const { kind } = rules.of(topic).placement
  return kind !== 'assigned' && state.replicas.every((id) => brokers.live.has(id) && !brokers.avoided.has(id))
}

function moveReplicas(
  { rules, brokers, settings }: PlacementRequest,
  movable: readonly TopicPartition[],
  loads: BrokerLoads,
): readonly PartitionChange[] {
  const ids = brokers.candidates.map(({ id }) => id)
  if (!isUneven(ids, loads)) return []
  const heldBy = new Map<number, Set<TopicPartition>>(ids.map((id) => [id, new Set()]))
  for (const each of movable) {
    const rule = rules.of(each.topic).placement
    if (rule.kind !== 'count' || !rule.mayGrow) continue
    for (const id of each.state.replicas) heldBy.get(id)!.add(each)
  }
  const changes: PartitionChange[] = []
  for (;;) {
    const found = findMove(ids, heldBy, loads, brokers, settings.reassignmentMoveCountMax)
    if (found === undefined) return changes
    const { partition, from, to } = found
    const { replicas } = partition.state
    const target = replicas.map((id) => (id === from ? to : id))
    for (const id of replicas) heldBy.get(id)!.delete(partition)
    loads.remove(replicas)
    loads.add(target)
    loads.addArrival(to)
    changes.push({
      topic: partition.topic,
      before: partition.state,
      after: startReassignment(partition.state, target),
    })
  }
}

function isUneven(ids: readonly number[], loads: BrokerLoads): boolean {
  const counts = ids.map((id) => loads.replicasOf(id))
  return Math.max(...counts) - Math.min(...counts) > 1
}

interface Move {
  readonly partition: TopicPartition
  readonly from: number
  readonly to: number
}

function findMove(
  ids: readonly number[],
  heldBy: ReadonlyMap<number, ReadonlySet<TopicPartition>>,
  loads: BrokerLoads,
  brokers: BrokerRoles,
  moveCountMax: number,
): Move | undefined {
  const rising = ids.toSorted((a, b) => loads.replicasOf(a) - loads.replicasOf(b) || a - b)
  for (const from of rising.toReversed()) {
    for (const to of rising) {
      if (loads.replicasOf(from) - loads.replicasOf(to) < 2) break
      if (loads.arrivalsOf(to) >= moveCountMax) continue
      const partition = findPartition(heldBy.get(from)!, from, to, loads, brokers)
      if (partition !== undefined) return { partition, from, to }
    }
  }
  return undefined
}

/** One that the taker lacks and whose racks do not get fewer, leaderships being handed on where the giver has more. */
function findPartition(
  held: Iterable<TopicPartition>,
  from: number,
  to: number,
  loads: BrokerLoads,
  { live }: BrokerRoles,
): TopicPartition | undefined {
  const givesLeader = loads.leadersOf(from) > loads.leadersOf(to)
  const toRack = live.get(to)!.rack
  let second: TopicPartition | undefined
  for (const partition of held) {
    const { replicas } = partition.state
    if (replicas.includes(to)) continue
    const others = replicas.filter((id) => id !== from).map((id) => live.get(id)!.rack)
    const losesRack = others.includes(toRack) && !others.includes(live.get(from)!.rack)
    if (losesRack) continue
    if ((replicas[0] === from) === givesLeader) return partition
    second ??= partition
  }
  return second
}

function* movePreferences(
  brokers: BrokerRoles,
  movable: readonly TopicPartition[],
  loads: BrokerLoads,
): Generator<PartitionChange> {
  const ids = brokers.candidates.map(({ id }) => id)
  const leaders = new Map(ids.map((id) => [id, loads.leadersOf(id)]))
  const counts = [...leaders.values()]
  if (Math.max(...counts) - Math.min(...counts) < 2) return
  const targets = movable.map(({ state }) => state.replicas)
  for (const place of spreadLeaders(targets, leaders, ids, preferenceCountMax)) {
    const { topic, state } = movable[place]!
    yield { topic, before: state, after: startReassignment(state, targets[place]!) }
  }
}
