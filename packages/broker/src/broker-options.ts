import { settingKeyOf, settingRows } from './config/broker-settings.ts'
import type { SettingKey } from './config/broker-table.ts'
import { suggestionFor } from './config/nearest.ts'
import { BrokerError } from './errors/errors.ts'

/** What an embedder may bring: what it must have, and what is probably meant by somebody who gives anything else. */
const parts: Readonly<Record<string, { readonly has: readonly string[]; readonly hint: string }>> = {
  host: { has: ['clock', 'disk', 'network', 'random'], hint: 'to listen elsewhere, set kafkaAddress: { host, port }' },
  logger: { has: ['debug', 'info', 'warn', 'error'], hint: 'console is one' },
  authenticator: {
    has: ['mechanisms', 'begin', 'checkPassword'],
    hint: "for users of the cluster, set saslMechanisms: ['SCRAM-SHA-256']",
  },
  authorizer: {
    has: ['isAllowed', 'isAllowedSomewhere'],
    hint: "for access rules, set authorizerKind: 'acl'",
  },
}

/**
 * Refuses options that the types forbid, for those whose program is not checked: what is not known would be ignored, and
 * what is no object would fail at the first request.
 * @throws BrokerError 'invalid-config' with a sentence for the user
 */
export function checkOptions(options: object): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const fault = findFault(name, value)
    if (fault !== undefined) throw new BrokerError('invalid-config', `startBroker: ${fault}`)
  }
}

function findFault(name: string, value: unknown): string | undefined {
  const part = Object.hasOwn(parts, name) ? parts[name] : undefined
  if (part === undefined && !settingRows.has(name as SettingKey)) return unknownOption(name)
  if (value === undefined) return undefined
  if (part !== undefined) {
    const missing = part.has.filter((each) => !hasMember(value, each))
    if (missing.length === 0) return undefined
    return `${name} must be an object with ${part.has.join(', ')}, not ${shown(value, missing)}; ${part.hint}`
  }
  const wanted = wantedForm(name as SettingKey)
  return isOfForm(value, wanted) ? undefined : `${name} must be ${formNames[wanted]}, not ${shown(value)}`
}

function unknownOption(name: string): string {
  const key = settingKeyOf(name)
  if (key !== undefined) return `the setting ${name} is the option ${key} here`
  return `there is no option ${name}${suggestionFor(name, [...Object.keys(parts), ...settingRows.keys()])}`
}

function hasMember(value: unknown, member: string): boolean {
  return typeof value === 'object' && value !== null && member in value
}

const formNames = {
  address: 'an object { host, port }',
  list: 'a list',
  number: 'a number',
  boolean: 'true or false',
  string: 'a text',
} as const
type Form = keyof typeof formNames

const addressKeys: ReadonlySet<SettingKey> = new Set(['kafkaAddress', 'httpAddress', 'advertisedAddress'])

function wantedForm(key: SettingKey): Form {
  if (addressKeys.has(key)) return 'address'
  const { type } = settingRows.get(key)!
  return type === 'int' || type === 'long' || type === 'double' ? 'number' : type
}

function isOfForm(value: unknown, form: Form): boolean {
  if (form === 'address') {
    const { host, port } = Object(value) as { host?: unknown; port?: unknown }
    return typeof host === 'string' && typeof port === 'number'
  }
  return form === 'list' ? Array.isArray(value) : typeof value === form
}

/** Never the whole of what it is: it may hold a secret. */
function shown(value: unknown, missing: readonly string[] = []): string {
  if (typeof value === 'string') return `the text "${value.slice(0, 40)}"`
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'function') return 'a function'
  return missing.length === 0 ? 'an object of another form' : `one without ${missing.join(', ')}`
}
