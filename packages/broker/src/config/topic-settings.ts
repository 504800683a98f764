import { assert } from '../errors/errors.ts'
import { brokerTable } from './broker-table.ts'
import type { BrokerSettings } from './broker-table.ts'
import type { ConfigEntry } from './config-entry.ts'
import { suggestionFor } from './nearest.ts'
import type { Setting } from './setting.ts'
import { formatNumber } from './setting.ts'
import { formerTopicConfigs, topicTable, typeMax } from './topic-table.ts'
import type { TopicRow } from './topic-table.ts'

/** The settings of one topic with everything resolved: its own over the broker's. */
export interface TopicSettings {
  cleanupCompact: boolean
  cleanupDelete: boolean
  deleteRetentionMs: number
  indexIntervalBytes: number
  maxCompactionLagMs: number
  messageBytesMax: number
  logAppendTime: boolean
  timestampBeforeMsMax: number
  timestampAfterMsMax: number
  minCleanableDirtyRatio: number
  minCompactionLagMs: number
  minInsyncReplicas: number
  /** -1: no limit. */
  retentionBytes: number
  /** -1: for ever. */
  retentionMs: number
  segmentBytes: number
  segmentIndexBytes: number
  segmentMs: number
  segmentJitterMs: number
  uncleanLeaderElection: boolean
  durability: 'fsync' | 'os' | 'memory'
  /** Every assigned replica must have a record before it is committed, not only those in sync. */
  commitOnAllReplicas: boolean
}

/** Texts longer than this are refused before they are looked at. */
const valueCharactersMax = 4096

/** All names of topic settings, sorted. */
export const topicConfigNames: readonly string[] = Object.keys(topicTable)

/**
 * The settings in force for a topic.
 * @param overrides what was set on the topic; each must have passed `findTopicConfigFault`
 */
export function topicSettings(overrides: ReadonlyMap<string, string>, broker: BrokerSettings): TopicSettings {
  const text = (name: string): string => (overrides.get(name) ?? defaultOf(topicTable[name]!, broker).value).trim()
  const number = (name: string): number => {
    const value = Number(text(name))
    assert(!Number.isNaN(value), `topic setting ${name} was stored without a check`)
    return value
  }
  const policies = listOf(text('cleanup.policy'))
  return {
    cleanupCompact: policies.includes('compact'),
    cleanupDelete: policies.includes('delete'),
    deleteRetentionMs: number('delete.retention.ms'),
    indexIntervalBytes: number('index.interval.bytes'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    messageBytesMax: number('max.message.bytes'),
    logAppendTime: text('message.timestamp.type') === 'LogAppendTime',
    timestampBeforeMsMax: number('message.timestamp.before.max.ms'),
    timestampAfterMsMax: number('message.timestamp.after.max.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    minInsyncReplicas: number('min.insync.replicas'),
    retentionBytes: number('retention.bytes'),
    retentionMs: number('retention.ms'),
    segmentBytes: number('segment.bytes'),
    segmentIndexBytes: number('segment.index.bytes'),
    segmentMs: number('segment.ms'),
    segmentJitterMs: number('segment.jitter.ms'),
    uncleanLeaderElection: text('unclean.leader.election.enable').toLowerCase() === 'true',
    durability: text('polylog.durability') as TopicSettings['durability'],
    commitOnAllReplicas: text('polylog.acks.replicas') === 'all',
  }
}

/** What is wrong with setting `name` to `value` on a topic, as a sentence; undefined if it may be set. */
export function findTopicConfigFault(name: string, value: string): string | undefined {
  const row = Object.hasOwn(topicTable, name) ? topicTable[name] : undefined
  if (row === undefined) {
    const former = Object.hasOwn(formerTopicConfigs, name) ? formerTopicConfigs[name] : undefined
    if (former !== undefined) return `${name} ${former}.`
    return `Unknown topic setting "${name.slice(0, 100)}"${suggestionFor(name, topicConfigNames) || '.'}`
  }
  if (value.length > valueCharactersMax) return `${name} must have at most ${valueCharactersMax} characters.`
  const fault = findFormFault(row, value)
  if (fault !== undefined) return `${name} ${fault}.`
  const refusal = row.refuse?.(row.type === 'boolean' ? value.trim().toLowerCase() : value.trim())
  return refusal === undefined ? undefined : `${name}=${value} is not supported: ${refusal}.`
}

/** Settings of a topic that are each valid but contradict each other; undefined if none do. */
export function findTopicRelationFault(settings: TopicSettings): string | undefined {
  const { minCompactionLagMs, maxCompactionLagMs } = settings
  if (minCompactionLagMs <= maxCompactionLagMs) return undefined
  const low = formatNumber(minCompactionLagMs)
  return `min.compaction.lag.ms (${low}) must not exceed max.compaction.lag.ms (${formatNumber(maxCompactionLagMs)}).`
}

/** Every topic setting with the value in force, in the order of their names. */
export function describeTopicConfigs(overrides: ReadonlyMap<string, string>, broker: BrokerSettings): ConfigEntry[] {
  return Object.entries(topicTable).map(([name, row]) => {
    const own = overrides.get(name)
    const inherited = defaultOf(row, broker)
    return {
      name,
      value: own ?? inherited.value,
      defaultValue: inherited.value,
      source: own === undefined ? inherited.source : 'topic',
      type: row.type,
      documentation: row.documentation,
      readOnly: false,
      sensitive: false,
      ...(row.synonym === undefined ? {} : { brokerSynonym: brokerTable[row.synonym].name }),
    }
  })
}

function defaultOf(row: TopicRow, broker: BrokerSettings): { value: string; source: 'broker' | 'default' } {
  if (row.synonym === undefined) return { value: row.default ?? '', source: 'default' }
  const setting = brokerTable[row.synonym] as Setting<unknown>
  const value = setting.format(broker[row.synonym])
  return { value, source: value === setting.format(setting.default) ? 'default' : 'broker' }
}

function findFormFault(row: TopicRow, value: string): string | undefined {
  switch (row.type) {
    case 'boolean':
      return /^(true|false)$/i.test(value.trim()) ? undefined : `must be true or false, not "${value}"`
    case 'int':
    case 'long':
    case 'double':
      return findNumberFault(row, value.trim())
    case 'list':
      return findListFault(row, value)
    case 'string':
      if (row.choices === undefined || row.choices.includes(value.trim())) return undefined
      return `must be one of ${row.choices.join(', ')}, not "${value}"`
  }
}

function findNumberFault(row: TopicRow, text: string): string | undefined {
  const form = row.type === 'double' ? /^-?\d+(\.\d+)?([eE]-?\d{1,2})?$/ : /^-?\d{1,19}$/
  if (!form.test(text)) return `must be a ${row.type === 'double' ? '' : 'whole '}number, not "${text}"`
  const max = row.max ?? typeMax(row.type)
  const min = row.min ?? -max
  const value = Number(text)
  // Beyond 2^53 the double is rounded, so that the largest long itself needs the exact comparison.
  const isTooLarge = row.type === 'long' ? BigInt(text) > 9223372036854775807n : value > max
  if (isTooLarge || value > max) return `must be at most ${formatNumber(max)}, not ${text}`
  return value < min ? `must be at least ${formatNumber(min)}, not ${text}` : undefined
}

function findListFault(row: TopicRow, value: string): string | undefined {
  if (row.choices === undefined) return undefined
  const elements = listOf(value)
  if (elements.length === 0) return `must name at least one of ${row.choices.join(', ')}`
  const wrong = elements.find((element) => !row.choices!.includes(element))
  return wrong === undefined ? undefined : `must be a list of ${row.choices.join(', ')}, not "${wrong}"`
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '')
}
