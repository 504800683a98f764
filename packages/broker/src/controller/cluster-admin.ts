import { storing } from '../cluster/store-failure.ts'
import type { Comparison, MetadataStore, Transaction } from '../cluster/metadata-store.ts'
import type { BrokerSettings } from '../config/broker-table.ts'
import type { Clock } from '../host/clock.ts'
import { BrokerError } from '../errors/errors.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import { brokerKey, drainKey, identityKey, policyKey } from '../image/keys.ts'
import type { DrainRecord, Policy, PolicyRecord } from '../image/records.ts'
import { allPartitions, brokerRoles } from './cluster-view.ts'
import { brokerFence } from './partition-writes.ts'
import { checkPolicy, readPolicy } from './policy.ts'

export interface ClusterAdminParts {
  readonly store: MetadataStore
  readonly feed: ImageFeed
  readonly clock: Clock
  readonly settings: BrokerSettings
  /** The broker that this runs on. */
  readonly brokerId: number
}

export interface PolicyListing extends Policy {
  /** Why it has no effect; undefined if it has one. */
  readonly fault: string | undefined
}

export interface DrainProgress {
  readonly isRequested: boolean
  /** Replicas that the broker still holds, those that are being moved away included. */
  readonly replicaCount: number
  /** Partitions that it leads. */
  readonly leaderCount: number
}

const brokerIdMax = 2147483647
const attemptCountMax = 8
/** Longest wait for the image to show what stood in the way of a write. */
const imageWaitMsMax = 1000
const retryMs = 20

/**
 * What operators ask of the cluster as a whole. Each request is stored as an intent, which the controller carries out.
 * Works on any broker that is registered: every write compares this broker's registration and what it was based on.
 * All methods reject with BrokerError 'storage' when the metadata store fails (the outcome is then unknown), with
 * 'not-controller' while this broker is not registered, and resolve once this broker's image shows what was written.
 */
export class ClusterAdmin {
  readonly #parts: ClusterAdminParts

  constructor(parts: ClusterAdminParts) {
    this.#parts = parts
  }

  get #image(): ClusterImage {
    return this.#parts.feed.image
  }

  /** Makes a policy or replaces the one of this name. @throws BrokerError 'invalid-request', 'invalid-config' */
  async putPolicy(name: string, record: PolicyRecord): Promise<void> {
    checkPolicy(name, record, this.#parts.settings)
    const { pattern, priority, applyTo, definition } = record
    const value = JSON.stringify({ pattern, priority, applyTo, definition })
    await this.commit(() => ({ compare: [this.fence()], then: [{ kind: 'put', key: policyKey(name), value }] }))
  }

  /** @throws BrokerError 'invalid-request' if there is none of this name */
  async deletePolicy(name: string): Promise<void> {
    await this.commit(() => {
      if (!this.#image.policies.has(name)) throw invalid(`There is no policy "${name.slice(0, 255)}".`)
      return { compare: [this.fence(), exists(policyKey(name))], then: [{ kind: 'delete', key: policyKey(name) }] }
    })
  }

  /** In the order of their names. */
  listPolicies(): readonly PolicyListing[] {
    const policies = [...this.#image.policies.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
    return policies.map((policy) => {
      const read = readPolicy(policy)
      return { ...policy, fault: typeof read === 'string' ? read : undefined }
    })
  }

  /**
   * Begins to take all replicas from a broker, which need not be up. Asking again changes nothing.
   * @throws BrokerError 'invalid-request' if the broker is not known, or no other could take over
   */
  async startDrain(brokerId: number): Promise<void> {
    await this.#checkKnown(brokerId)
    const record: DrainRecord = { requestedAtMs: this.#parts.clock.nowMs() }
    await this.commit(() => {
      if (this.#image.drains.has(brokerId)) return undefined
      if (!brokerRoles(this.#image).candidates.some(({ id }) => id !== brokerId)) {
        throw invalid(`Broker ${brokerId} cannot be drained: no other broker is up to take its replicas.`)
      }
      return {
        compare: [this.fence()],
        then: [{ kind: 'put', key: drainKey(brokerId), value: JSON.stringify(record) }],
      }
    })
  }

  /** Lets a broker have replicas again; what has been moved away comes back as far as balance wants it. */
  async stopDrain(brokerId: number): Promise<void> {
    await this.commit(() => {
      if (!this.#image.drains.has(brokerId)) return undefined
      return {
        compare: [this.fence(), exists(drainKey(brokerId))],
        then: [{ kind: 'delete', key: drainKey(brokerId) }],
      }
    })
  }

  drainProgress(brokerId: number): DrainProgress {
    return { isRequested: this.#image.drains.has(brokerId), ...this.#holdings(brokerId) }
  }

  /**
   * Forgets the identity of a broker that will not come back, so that another may take its id.
   * @throws BrokerError 'invalid-request' while it is up, holds replicas, or if it is not known
   */
  async removeBroker(brokerId: number): Promise<void> {
    const key = identityKey(brokerId)
    await this.#checkKnown(brokerId)
    await this.commit(() => {
      if (this.#image.brokers.has(brokerId)) throw invalid(`Broker ${brokerId} is up: stop it first.`)
      const { replicaCount } = this.#holdings(brokerId)
      if (replicaCount > 0) {
        throw invalid(`Broker ${brokerId} still holds ${replicaCount} replicas: drain it, then remove it.`)
      }
      return {
        compare: [
          this.fence(),
          exists(key),
          { key: brokerKey(brokerId), target: 'createRevision', operator: '=', value: 0 },
        ],
        then: [
          { kind: 'delete', key },
          { kind: 'delete', key: drainKey(brokerId) },
        ],
      }
    })
  }

  /**
   * Makes a write that is worked out anew from the image whenever one of its comparisons fails.
   * @param make the write, with `fence` among its comparisons; undefined if nothing is to be written; it may throw
   * @throws BrokerError 'timed-out' if others keep changing the same
   */
  async commit(make: () => Transaction | undefined): Promise<void> {
    for (let attempt = 0; attempt < attemptCountMax; attempt++) {
      const transaction = make()
      if (transaction === undefined) return
      const { succeeded, revision } = await storing(this.#parts.store.transaction(transaction))
      const { feed } = this.#parts
      await storing(succeeded ? feed.reached(revision) : feed.reachedOrLate(revision, imageWaitMsMax))
      if (succeeded) return
      await new Promise<void>((resolve) => this.#parts.clock.startTimer(retryMs * (attempt + 1), resolve))
    }
    throw new BrokerError('timed-out', 'Others kept changing the same; try again.')
  }

  /** That this broker is registered as its image says. @throws BrokerError 'not-controller' */
  fence(): Comparison {
    const self = this.#image.brokers.get(this.#parts.brokerId)
    if (self === undefined) throw new BrokerError('not-controller', 'This broker is not registered at present.')
    return brokerFence(self.id, self.epoch)
  }

  async #checkKnown(brokerId: number): Promise<void> {
    if (!Number.isSafeInteger(brokerId) || brokerId < 0 || brokerId > brokerIdMax) {
      throw invalid(`A broker id is a whole number from 0 to ${brokerIdMax}.`)
    }
    if (this.#image.brokers.has(brokerId)) return
    const identity = await storing(this.#parts.store.get(identityKey(brokerId)))
    if (identity === undefined) throw invalid(`There is no broker ${brokerId}.`)
  }

  #holdings(brokerId: number): { replicaCount: number; leaderCount: number } {
    let replicaCount = 0
    let leaderCount = 0
    for (const { state } of allPartitions(this.#image)) {
      if (state.replicas.includes(brokerId)) replicaCount++
      if (state.leader === brokerId) leaderCount++
    }
    return { replicaCount, leaderCount }
  }
}

/** So that a write which succeeds has changed something, and the image shows its revision. */
function exists(key: string): Comparison {
  return { key, target: 'version', operator: '>', value: 0 }
}

function invalid(message: string): BrokerError {
  return new BrokerError('invalid-request', message)
}
