import { BrokerError } from '../errors/errors.ts'
import type { BrokerSettings, SettingKey } from './broker-table.ts'
import { completeSettings, settingKeyOf, settingNames, settingRows } from './broker-settings.ts'
import { suggestionFor } from './nearest.ts'
import type { Fault, FileEntry } from './yaml-source.ts'

export interface SettingSources {
  /** What `readYamlSettings` found in the configuration file. Not read here, so that a start without one loads no YAML. */
  file?: { name: string; entries: readonly FileEntry[] } | undefined
  /** The environment; only names that start with `POLYLOG_` are looked at. */
  environment?: Readonly<Record<string, string | undefined>> | undefined
  /** `name` and `value` of flags, in their order. `flag` is how the user wrote it, for messages. */
  flags?: readonly { name: string; value: string; flag: string }[] | undefined
}

export interface LoadedSettings {
  settings: BrokerSettings
  /** Where each setting that is not a default comes from: `polylog.yaml`, `POLYLOG_LOG_LEVEL`, `--set`. */
  origins: ReadonlyMap<string, string>
  /** What the user should know but what does not stop the start. */
  warnings: readonly string[]
}

/** Variables with this prefix that are not settings: they belong to the command line. */
const otherVariables = new Set([
  'POLYLOG_CONFIG',
  'POLYLOG_BROKER',
  'POLYLOG_HTTP',
  'POLYLOG_USER',
  'POLYLOG_PASSWORD',
  'POLYLOG_SASL_MECHANISM',
])

/**
 * Settings from all sources, rising in precedence: defaults, file, environment, flags.
 * @throws BrokerError 'invalid-config' with a message that names the place
 */
export function loadSettings(sources: SettingSources): LoadedSettings {
  const given: Partial<Record<SettingKey, unknown>> = {}
  const origins = new Map<string, string>()
  const warnings: string[] = []
  const take = (name: string, text: string, origin: string, nameFault: Fault, valueFault = nameFault): void => {
    const key = settingKeyOf(name)
    if (key === undefined) throw nameFault(`unknown setting "${name}"${suggestionFor(name, settingNames)}`)
    const parsed = settingRows.get(key)!.parse(text)
    if ('fault' in parsed) throw valueFault(`${name} ${parsed.fault}`)
    given[key] = parsed.value
    origins.set(name, origin)
  }

  const file = sources.file
  if (file !== undefined) {
    for (const { name, text, nameFault, valueFault } of file.entries) {
      take(name, text, file.name, nameFault, valueFault)
    }
  }
  for (const [variable, text] of Object.entries(sources.environment ?? {})) {
    if (!variable.startsWith('POLYLOG_') || text === undefined || otherVariables.has(variable)) continue
    const name = namesByVariable.get(variable)
    // Not an error: Kubernetes puts POLYLOG_PORT and the like into every container beside a service called "polylog".
    if (name === undefined) {
      const hint = suggestionFor(variable, namesByVariable.keys())
      warnings.push(`the environment variable ${variable} is not a setting and has no effect${hint}`)
    } else take(name, text, variable, (what) => new BrokerError('invalid-config', `${variable}: ${what}`))
  }
  for (const { name, value, flag } of sources.flags ?? []) {
    take(name, value, flag, (what) => new BrokerError('invalid-config', `${flag}: ${what}`))
  }
  return { settings: completeSettings(given as Partial<BrokerSettings>), origins, warnings }
}

/** What is wrong with a setting as it was written; undefined if nothing is, by itself. */
export function findSettingFault(name: string, text: string): string | undefined {
  const key = settingKeyOf(name)
  if (key === undefined) return `unknown setting "${name}"${suggestionFor(name, settingNames)}`
  const parsed = settingRows.get(key)!.parse(text)
  return 'fault' in parsed ? `${name} ${parsed.fault}` : undefined
}

/** The environment variable of a setting: `log.retention.ms` -> `POLYLOG_LOG_RETENTION_MS`. */
export function variableOf(name: string): string {
  return `POLYLOG_${name.replaceAll('.', '_').toUpperCase()}`
}

const namesByVariable: ReadonlyMap<string, string> = new Map(settingNames.map((name) => [variableOf(name), name]))
