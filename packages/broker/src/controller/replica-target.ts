import type { PartitionState } from '../image/partition-state.ts'
import type { LiveBroker } from '../image/records.ts'
import type { BrokerLoads } from './broker-loads.ts'
import { chooseBroker } from './choose-broker.ts'
import { targetOf } from './cluster-view.ts'
import type { BrokerRoles } from './cluster-view.ts'
import type { PlacementRule } from './topic-rules.ts'

/** What the choice of replicas depends on beside the partition. */
export interface PlacementSurroundings {
  readonly brokers: BrokerRoles
  readonly loads: BrokerLoads
  /** Brokers that have been away for so long that their replicas shall be made anew. */
  readonly lost: ReadonlySet<number>
  /** Whether replicas may move for a better spread alone. */
  readonly mayRebalance: boolean
}

/**
 * The replicas that a partition shall have, the preferred leader first, as close to the present ones as the rule allows:
 * - who is drained leaves, where others can take over or the number was not promised;
 * - who is lost is replaced, never just dropped;
 * - missing ones are added where least is held, racks first, and take the place of those that leave;
 * - two in one rack are parted if another rack is free.
 */
export function targetReplicas(
  state: PartitionState,
  rule: PlacementRule,
  around: PlacementSurroundings,
): readonly number[] {
  const present = targetOf(state)
  if (isContent(present, rule, around)) return present
  const plan = wanted(state, present, rule, around)
  const kept = withoutSurplus(state, plan.keep, plan.count, around)
  const rackOf = (id: number): string | undefined => around.brokers.live.get(id)?.rack
  const added: number[] = []
  while (kept.length + added.length < plan.count) {
    const id = chooseBroker(plan.pool, [...kept, ...added], around.loads, rackOf)
    if (id === undefined) break
    added.push(id)
  }
  const staying = new Set([...kept, ...fillers(present, [...kept, ...added], rule, plan.count, around)])
  const result: number[] = []
  for (const id of present) {
    const next = staying.has(id) ? id : added.shift()
    if (next !== undefined) result.push(next)
  }
  result.push(...added)
  return rule.kind === 'assigned' || !rule.mayGrow ? result : withRacksParted(result, plan.pool, around)
}

/** Sees at a glance what is true of most partitions most of the time: everybody is there and nobody is to leave. */
function isContent(present: readonly number[], rule: PlacementRule, { brokers }: PlacementSurroundings): boolean {
  for (const id of present) if (brokers.drained.has(id)) return false
  if (rule.kind === 'assigned') return true
  if (rule.kind !== 'count' || brokers.hasRacks || present.length !== rule.count) return false
  for (const id of present) if (!brokers.live.has(id)) return false
  return true
}

interface Wanted {
  /** Of the present replicas, those that need not leave. */
  readonly keep: readonly number[]
  readonly count: number
  /** From whom to choose more. */
  readonly pool: readonly LiveBroker[]
}

function wanted(
  state: PartitionState,
  present: readonly number[],
  rule: PlacementRule,
  { brokers, lost }: PlacementSurroundings,
): Wanted {
  const { candidates, drained, live } = brokers
  if (rule.kind === 'assigned') {
    return { keep: present.filter((id) => !drained.has(id)), count: present.length, pool: candidates }
  }
  const isReplaced = (id: number): boolean => rule.kind === 'count' && rule.mayGrow && lost.has(id)
  // A replica that was only coming holds nothing that is worth waiting for.
  const mayStay = (id: number): boolean =>
    !drained.has(id) && !isReplaced(id) && (live.has(id) || !state.adding.includes(id))
  const able = present.filter(mayStay)
  if (rule.kind === 'nodes') {
    const named = candidates.filter(({ id }) => rule.brokerIds.includes(id))
    const keep = able.filter((id) => rule.brokerIds.includes(id))
    const isPossible = keep.length > 0 || (named.length > 0 && rule.mayGrow)
    if (!isPossible) return { keep: able, count: present.length, pool: named.length > 0 ? named : candidates }
    const grown = new Set([...keep, ...named.map(({ id }) => id)]).size
    const kept = keep.length + present.filter((id) => drained.has(id)).length
    return { keep, count: rule.mayGrow ? grown : Math.min(grown, kept), pool: named }
  }
  const all = new Set([...able, ...candidates.map(({ id }) => id)]).size
  const count = rule.kind === 'all' ? all : rule.count
  return { keep: able, count: rule.mayGrow ? count : Math.min(count, present.length), pool: candidates }
}

/** Without as many as are too many: first those not in sync, then those that share a rack, then those that hold most. */
function withoutSurplus(
  state: PartitionState,
  keep: readonly number[],
  count: number,
  { brokers, loads }: PlacementSurroundings,
): readonly number[] {
  const kept = [...keep]
  const rackOf = (id: number): string | undefined => brokers.live.get(id)?.rack
  const rank = (id: number): number => {
    const isBehind = brokers.live.has(id) && state.inSyncReplicas.includes(id) ? 0 : 2
    const sharesRack = kept.some((other) => other !== id && rackOf(other) === rackOf(id)) ? 1 : 0
    return isBehind + sharesRack
  }
  while (kept.length > count) {
    let worst = kept.length - 1
    for (let i = worst - 1; i >= 0; i--) {
      const difference = rank(kept[i]!) - rank(kept[worst]!)
      const isFuller = loads.replicasOf(kept[i]!) > loads.replicasOf(kept[worst]!)
      if (difference > 0 || (difference === 0 && isFuller)) worst = i
    }
    kept.splice(worst, 1)
  }
  return kept
}

/** Of those that should leave, the ones that must stay because nobody takes their place. */
function fillers(
  present: readonly number[],
  placed: readonly number[],
  rule: PlacementRule,
  count: number,
  { brokers, lost }: PlacementSurroundings,
): readonly number[] {
  const most = Math.min(count, present.length)
  const isFirm = rule.kind === 'assigned' || (rule.kind === 'count' && rule.isFirm)
  const least = isFirm ? most : 1
  const rest = present.filter((id) => !placed.includes(id))
  const stay: number[] = []
  for (const id of rest) {
    if (lost.has(id) && !brokers.drained.has(id) && placed.length + stay.length < most) stay.push(id)
  }
  for (const id of rest) {
    if (!stay.includes(id) && placed.length + stay.length < least) stay.push(id)
  }
  return stay
}

/** With one replica moved to a rack that has none, if two share one. */
function withRacksParted(
  result: readonly number[],
  pool: readonly LiveBroker[],
  { brokers, loads, mayRebalance }: PlacementSurroundings,
): readonly number[] {
  if (!mayRebalance || result.length < 2) return result
  const racks = result.map((id) => brokers.live.get(id)?.rack)
  if (racks.includes(undefined)) return result
  const free = pool.filter(({ rack }) => !racks.includes(rack))
  const taker = chooseBroker(free, result, loads, () => undefined)
  if (taker === undefined) return result
  const place = racks.findLastIndex((rack, i) => racks.indexOf(rack) !== i)
  return place === -1 ? result : result.with(place, taker)
}
