import type { BrokerSettings } from '../config/broker-table.ts'
import {
  findTopicConfigFault,
  findTopicRelationFault,
  topicConfigNames,
  topicSettings,
} from '../config/topic-settings.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Policy, PolicyRecord } from '../image/records.ts'
import { NamePattern } from './name-pattern.ts'
import { PatternSyntaxError } from './pattern-syntax.ts'

/** Where a policy wants replicas, in RabbitMQ's terms. */
export type MirrorMode =
  | { readonly kind: 'all' }
  | { readonly kind: 'exactly'; readonly count: number }
  | { readonly kind: 'nodes'; readonly brokerIds: readonly number[] }

/** What a policy asks for, read from its definition. docs/policies.md explains each key. */
export interface PolicyEffect {
  /** Undefined: the policy says nothing about replicas. */
  readonly mirrors: MirrorMode | undefined
  /** Whether replicas are added to partitions that exist already, without being asked (`ha-sync-mode`). */
  readonly automaticSync: boolean
  /** Whether a replica that is not in sync may lead when all that were are gone; undefined: not said. */
  readonly promotesOnFailure: boolean | undefined
  /** Whether a replica that is not in sync may lead when the last one in sync stops as told. */
  readonly promotesOnShutdown: boolean
  /** Topic settings by Kafka's names, as text. */
  readonly configs: ReadonlyMap<string, string>
}

/** A policy with its pattern compiled. */
export interface ReadPolicy {
  readonly pattern: NamePattern
  readonly effect: PolicyEffect
}

const nameCharactersMax = 255
const definitionKeysMax = 100
const replicaCountMax = 100
const priorityMax = 2 ** 31 - 1

/** Policies are immutable, so each is read once, however many topics it is held against. */
const read = new WeakMap<Policy, ReadPolicy | string>()

/** A policy from the store, or a sentence that says why it can have no effect: something other than `checkPolicy` let it in. */
export function readPolicy(policy: Policy): ReadPolicy | string {
  const known = read.get(policy)
  if (known !== undefined) return known
  const result = parsePolicy(policy)
  read.set(policy, result)
  return result
}

/**
 * Refuses a policy that could not be carried out as written.
 * @throws BrokerError 'invalid-request', or 'invalid-config' for a topic setting
 */
export function checkPolicy(name: string, record: PolicyRecord, broker: BrokerSettings): void {
  if (name === '' || name.length > nameCharactersMax || !name.isWellFormed() || /\p{Cc}/u.test(name)) {
    throw invalid(`The name of a policy has 1 to ${nameCharactersMax} characters, and no control characters.`)
  }
  if (!Number.isSafeInteger(record.priority) || Math.abs(record.priority) > priorityMax) {
    throw invalid(`The priority must be a whole number from -${priorityMax} to ${priorityMax}.`)
  }
  if (!['all', 'topics', 'queues'].includes(record.applyTo)) {
    throw invalid('A policy applies to "all", "topics" or "queues".')
  }
  const result = parsePolicy({ ...record, name })
  if (typeof result === 'string') throw invalid(result)
  for (const [key, value] of result.effect.configs) {
    const fault = findTopicConfigFault(key, value)
    if (fault !== undefined) throw new BrokerError('invalid-config', fault)
  }
  const relationFault = findTopicRelationFault(topicSettings(result.effect.configs, broker))
  if (relationFault !== undefined) throw new BrokerError('invalid-config', relationFault)
}

function parsePolicy(policy: Policy): ReadPolicy | string {
  try {
    if (typeof policy.pattern !== 'string') return 'The pattern must be a text.'
    return { pattern: NamePattern.parse(policy.pattern), effect: parseDefinition(policy.definition) }
  } catch (error) {
    if (error instanceof PatternSyntaxError) return `The pattern ${error.message}.`
    if (error instanceof BrokerError) return error.message
    throw error
  }
}

const mirrorKeys = ['ha-mode', 'ha-params', 'ha-sync-mode', 'ha-promote-on-failure', 'ha-promote-on-shutdown']
const settingKeys: ReadonlySet<string> = new Set(topicConfigNames)

function parseDefinition(definition: unknown): PolicyEffect {
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) {
    throw invalid('The definition must be an object of keys and values.')
  }
  const entries = Object.entries(definition as Record<string, unknown>)
  if (entries.length === 0) throw invalid('The definition is empty: the policy would do nothing.')
  if (entries.length > definitionKeysMax) throw invalid(`A definition has at most ${definitionKeysMax} keys.`)
  const configs = new Map<string, string>()
  const keys = new Map<string, unknown>()
  for (const [key, value] of entries) {
    if (mirrorKeys.includes(key)) keys.set(key, value)
    else configs.set(key, configText(key, value))
  }
  const onFailure = keys.has('ha-promote-on-failure') ? isAlways(keys, 'ha-promote-on-failure') : undefined
  return {
    mirrors: parseMirrors(keys),
    automaticSync: word(keys, 'ha-sync-mode', ['manual', 'automatic']) === 'automatic',
    promotesOnFailure: onFailure,
    promotesOnShutdown: isAlways(keys, 'ha-promote-on-shutdown'),
    configs,
  }
}

function parseMirrors(keys: ReadonlyMap<string, unknown>): MirrorMode | undefined {
  const params = keys.get('ha-params')
  if (!keys.has('ha-mode')) {
    if (keys.size > 0 && (keys.has('ha-params') || keys.has('ha-sync-mode'))) {
      throw invalid('ha-params and ha-sync-mode mean nothing without ha-mode.')
    }
    return undefined
  }
  switch (word(keys, 'ha-mode', ['all', 'exactly', 'nodes'])) {
    case 'all':
      if (keys.has('ha-params')) throw invalid('ha-mode "all" takes no ha-params.')
      return { kind: 'all' }
    case 'exactly':
      if (!isWhole(params, 1, replicaCountMax)) {
        throw invalid(`ha-mode "exactly" needs ha-params: the number of replicas, 1 to ${replicaCountMax}.`)
      }
      return { kind: 'exactly', count: params }
    case 'nodes':
      return { kind: 'nodes', brokerIds: parseBrokerIds(params) }
  }
}

function parseBrokerIds(params: unknown): readonly number[] {
  const problem = `ha-mode "nodes" needs ha-params: a list of 1 to ${replicaCountMax} different broker ids, such as [1, 2].`
  if (!Array.isArray(params) || params.length === 0 || params.length > replicaCountMax) throw invalid(problem)
  const ids: number[] = []
  for (const id of params as unknown[]) {
    if (!isWhole(id, 0, priorityMax) || ids.includes(id)) throw invalid(problem)
    ids.push(id)
  }
  return ids
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
}

function isAlways(keys: ReadonlyMap<string, unknown>, key: string): boolean {
  return word(keys, key, ['when-synced', 'always']) === 'always'
}

/** One of a few words; the first is the default. */
function word<const W extends readonly string[]>(keys: ReadonlyMap<string, unknown>, key: string, words: W): W[number] {
  if (!keys.has(key)) return words[0]!
  const found = words.find((each) => each === keys.get(key))
  if (found === undefined) throw invalid(`${key} must be ${words.map((each) => `"${each}"`).join(' or ')}.`)
  return found
}

function configText(key: string, value: unknown): string {
  if (!settingKeys.has(key)) {
    const known = `${mirrorKeys.join(', ')}, or the name of a topic setting`
    throw invalid(`Unknown key "${key.slice(0, 100)}" in the definition; a key is one of ${known}.`)
  }
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return String(value)
  throw invalid(`${key} must be a text, a number, true or false.`)
}

function invalid(message: string): BrokerError {
  return new BrokerError('invalid-request', message)
}
