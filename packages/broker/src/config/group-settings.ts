import { assert } from '../errors/errors.ts'
import type { ConfigEntry } from './config-entry.ts'
import { groupTable } from './group-table.ts'
import { suggestionFor } from './nearest.ts'
import type { Setting } from './setting.ts'

type GroupTable = typeof groupTable

/** The settings of one group with everything resolved. */
export type GroupSettings = {
  readonly [Key in keyof GroupTable]: GroupTable[Key] extends Setting<infer Value> ? Value : never
}

const rows: readonly [key: string, row: Setting<unknown>][] = Object.entries(groupTable)
const rowsByName = new Map(rows.map(([, row]) => [row.name, row]))
const valueCharactersMax = 4096

/** @param overrides what was set; each must have passed `findGroupConfigFault` */
export function groupSettings(overrides: ReadonlyMap<string, string>): GroupSettings {
  const settings: Record<string, unknown> = {}
  for (const [key, row] of rows) {
    const text = overrides.get(row.name)
    const parsed = text === undefined ? { value: row.default } : row.parse(text)
    assert('value' in parsed, `group setting ${row.name} was stored without a check`)
    settings[key] = parsed.value
  }
  return settings as GroupSettings
}

/** What is wrong with setting `name` to `value` on a group, as a sentence; undefined if it may be set. */
export function findGroupConfigFault(name: string, value: string): string | undefined {
  const row = rowsByName.get(name)
  if (row === undefined) {
    return `Unknown group setting "${name.slice(0, 100)}"${suggestionFor(name, [...rowsByName.keys()]) || '.'}`
  }
  if (value.length > valueCharactersMax) return `${name} must have at most ${valueCharactersMax} characters.`
  const parsed = row.parse(value)
  return 'fault' in parsed ? `${name} ${parsed.fault}.` : undefined
}

/** Settings of a group that are each valid but contradict each other; undefined if none do. */
export function findGroupRelationFault(settings: GroupSettings): string | undefined {
  const { heartbeatIntervalMs, sessionTimeoutMs } = settings
  if (heartbeatIntervalMs < sessionTimeoutMs) return undefined
  const { heartbeatIntervalMs: beat, sessionTimeoutMs: session } = groupTable
  return `${beat.name} (${heartbeatIntervalMs}) must be less than ${session.name} (${sessionTimeoutMs}).`
}

/** Every setting of a group with the value in force. */
export function describeGroupConfigs(overrides: ReadonlyMap<string, string>): ConfigEntry[] {
  return rows
    .map(([, row]): ConfigEntry => {
      const defaultValue = row.format(row.default)
      const own = overrides.get(row.name)
      return {
        name: row.name,
        value: own ?? defaultValue,
        defaultValue,
        source: own === undefined ? 'default' : 'group',
        type: row.type,
        documentation: row.documentation,
        readOnly: false,
        sensitive: false,
      }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
