import { operations } from '../image/acl.ts'
import type { AclRule, Operation, ResourceType } from '../image/acl.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import { AclIndex, canonicalHost } from './acl-index.ts'
import type { Subject } from './acl-index.ts'
import type { Authorizer, Resource } from './authorizer.ts'
import { formatPrincipal } from './principal.ts'
import type { Principal } from './principal.ts'

export interface AclAuthorizerOptions {
  /** `User:admin`: may do everything, whatever the rules say. */
  readonly superUsers?: Iterable<string>
  /** Whether everybody may do everything with a resource that no rule is about. Default false. */
  readonly allowsIfNoRule?: boolean
  /** Most decisions that are remembered: names of resources come from clients. Beyond it all are forgotten. */
  readonly decisionCountMax?: number
}

/**
 * What was decided for one client, by type and name of the resource. Of each number, the low 16 bits say which operations
 * were asked for, the high ones which of them are allowed.
 */
type Decisions = Map<ResourceType, Map<string, number>>

const bitOf = Object.fromEntries(operations.map((operation, at) => [operation, 1 << at])) as Record<Operation, number>

/**
 * Decides by access rules, as Kafka's StandardAuthorizer does: a denial outweighs what is allowed; a rule is about one
 * name, a prefix or all; read, write, delete and alter include describe, alter-configs includes describe-configs.
 *
 * A decision is remembered until any rule changes, so that the next one costs three look-ups.
 */
export class AclAuthorizer implements Authorizer {
  readonly #superUsers: ReadonlySet<string>
  readonly #allowsIfNoRule: boolean
  readonly #decisionCountMax: number
  readonly #index = new AclIndex()
  #remembered = new WeakMap<Principal, Map<string, Decisions>>()
  #rememberedCount = 0

  constructor({ superUsers = [], allowsIfNoRule = false, decisionCountMax = 100_000 }: AclAuthorizerOptions = {}) {
    this.#superUsers = new Set(superUsers)
    this.#allowsIfNoRule = allowsIfNoRule
    this.#decisionCountMax = decisionCountMax
  }

  /** Decisions in memory. */
  get rememberedCount(): number {
    return this.#rememberedCount
  }

  add(key: string, rule: AclRule): void {
    this.#index.add(key, rule)
    this.#forget()
  }

  remove(key: string, rule: AclRule): void {
    this.#index.remove(key, rule)
    this.#forget()
  }

  isAllowed(principal: Principal, host: string, operation: Operation, { type, name }: Resource): boolean {
    const decisions = this.#decisionsOf(principal, host, type)
    const known = decisions.get(name) ?? 0
    const bit = bitOf[operation]
    if ((known & bit) !== 0) return (known & (bit << 16)) !== 0
    const isAllowed = this.#decide(subjectOf(principal, host), operation, type, name)
    if (known === 0 && ++this.#rememberedCount > this.#decisionCountMax) {
      this.#forget()
      return isAllowed
    }
    decisions.set(name, known | bit | (isAllowed ? bit << 16 : 0))
    return isAllowed
  }

  isAllowedSomewhere(principal: Principal, host: string, operation: Operation, type: ResourceType): boolean {
    const subject = subjectOf(principal, host)
    // As Kafka does, with a name that no rule is likely to be about: super users, and whoever may do what no rule is about.
    if (this.#decide(subject, operation, type, 'hardcode')) return true
    return this.#index.judgeSomewhere(subject, operation, type)
  }

  #decide(subject: Subject, operation: Operation, type: ResourceType, name: string): boolean {
    if (this.#superUsers.has(subject.principal)) return true
    const verdict = this.#index.judge(subject, operation, type, name)
    return verdict === 'allowed' || (verdict === 'no-rule-for-resource' && this.#allowsIfNoRule)
  }

  #decisionsOf(principal: Principal, host: string, type: ResourceType): Map<string, number> {
    let byHost = this.#remembered.get(principal)
    if (byHost === undefined) this.#remembered.set(principal, (byHost = new Map()))
    let byType = byHost.get(host)
    if (byType === undefined) byHost.set(host, (byType = new Map()))
    let byName = byType.get(type)
    if (byName === undefined) byType.set(type, (byName = new Map()))
    return byName
  }

  #forget(): void {
    this.#remembered = new WeakMap()
    this.#rememberedCount = 0
  }
}

function subjectOf(principal: Principal, host: string): Subject {
  return { principal: formatPrincipal(principal), host: canonicalHost(host) }
}

/** Keeps the rules as the metadata store has them. Returns what ends that. */
export function followAcls(feed: ImageFeed, authorizer: Pick<AclAuthorizer, 'add' | 'remove'>): () => void {
  const { image } = feed
  for (const [key, { rules }] of image.acls) for (const rule of rules) authorizer.add(key, rule)
  return feed.onChange(({ acls }) => {
    for (const [key, before] of acls) {
      for (const rule of before?.rules ?? []) authorizer.remove(key, rule)
      for (const rule of image.acls.get(key)?.rules ?? []) authorizer.add(key, rule)
    }
  })
}
