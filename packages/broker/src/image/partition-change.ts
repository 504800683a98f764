import { assertValid } from './partition-state.ts'
import type { PartitionState } from './partition-state.ts'
import type { LiveBroker } from './records.ts'

/** Live registrations by broker id. */
export type LiveBrokers = ReadonlyMap<number, LiveBroker>

/** Whether a member of ISR or ELR still has what it had when it joined: it has lost nothing since. */
export function isIntact(state: PartitionState, brokers: LiveBrokers, id: number): boolean {
  const broker = brokers.get(id)
  return broker !== undefined && (state.memberEpochs.get(id) ?? 0) >= broker.intactSince
}

/** Whether the leader that the state names leads: it lives, under the epoch it was elected with. */
export function hasLeader(state: PartitionState, brokers: LiveBrokers): boolean {
  const broker = brokers.get(state.leader)
  if (broker === undefined) return false
  return state.leaderBrokerEpoch === broker.epoch || state.replicas.length === 1 || state.leaderBrokerEpoch === 0
}

/** Whether the broker leads the partition and another one, which stays, could lead it without loss. */
export function canHandOver(state: PartitionState, brokers: LiveBrokers, brokerId: number): boolean {
  if (state.leader !== brokerId) return false
  return state.inSyncReplicas.some(
    (id) => id !== brokerId && brokers.get(id)?.status === 'serving' && isIntact(state, brokers, id),
  )
}

export interface ElectionRules {
  /** `unclean.leader.election.enable` */
  readonly mayBeUnclean: boolean
  /** Least size of the ISR, capped by the number of replicas. */
  readonly minInsyncReplicas: number
  /** Brokers that shall not lead if anybody else can: stopping, drained, or the one that is to be relieved. */
  readonly avoid: ReadonlySet<number>
}

/**
 * Elects a leader: the first replica, in the order of assignment, that lives and is in the ISR; else in the ELR; else, if
 * all of these are back and each has lost something, the first of them; else, only if the topic allows it, any that lives
 * (kafka.md §4.1 rule 7). Whoever is to be avoided leads only if nobody else can. Undefined if nobody can lead.
 */
export function electLeader(
  state: PartitionState,
  brokers: LiveBrokers,
  rules: ElectionRules,
): PartitionState | undefined {
  const candidates = state.replicas.filter((id) => brokers.has(id))
  const willing = candidates.filter((id) => !rules.avoid.has(id))
  const sound = (ids: readonly number[], members: readonly number[]): number | undefined =>
    ids.find((id) => members.includes(id) && isIntact(state, brokers, id))
  const inSync = sound(willing, state.inSyncReplicas) ?? sound(candidates, state.inSyncReplicas)
  if (inSync !== undefined) return elected(state, brokers, inSync, rules)
  const eligible = sound(willing, state.eligible) ?? sound(candidates, state.eligible)
  if (eligible !== undefined) {
    const inSyncReplicas = [...state.inSyncReplicas, eligible]
    return elected({ ...state, inSyncReplicas, eligible: without(state.eligible, eligible) }, brokers, eligible, rules)
  }
  const last = findLastResort(state, brokers)
  if (last !== undefined) return elected({ ...state, inSyncReplicas: [last], eligible: [] }, brokers, last, rules)
  if (!rules.mayBeUnclean || candidates.length === 0) return undefined
  const unclean = willing[0] ?? candidates[0]!
  const alone = { ...state, inSyncReplicas: [unclean], eligible: [], recovering: true }
  return elected(alone, brokers, unclean, rules)
}

/** When all that had everything are back and each has lost something, nobody has more than the first of them. */
function findLastResort(state: PartitionState, brokers: LiveBrokers): number | undefined {
  const members = [...state.inSyncReplicas, ...state.eligible]
  return members.every((id) => brokers.has(id)) ? state.replicas.find((id) => members.includes(id)) : undefined
}

function elected(state: PartitionState, brokers: LiveBrokers, leader: number, rules: ElectionRules): PartitionState {
  const { epoch } = brokers.get(leader)!
  const stay = state.inSyncReplicas.filter((id) => id === leader || isIntact(state, brokers, id))
  const shrunk = withMembers(state, stay, new Map([[leader, epoch]]), rules.minInsyncReplicas, brokers)
  return checked({
    ...shrunk,
    leader,
    leaderEpoch: state.leaderEpoch + 1,
    leaderBrokerEpoch: epoch,
    lastKnownLeader: -1,
  })
}

/** Nobody can lead: says so, and remembers who did. The ISR stays as it is, for it is the only place where the data is. */
export function withoutLeader(state: PartitionState): PartitionState {
  if (state.leader === -1) return state
  return checked({
    ...state,
    leader: -1,
    leaderEpoch: state.leaderEpoch + 1,
    leaderBrokerEpoch: 0,
    lastKnownLeader: state.leader,
  })
}

/**
 * Another ISR under the same leader. Those that leave while it is below `minInsyncReplicas` become eligible (KIP-966).
 * @param joined broker epochs of those that are new, and of those whose epoch is to be renewed
 */
export function changeIsr(
  state: PartitionState,
  inSyncReplicas: readonly number[],
  joined: ReadonlyMap<number, number>,
  minInsyncReplicas: number,
  brokers: LiveBrokers,
): PartitionState {
  return checked(withMembers(state, inSyncReplicas, joined, minInsyncReplicas, brokers))
}

function withMembers(
  state: PartitionState,
  inSyncReplicas: readonly number[],
  joined: ReadonlyMap<number, number>,
  minInsyncReplicas: number,
  brokers: LiveBrokers,
): PartitionState {
  const least = Math.min(minInsyncReplicas, state.replicas.length)
  const left = state.inSyncReplicas.filter((id) => !inSyncReplicas.includes(id))
  // Who is known to have lost something is not eligible; who is away may come back with all it had.
  const complete = [...state.eligible, ...left].filter((id) => !brokers.has(id) || isIntact(state, brokers, id))
  const eligible = inSyncReplicas.length >= least ? [] : complete.filter((id) => !inSyncReplicas.includes(id))
  const memberEpochs = new Map<number, number>()
  for (const id of [...inSyncReplicas, ...eligible])
    memberEpochs.set(id, joined.get(id) ?? state.memberEpochs.get(id) ?? 0)
  return { ...state, inSyncReplicas, eligible, memberEpochs }
}

/**
 * Begins to move the partition to `target`, the preferred leader first; a reassignment under way is replaced. The leader
 * epoch grows if that drops a replica: it deletes what it has, so nothing it said before counts when it comes again.
 */
export function startReassignment(state: PartitionState, target: readonly number[]): PartitionState {
  // One that came with the former reassignment and is in sync already counts like any other: it may even be the leader.
  const settled = state.replicas.filter((id) => !state.adding.includes(id) || state.inSyncReplicas.includes(id))
  const adding = target.filter((id) => !settled.includes(id))
  const removing = settled.filter((id) => !target.includes(id))
  const abandoned = state.replicas.filter((id) => !settled.includes(id) && !target.includes(id))
  const replicas = [...target, ...removing]
  const kept = dropMembers(state, abandoned)
  if (kept === undefined) return state
  const leaderEpoch = state.leaderEpoch + (abandoned.length > 0 ? 1 : 0)
  return checked({ ...kept, replicas, adding, removing, leaderEpoch })
}

/** Whether everything that the reassignment under way wants is in sync, so that it can be finished. */
export function isReassigned(state: PartitionState): boolean {
  if (state.adding.length === 0 && state.removing.length === 0) return false
  const target = without(state.replicas, ...state.removing)
  return target.every((id) => state.inSyncReplicas.includes(id)) && target.length > 0
}

/**
 * Drops the replicas that leave. The leader epoch grows, so that nothing they say counts any more. If the leader is among
 * them, the caller elects another first.
 */
export function finishReassignment(state: PartitionState): PartitionState {
  if (state.removing.includes(state.leader)) return state
  const dropped = dropMembers(state, state.removing)
  if (dropped === undefined) return state
  return checked({
    ...dropped,
    adding: [],
    removing: [],
    leaderEpoch: state.leaderEpoch + (state.removing.length > 0 ? 1 : 0),
  })
}

/** Takes back a reassignment. Undefined if that would leave nobody in sync. */
export function cancelReassignment(state: PartitionState): PartitionState | undefined {
  if (state.adding.includes(state.leader)) return undefined
  const dropped = dropMembers(state, state.adding)
  if (dropped === undefined) return undefined
  const leaderEpoch = state.leaderEpoch + (state.adding.length > 0 ? 1 : 0)
  return checked({ ...dropped, adding: [], removing: [], leaderEpoch })
}

/** Without these replicas; undefined if nobody would be left in sync. */
function dropMembers(state: PartitionState, ids: readonly number[]): PartitionState | undefined {
  const inSyncReplicas = without(state.inSyncReplicas, ...ids)
  if (inSyncReplicas.length === 0 && state.inSyncReplicas.length > 0) return undefined
  const eligible = without(state.eligible, ...ids)
  const memberEpochs = new Map([...state.memberEpochs].filter(([id]) => !ids.includes(id)))
  return { ...state, replicas: without(state.replicas, ...ids), inSyncReplicas, eligible, memberEpochs }
}

function without(ids: readonly number[], ...gone: readonly number[]): number[] {
  return ids.filter((id) => !gone.includes(id))
}

function checked(state: PartitionState): PartitionState {
  assertValid(state)
  return state
}
