import { assert } from '../errors/errors.ts'

/**
 * Where one partition lives and who decides about it: one key of the metadata store, changed by compare-and-set only
 * (docs/adr/0007-cluster.md). Immutable. New states come from the functions of partition-change.ts.
 */
export interface PartitionState {
  readonly index: number
  /** Broker id, -1 while there is none. */
  readonly leader: number
  /** Grows with each new leader, and whenever a replica is dropped. */
  readonly leaderEpoch: number
  /** Epoch of the broker that was elected; under another one the same broker is not the leader. 0 in a new partition: any. */
  readonly leaderBrokerEpoch: number
  /** Brokers that hold the partition or shall do so, the preferred leader first; `adding` and `removing` included. */
  readonly replicas: readonly number[]
  /** Of `replicas`, those that a reassignment brings in. */
  readonly adding: readonly number[]
  /** Of `replicas`, those that leave once all others are in sync. */
  readonly removing: readonly number[]
  /** Replicas that have everything that was acknowledged. */
  readonly inSyncReplicas: readonly number[]
  /** Broker epoch with which each member of `inSyncReplicas` and `eligible` joined; a missing one counts as 0. */
  readonly memberEpochs: ReadonlyMap<number, number>
  /** Replicas that left the ISR while it was below min.insync.replicas, so that they lack nothing acknowledged (KIP-966). */
  readonly eligible: readonly number[]
  /** The last leader of an ISR that has become empty; -1 if there is none. */
  readonly lastKnownLeader: number
  /** After an unclean election, until the leader has repaired its log. */
  readonly recovering: boolean
  /** Revision of the store at which this state was written: Kafka's partition epoch. 0 before it is stored. */
  readonly modRevision: number
}

interface StoredState {
  leader: number
  leaderEpoch: number
  leaderBrokerEpoch?: number
  replicas: number[]
  adding?: number[]
  removing?: number[]
  isr: number[]
  epochs?: Record<string, number>
  elr?: number[]
  lastKnownLeader?: number
  recovering?: boolean
}

/** A partition on its first day: everybody is in sync with nothing. */
export function newPartition(
  index: number,
  replicas: readonly number[],
  epochs: ReadonlyMap<number, number>,
): PartitionState {
  const leader = replicas[0]!
  return {
    index,
    leader,
    leaderEpoch: 0,
    leaderBrokerEpoch: epochs.get(leader) ?? 0,
    replicas,
    adding: [],
    removing: [],
    inSyncReplicas: replicas,
    memberEpochs: new Map(replicas.map((id) => [id, epochs.get(id) ?? 0])),
    eligible: [],
    lastKnownLeader: -1,
    recovering: false,
    modRevision: 0,
  }
}

/** JSON without what is empty, so that 10,000 partitions stay small. */
export function encodePartition(state: PartitionState): string {
  const stored: StoredState = {
    leader: state.leader,
    leaderEpoch: state.leaderEpoch,
    ...(state.leaderBrokerEpoch > 0 && { leaderBrokerEpoch: state.leaderBrokerEpoch }),
    replicas: [...state.replicas],
    ...(state.adding.length > 0 && { adding: [...state.adding] }),
    ...(state.removing.length > 0 && { removing: [...state.removing] }),
    isr: [...state.inSyncReplicas],
    ...(state.memberEpochs.size > 0 && { epochs: Object.fromEntries(state.memberEpochs) }),
    ...(state.eligible.length > 0 && { elr: [...state.eligible] }),
    ...(state.lastKnownLeader >= 0 && { lastKnownLeader: state.lastKnownLeader }),
    ...(state.recovering && { recovering: true }),
  }
  return JSON.stringify(stored)
}

/** @throws Error if the value is none that `encodePartition` makes: somebody else wrote to the store */
export function decodePartition(key: string, value: string, modRevision: number): PartitionState {
  const stored = JSON.parse(value) as StoredState
  const state: PartitionState = {
    index: Number(key.slice(key.lastIndexOf('/') + 1)),
    leader: stored.leader,
    leaderEpoch: stored.leaderEpoch,
    leaderBrokerEpoch: stored.leaderBrokerEpoch ?? 0,
    replicas: stored.replicas,
    adding: stored.adding ?? [],
    removing: stored.removing ?? [],
    inSyncReplicas: stored.isr,
    memberEpochs: new Map(Object.entries(stored.epochs ?? {}).map(([id, epoch]) => [Number(id), epoch])),
    eligible: stored.elr ?? [],
    lastKnownLeader: stored.lastKnownLeader ?? -1,
    recovering: stored.recovering ?? false,
    modRevision,
  }
  assertValid(state)
  return state
}

/** The invariants of a state; each change is checked before it is written and each value when it is read. */
export function assertValid(state: PartitionState): void {
  const { index, leader, leaderEpoch, replicas, adding, removing, inSyncReplicas, eligible } = state
  const name = `partition ${index}`
  const all = new Set(replicas)
  assert(Number.isSafeInteger(index) && index >= 0, `${name} has no index`)
  assert(Number.isSafeInteger(leaderEpoch) && leaderEpoch >= 0, `${name} has leader epoch ${leaderEpoch}`)
  assert(all.size === replicas.length && all.size > 0, `${name} has replicas ${replicas.join()}`)
  assert(
    replicas.every((id) => Number.isSafeInteger(id) && id >= 0),
    `${name} has replicas ${replicas.join()}`,
  )
  for (const [list, ids] of Object.entries({ adding, removing, inSyncReplicas, eligible })) {
    assert(new Set(ids).size === ids.length && ids.every((id) => all.has(id)), `${name}: ${list} is ${ids.join()}`)
  }
  assert(leader === -1 || inSyncReplicas.includes(leader), `${name}: leader ${leader} is not in sync`)
  assert(!adding.some((id) => removing.includes(id)), `${name} adds what it removes`)
  assert(!eligible.some((id) => inSyncReplicas.includes(id)), `${name}: eligible and in sync overlap`)
  assert(!state.recovering || inSyncReplicas.length <= 1, `${name} recovers with ${inSyncReplicas.length} in sync`)
}
