import type { BrokerSettings } from '../config/broker-table.ts'
import { describeTopicConfigs, findTopicConfigFault } from '../config/topic-settings.ts'
import { BrokerError } from '../errors/errors.ts'
import type { ConfigChange } from './topics.ts'

/** All settings at once. @throws BrokerError 'invalid-config' */
export function replacedConfigs(configs: ReadonlyMap<string, string | null>): ReadonlyMap<string, string> {
  const result = new Map<string, string>()
  for (const [name, value] of configs) {
    if (value === null) throw new BrokerError('invalid-config', `${name} needs a value`)
    check(name, value)
    result.set(name, value)
  }
  return result
}

/** Applies the steps one after the other. @throws BrokerError 'invalid-config' */
export function changedConfigs(
  present: ReadonlyMap<string, string>,
  changes: readonly ConfigChange[],
  broker: BrokerSettings,
): ReadonlyMap<string, string> {
  const result = new Map(present)
  const seen = new Set<string>()
  for (const { name, operation, value } of changes) {
    if (seen.has(name)) throw new BrokerError('invalid-config', `${name} is changed twice in one request`)
    seen.add(name)
    if (operation === 'delete') {
      result.delete(name)
      continue
    }
    if (value === null) throw new BrokerError('invalid-config', `${name} needs a value`)
    const next = operation === 'set' ? value : changedList(name, operation, value, result, broker)
    check(name, next)
    result.set(name, next)
  }
  return result
}

/** Append and subtract work on lists only, on top of the value in force. */
function changedList(
  name: string,
  operation: 'append' | 'subtract',
  value: string,
  present: ReadonlyMap<string, string>,
  broker: BrokerSettings,
): string {
  const entry = describeTopicConfigs(present, broker).find((row) => row.name === name)
  if (entry && entry.type !== 'list') throw new BrokerError('invalid-config', `${name} is not a list`)
  const items = splitList(entry?.value ?? '')
  const given = splitList(value)
  const next = operation === 'append' ? [...new Set([...items, ...given])] : items.filter((i) => !given.includes(i))
  return next.join(',')
}

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function check(name: string, value: string): void {
  const fault = findTopicConfigFault(name, value)
  if (fault !== undefined) throw new BrokerError('invalid-config', fault)
}
