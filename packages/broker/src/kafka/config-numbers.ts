import type { ConfigEntry } from '../topic/topics.ts'

/** Numbers of ConfigResource.Type that are served. */
export const resourceTypes = { topic: 2, broker: 4, group: 32 } as const

const sources = { topic: 1, broker: 4, default: 5, group: 8 } as const satisfies Record<ConfigEntry['source'], number>

const types = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const satisfies Record<
  ConfigEntry['type'],
  number
>

/** DescribeConfigsResponse.ConfigSource. */
export function configSource(entry: ConfigEntry): number {
  return sources[entry.source]
}

/** DescribeConfigsResponse.ConfigType. */
export function configType(entry: ConfigEntry): number {
  return types[entry.type]
}

/** The value as it may be shown. */
export function shownValue(entry: ConfigEntry): string | null {
  return entry.sensitive ? null : entry.value
}

/** Every place that has a say in the value, the winning one first. */
export function synonymsOf(entry: ConfigEntry): { name: string; value: string | null; source: number }[] {
  const name = entry.brokerSynonym ?? entry.name
  const value = entry.sensitive ? null : entry.defaultValue
  if (entry.source === 'topic' || entry.source === 'group') {
    return [
      { name: entry.name, value: shownValue(entry), source: sources[entry.source] },
      { name, value, source: sources.default },
    ]
  }
  const own = { name, value: shownValue(entry), source: sources[entry.source] }
  return entry.source === 'broker' && entry.defaultValue !== entry.value
    ? [own, { name, value, source: sources.default }]
    : [own]
}
