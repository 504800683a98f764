import { storing } from '../cluster/store-failure.ts'
import { operationOverheadBytes } from '../cluster/metadata-store.ts'
import type { MetadataStore, Operation as StoreOperation } from '../cluster/metadata-store.ts'
import { BrokerError } from '../errors/errors.ts'
import { clusterResource, encodeAcl, readAcl } from '../image/acl.ts'
import type { AclRule } from '../image/acl.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import { aclKey, aclPrefix } from '../image/keys.ts'
import { isMeant } from './acl-filter.ts'
import type { AclFilter } from './acl-filter.ts'
import { parsePrincipal } from './principal.ts'

/** Limits of the rules. */
export const aclLimits = {
  /** Of the name of a resource, and of a principal, in UTF-16 units. */
  nameCharactersMax: 1000,
  principalCharactersMax: 500,
  hostCharactersMax: 255,
  /** What is written at a time; rules of one request that are more are written in several steps. */
  stepRuleCountMax: 100,
  stepBytesMax: 1024 * 1024,
} as const

export interface AclAdminParts {
  readonly store: Pick<MetadataStore, 'transaction' | 'range'>
  readonly feed: ImageFeed
  /** Default 50,000. */
  readonly ruleCountMax?: number
}

/** A rule that a filter meant; `error` is undefined if it is gone now. */
export interface AclDeletion {
  readonly rule: AclRule
  readonly error: BrokerError | undefined
}

/** Longest wait for the image to show a write of somebody else that was waited for in vain. */
const imageWaitMsMax = 1000

/** What one transaction does. */
type Write = Extract<StoreOperation, { readonly kind: 'put' | 'delete' }>

/**
 * Makes, lists and removes access rules. When a promise resolves, this broker decides by the new rules; the others follow.
 * Up to a hundred rules are made or removed all at once or not at all; more in several steps, in their order.
 */
export class AclAdmin {
  readonly #parts: AclAdminParts

  constructor(parts: AclAdminParts) {
    this.#parts = parts
  }

  /** The rules that a filter means, those of one resource together; for one that cannot be read, what stands in its place. */
  list(filter: AclFilter): readonly AclRule[] {
    const stored = [...this.#parts.feed.image.acls].toSorted(([a], [b]) => (a < b ? -1 : 1))
    return stored.flatMap(([, { rules }]) => rules.filter((rule) => isMeant(filter, rule)))
  }

  /**
   * Makes rules; one that exists stays as it is. Outcomes are in the order of the rules, undefined for success; a rule that
   * is refused does not keep the others from being made.
   */
  async create(rules: readonly AclRule[]): Promise<readonly (BrokerError | undefined)[]> {
    const outcomes = new Map<AclRule, BrokerError | undefined>(rules.map((rule) => [rule, findFault(rule)]))
    const byKey = new Map<string, AclRule>()
    for (const [rule, fault] of outcomes) if (fault === undefined) byKey.set(aclKey(rule), rule)
    const fresh = [...byKey.keys()].filter((key) => !this.#parts.feed.image.acls.has(key)).length
    const { feed, ruleCountMax = 50_000 } = this.#parts
    const isFull = feed.image.acls.size + fresh > ruleCountMax
    const full = new BrokerError('limit-exceeded', `There would be more than ${ruleCountMax} access rules.`)
    const writes = [...byKey].map(([key, rule]): Write => ({ kind: 'put', key, value: encodeAcl(rule) }))
    const failures = await this.#writeAll(isFull ? [] : writes)
    return rules.map((rule) => outcomes.get(rule) ?? (isFull ? full : failures.get(aclKey(rule))))
  }

  /**
   * Removes the rules that each of the filters means; one that several mean is in the outcome of each. Looks into the store
   * itself: no rule shall stay because this broker has not heard of it yet.
   * @throws BrokerError 'storage', 'stopping' if it cannot be read
   */
  async delete(filters: readonly AclFilter[]): Promise<readonly (readonly AclDeletion[])[]> {
    const { keyValues } = await storing(this.#parts.store.range(aclPrefix))
    const present = keyValues.flatMap(({ key, value }) =>
      readAcl(key.slice(aclPrefix.length), value).rules.map((rule) => ({ key, rule })),
    )
    const meant = filters.map((filter) => present.filter(({ rule }) => isMeant(filter, rule)))
    const keys = new Set(meant.flat().map(({ key }) => key))
    const failures = await this.#writeAll([...keys].map((key): Write => ({ kind: 'delete', key })))
    return meant.map((found) => found.map(({ key, rule }) => ({ rule, error: failures.get(key) })))
  }

  /** Returns, by key, what has failed: that of one step keeps no other from being tried. */
  async #writeAll(writes: readonly Write[]): Promise<ReadonlyMap<string, BrokerError>> {
    const failures = new Map<string, BrokerError>()
    for (const step of stepsOf(writes)) {
      const failure = await this.#write(step)
      if (failure !== undefined) for (const { key } of step) failures.set(key, failure)
    }
    return failures
  }

  async #write(writes: readonly Write[]): Promise<BrokerError | undefined> {
    const { store, feed } = this.#parts
    try {
      const { revision, responses } = await storing(store.transaction({ then: writes }))
      const hasChanged = responses.some((each) => each.kind === 'put' || (each.kind === 'delete' && each.deleted > 0))
      await storing(hasChanged ? feed.reached(revision) : feed.reachedOrLate(revision, imageWaitMsMax))
      return undefined
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error
      return error
    }
  }
}

function stepsOf(writes: readonly Write[]): readonly (readonly Write[])[] {
  const steps: Write[][] = []
  let bytes = 0
  for (const write of writes) {
    const step = steps.at(-1)
    const value = write.kind === 'put' ? write.value : ''
    const more = Buffer.byteLength(write.key) + Buffer.byteLength(value) + operationOverheadBytes
    const { stepRuleCountMax, stepBytesMax } = aclLimits
    if (step === undefined || step.length >= stepRuleCountMax || bytes + more > stepBytesMax) {
      steps.push([write])
      bytes = more
    } else {
      step.push(write)
      bytes += more
    }
  }
  return steps
}

/** What is wrong with a rule that somebody wants to make; undefined if nothing is. */
function findFault(rule: AclRule): BrokerError | undefined {
  const { resourceType, resourceName, principal, host } = rule
  const faults = [
    findNameFault('name of the resource', resourceName, aclLimits.nameCharactersMax),
    findNameFault('principal', principal, aclLimits.principalCharactersMax),
    findNameFault('host', host, aclLimits.hostCharactersMax),
    resourceType === 'cluster' && resourceName !== clusterResource
      ? `The only name of a cluster resource is ${clusterResource}.`
      : undefined,
    parsePrincipal(principal) === undefined ? 'A principal is of the form User:name.' : undefined,
  ]
  const fault = faults.find((each) => each !== undefined)
  return fault === undefined ? undefined : new BrokerError('invalid-request', fault)
}

function findNameFault(what: string, text: string, charactersMax: number): string | undefined {
  if (text === '') return `The ${what} is empty.`
  if (text.length > charactersMax) return `The ${what} has more than ${charactersMax} characters.`
  return text.isWellFormed() ? undefined : `The ${what} is no well-formed text.`
}
