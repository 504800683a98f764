import { MetadataError } from '../cluster/metadata-error.ts'
import { noLease } from '../cluster/metadata-store.ts'
import type { KeyValue, LeaseId, MetadataStore, Operation } from '../cluster/metadata-store.ts'
import { BrokerError } from '../errors/errors.ts'
import { brokerKey, identityKey } from '../image/keys.ts'
import type { BrokerRecord, IdentityRecord } from '../image/records.ts'

/** Stands for the data directory of a broker that keeps nothing: the next one under its id is no stranger. */
const volatileDirectory = 'memory'

/** Races that one attempt may lose before it is given up: each means that somebody else has changed the same two keys. */
const racesMax = 5

/** What a broker says of itself when it registers. */
export interface Claim {
  readonly brokerId: number
  readonly directoryId: string
  /** Data in memory only: nothing is left of the broker once its process has ended. */
  readonly isVolatile: boolean
  readonly address: Pick<BrokerRecord, 'host' | 'port' | 'rack' | 'version'>
  /** `anew`: whatever this broker had before may be lost. `kept`: as the identity says. Or the broker epoch. */
  readonly intactSince: 'anew' | 'kept' | number
}

export interface Registered {
  /** Broker epoch: create revision of the key. */
  readonly epoch: number
  readonly record: BrokerRecord
}

interface Present {
  readonly revision: number
  readonly identity: KeyValue | undefined
  readonly broker: KeyValue | undefined
}

/** A live broker stands in the way of a claim: says where. */
export class BrokerIdInUse extends BrokerError {
  constructor(claim: Claim, holder: BrokerRecord) {
    const detail = `broker id ${claim.brokerId} is in use by the broker at ${holder.host}:${holder.port} with another data directory; choose another broker.id`
    super('invalid-config', detail)
  }
}

/** The lease that a claim stands under; there may be none yet. */
export interface ClaimLease {
  readonly id: LeaseId | undefined
  /** The lease; granted now if there is none. */
  take(): Promise<LeaseId>
}

/**
 * Puts the key of a broker under a lease, in the place of one that a former process with the same data directory left:
 * the lock of the directory proves that that process is gone.
 * @throws BrokerIdInUse, BrokerError 'invalid-config', MetadataError. After 'unavailable' the outcome is unknown; another
 * call with the same lease finds out
 */
export async function claimBrokerId(store: MetadataStore, claim: Claim, lease: ClaimLease): Promise<Registered> {
  for (let races = 0; races < racesMax; races++) {
    const present = await look(store, claim.brokerId)
    checkIdentity(claim, present)
    const { broker } = present
    const holder = holderOf(present)
    if (holder && holder.directoryId !== claim.directoryId) throw new BrokerIdInUse(claim, holder)
    if (broker && holder && broker.lease === lease.id) return { epoch: broker.createRevision, record: holder }
    // Removal and lease are two syncs of the embedded store; side by side they become one.
    const [id] = await Promise.all([lease.take(), broker && remove(store, broker)])
    const registered = await put(store, claim, id, present)
    if (registered) return registered
  }
  throw new MetadataError('overloaded', `broker id ${claim.brokerId} is claimed by several at the same time`)
}

/** Both keys at one revision. */
async function look(store: MetadataStore, brokerId: number): Promise<Present> {
  const keys = [identityKey(brokerId), brokerKey(brokerId)]
  const { revision, responses } = await store.transaction({ then: keys.map((key) => ({ kind: 'get', key })) })
  const [identity, broker] = responses.map((response) => (response.kind === 'get' ? response.keyValue : undefined))
  return { revision, identity, broker }
}

function checkIdentity(claim: Claim, present: Present): void {
  const identity = identityOf(present)
  const holder = holderOf(present)
  if (identity === undefined || identity.directoryId === identityIdOf(claim)) return
  if (holder && holder.directoryId !== claim.directoryId) throw new BrokerIdInUse(claim, holder)
  const detail = `broker id ${claim.brokerId} belongs to another data directory (${identity.directoryId}, this one is ${identityIdOf(claim)}); start with that directory, choose another broker.id, or forget the old one with "polylog cluster remove ${claim.brokerId}"`
  throw new BrokerError('invalid-config', detail)
}

function identityOf({ identity }: Present): IdentityRecord | undefined {
  return identity && (JSON.parse(identity.value) as IdentityRecord)
}

function holderOf({ broker }: Present): BrokerRecord | undefined {
  return broker && (JSON.parse(broker.value) as BrokerRecord)
}

function identityIdOf({ isVolatile, directoryId }: Claim): string {
  return isVolatile ? volatileDirectory : directoryId
}

/** With its lease, which takes along whatever else the former process held, such as the office of controller. */
async function remove(store: MetadataStore, { key, lease, modRevision }: KeyValue): Promise<void> {
  try {
    if (lease !== noLease) await store.revokeLease(lease)
    else {
      const compare = [{ key, target: 'modRevision', operator: '=', value: modRevision }] as const
      await store.transaction({ compare, then: [{ kind: 'delete', key }] })
    }
  } catch (error) {
    // It has expired just now, and the key with it.
    if (!(error instanceof MetadataError) || error.kind !== 'lease-not-found') throw error
  }
}

/** Undefined if somebody else has changed one of the keys meanwhile. */
async function put(
  store: MetadataStore,
  claim: Claim,
  lease: LeaseId,
  present: Present,
): Promise<Registered | undefined> {
  const { brokerId, directoryId, address } = claim
  const intactSince = intactSinceOf(claim, present)
  const record: BrokerRecord = { directoryId, ...address, status: 'serving', intactSince }
  const identity: IdentityRecord = { directoryId: identityIdOf(claim), intactSince }
  const then: Operation[] = [{ kind: 'put', key: brokerKey(brokerId), value: JSON.stringify(record), lease }]
  const identityValue = JSON.stringify(identity)
  if (present.identity?.value !== identityValue) {
    then.push({ kind: 'put', key: identityKey(brokerId), value: identityValue })
  }
  const { succeeded, revision } = await store.transaction({
    compare: [
      { key: identityKey(brokerId), target: 'modRevision', operator: '=', value: present.identity?.modRevision ?? 0 },
      { key: brokerKey(brokerId), target: 'version', operator: '=', value: 0 },
    ],
    then,
  })
  return succeeded ? { epoch: revision, record } : undefined
}

/**
 * Since which broker epoch nothing has been lost. Without an identity the directory is new: what a former broker of this
 * id held, and what partition states may still say about it, is not here.
 */
function intactSinceOf({ intactSince }: Claim, present: Present): number {
  if (typeof intactSince === 'number') return intactSince
  const identity = identityOf(present)
  // Above all epochs that this id has had, and not above the one that it is about to get.
  return intactSince === 'anew' || identity === undefined ? present.revision + 1 : identity.intactSince
}
