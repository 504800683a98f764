import { BrokerError } from '../errors/errors.ts'
import { brokerTable } from './broker-table.ts'
import type { BrokerSettings, SettingKey } from './broker-table.ts'
import type { ConfigEntry } from './config-entry.ts'
import { formatNumber } from './setting.ts'
import type { Setting } from './setting.ts'

/** The rows of the table without their value types, for code that treats all alike. */
export const settingRows: ReadonlyMap<SettingKey, Setting<unknown>> = new Map(
  Object.entries(brokerTable) as [SettingKey, Setting<unknown>][],
)

const keysByName: ReadonlyMap<string, SettingKey> = new Map([...settingRows].map(([key, row]) => [row.name, key]))

/** The property that holds the setting of this name (`log.retention.ms` -> `retentionMs`). */
export function settingKeyOf(name: string): SettingKey | undefined {
  return keysByName.get(name)
}

/** All names, in the order of the table. */
export const settingNames: readonly string[] = [...keysByName.keys()]

/**
 * Complete settings: `given` over the defaults. Properties that are undefined count as not given, except the optional
 * addresses, where undefined means none.
 * @throws BrokerError 'invalid-config' naming the setting, or the two settings that contradict each other
 */
export function completeSettings(given: Partial<BrokerSettings> = {}): BrokerSettings {
  const complete: Record<string, unknown> = {}
  for (const [key, row] of settingRows) {
    const value = given[key]
    const isNone = key in given && (key === 'httpAddress' || key === 'advertisedAddress')
    const taken = value === undefined && !isNone ? row.default : value
    const fault = row.findFault(taken)
    if (fault !== undefined) throw new BrokerError('invalid-config', `${row.name} ${fault}`)
    complete[key] = taken
  }
  const settings = complete as BrokerSettings
  const fault = findRelationFault(settings)
  if (fault !== undefined) throw new BrokerError('invalid-config', fault)
  return settings
}

/** Pairs of which the first must not exceed the second, with the reason for people. */
const relations: readonly (readonly [SettingKey, SettingKey, string])[] = [
  ['messageBytesMax', 'requestBytesMax', 'the largest batch must fit into a request'],
  ['messageBytesMax', 'tailMemoryBytes', 'the largest batch must fit into the memory tail'],
  ['messageBytesMax', 'journalFileBytes', 'the largest batch must fit into a journal file'],
  ['requestBytesMax', 'requestMemoryBytes', 'one request must fit into the memory for all'],
  ['journalFileBytes', 'journalBytesMax', 'the journal must have room for one file'],
  ['fetchBytesMax', 'connectionOutputBytesMax', 'one fetch answer must fit into the output of a connection'],
  ['connectionOutputPauseBytes', 'connectionOutputBytesMax', 'reading must pause before the connection is closed'],
  ['groupSessionTimeoutMsMin', 'groupSessionTimeoutMsMax', 'the range of session time-outs must not be empty'],
  ['minCompactionLagMs', 'maxCompactionLagMs', 'a record must be allowed to be compacted before it has to be'],
  ['partitionCountDefault', 'partitionCountMax', 'a topic made with defaults must be possible'],
  ['offsetsPartitionCount', 'partitionCountMax', 'the offsets topic must be possible'],
]

/** What contradicts itself in settings that are each valid; undefined if nothing does. */
function findRelationFault(settings: BrokerSettings): string | undefined {
  for (const [smaller, larger, reason] of relations) {
    const low = settings[smaller] as number
    const high = settings[larger] as number
    if (low <= high) continue
    const names = `${brokerTable[smaller].name} (${formatNumber(low)}) must not exceed ${brokerTable[larger].name}`
    return `${names} (${formatNumber(high)}): ${reason}`
  }
  return undefined
}

/** Every broker setting as DescribeConfigs answers it. The running broker cannot change any: all are read-only. */
export function describeBrokerConfigs(settings: BrokerSettings): ConfigEntry[] {
  return [...settingRows].map(([key, row]) => {
    const value = row.format(settings[key])
    const defaultValue = row.format(row.default)
    return {
      name: row.name,
      value,
      defaultValue,
      source: value === defaultValue ? 'default' : 'broker',
      type: row.type,
      documentation: row.documentation,
      readOnly: true,
      sensitive: false,
    }
  })
}
