import { everybody, wildcard } from '../image/acl.ts'
import type { AclRule, Operation, ResourceType } from '../image/acl.ts'

/** Who asks, in the form in which rules name them. */
export interface Subject {
  /** `User:alice`. */
  readonly principal: string
  /** In the form of `canonicalHost`. */
  readonly host: string
}

/** What the rules say about one resource. */
export type Verdict = 'allowed' | 'denied' | 'no-rule-for-resource'

/** A rule as it is compared: the host in the one form that it has. */
interface Entry {
  readonly rule: AclRule
  readonly host: string
}

type Entries = Map<string, Entry>

/** The rules of one type of resource, by the name that they are about. */
interface Section {
  readonly literal: Map<string, Entries>
  readonly prefixed: Map<string, Entries>
  /** Lengths of the names in `prefixed`, with how many are of it. */
  readonly prefixLengths: Map<number, number>
}

/** Operations that include another one, where they are allowed; who is denied one of them is not denied the other. */
const impliedBy: Partial<Record<Operation, ReadonlySet<AclRule['operation']>>> = {
  describe: new Set(['describe', 'read', 'write', 'delete', 'alter']),
  'describe-configs': new Set(['describe-configs', 'alter-configs']),
}

/**
 * Access rules, found by what they are about. The rules of Kafka's StandardAuthorizer: all rules for the resource's name,
 * for a prefix of it and for `*` count; one that denies outweighs all that allow.
 */
export class AclIndex {
  readonly #sections = new Map<ResourceType, Section>()

  /** @param key tells rules apart: a second rule under it takes the place of the first if both are about the same name */
  add(key: string, rule: AclRule): void {
    const section = this.#sections.get(rule.resourceType) ?? {
      literal: new Map<string, Entries>(),
      prefixed: new Map<string, Entries>(),
      prefixLengths: new Map<number, number>(),
    }
    this.#sections.set(rule.resourceType, section)
    const byName = section[rule.patternType]
    const entries = byName.get(rule.resourceName)
    if (entries !== undefined) {
      entries.set(key, { rule, host: canonicalHost(rule.host) })
      return
    }
    byName.set(rule.resourceName, new Map([[key, { rule, host: canonicalHost(rule.host) }]]))
    if (rule.patternType === 'prefixed') countLength(section, rule.resourceName.length, 1)
  }

  remove(key: string, rule: AclRule): void {
    const section = this.#sections.get(rule.resourceType)
    const entries = section?.[rule.patternType].get(rule.resourceName)
    if (section === undefined || entries === undefined) return
    entries.delete(key)
    if (entries.size > 0) return
    section[rule.patternType].delete(rule.resourceName)
    if (rule.patternType === 'prefixed') countLength(section, rule.resourceName.length, -1)
  }

  judge(subject: Subject, operation: Operation, type: ResourceType, name: string): Verdict {
    const section = this.#sections.get(type)
    if (section === undefined) return 'no-rule-for-resource'
    let hasRules = false
    let isAllowed = false
    for (const entries of entriesFor(section, name)) {
      hasRules = true
      for (const { rule, host } of entries.values()) {
        if (!isAbout(rule, host, subject)) continue
        if (rule.permission === 'deny') {
          if (rule.operation === operation || rule.operation === 'all') return 'denied'
        } else if (includes(rule.operation, operation)) isAllowed = true
      }
    }
    if (!hasRules) return 'no-rule-for-resource'
    return isAllowed ? 'allowed' : 'denied'
  }

  /**
   * Whether there is a name for which the operation is allowed by a rule that no denial outweighs. Rules for operations
   * that merely include it do not count (KIP-679).
   */
  judgeSomewhere(subject: Subject, operation: Operation, type: ResourceType): boolean {
    const section = this.#sections.get(type)
    if (section === undefined) return false
    const allowed = namesWith('allow', section, subject, operation)
    const denied = namesWith('deny', section, subject, operation)
    if (denied.literal.has(wildcard)) return false
    if (allowed.literal.has(wildcard)) return true
    const isFree = (name: string): boolean => !prefixesOf(name).some((prefix) => denied.prefixed.has(prefix))
    for (const name of allowed.prefixed) if (isFree(name)) return true
    for (const name of allowed.literal) if (!denied.literal.has(name) && isFree(name)) return true
    return false
  }
}

function* entriesFor({ literal, prefixed, prefixLengths }: Section, name: string): Iterable<Entries> {
  const own = literal.get(name)
  if (own !== undefined) yield own
  const all = name === wildcard ? undefined : literal.get(wildcard)
  if (all !== undefined) yield all
  for (const length of prefixLengths.keys()) {
    const entries = length > name.length ? undefined : prefixed.get(name.slice(0, length))
    if (entries !== undefined) yield entries
  }
}

function countLength({ prefixLengths }: Section, length: number, change: 1 | -1): void {
  const count = (prefixLengths.get(length) ?? 0) + change
  if (count === 0) prefixLengths.delete(length)
  else prefixLengths.set(length, count)
}

function isAbout(rule: AclRule, host: string, subject: Subject): boolean {
  if (rule.principal !== subject.principal && rule.principal !== everybody) return false
  return host === wildcard || host === subject.host
}

function includes(granted: AclRule['operation'], wanted: Operation): boolean {
  return granted === wanted || granted === 'all' || impliedBy[wanted]?.has(granted) === true
}

function namesWith(
  permission: AclRule['permission'],
  section: Section,
  subject: Subject,
  operation: Operation,
): { literal: Set<string>; prefixed: Set<string> } {
  const isMeant = ({ rule, host }: Entry): boolean =>
    rule.permission === permission &&
    (rule.operation === operation || rule.operation === 'all') &&
    isAbout(rule, host, subject)
  const pick = (byName: Section['literal']): Set<string> =>
    new Set([...byName].filter(([, entries]) => entries.values().some(isMeant)).map(([name]) => name))
  return { literal: pick(section.literal), prefixed: pick(section.prefixed) }
}

/** Of every length, the whole name too. */
function prefixesOf(name: string): string[] {
  return Array.from({ length: name.length }, (_, at) => name.slice(0, at + 1))
}

/**
 * One text for each address: IPv6 as RFC 5952 writes it, and IPv4 as such, also where it came as an IPv6 one. Anything
 * that is no address stays as it is, and matches no client.
 */
export function canonicalHost(host: string): string {
  if (!host.includes(':')) return host
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(host)
  if (mapped !== null) return mapped[1]!
  return URL.parse(`http://[${host}]`)?.hostname.slice(1, -1) ?? host
}
