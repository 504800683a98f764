import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { formatAddress } from '../config/address.ts'
import type { HostPort } from '../config/address.ts'
import type { BrokerSettings } from '../config/broker-table.ts'
import { loadSettings } from '../config/load-settings.ts'
import type { LoadedSettings, SettingSources } from '../config/load-settings.ts'
import { jsonLogger } from '../telemetry/json-logger.ts'
import type { Logger } from '../telemetry/logger.ts'
import { textLogger } from '../telemetry/text-logger.ts'
import { commandPrefix } from './command-prefix.ts'
import type { Command, CommandContext } from './command.ts'
import { firstUserFlags, jsonFlag } from './flags.ts'
import { CommandError, exitCodes } from './exit-code.ts'
import { expectSettings } from './setting-flags.ts'
import { shellWord } from './shell-word.ts'

/** The broker as this command sees it. */
export interface RunningBroker {
  kafka: HostPort
  http: HostPort | undefined
  stop(): Promise<void>
}

export type StartBroker = (settings: BrokerSettings, logger: Logger) => Promise<RunningBroker>

/** Flags that stand for a setting. */
const settingFlags: Readonly<Record<string, string>> = {
  data: 'data.directory',
  kafka: 'kafka.address',
  http: 'http.address',
  advertised: 'advertised.address',
  durability: 'durability',
  metadata: 'metadata',
  'broker-id': 'broker.id',
  'log-level': 'log.level',
  'log-format': 'log.format',
  user: 'bootstrap.user',
  'password-file': 'bootstrap.password.file',
}

/** What `--user` turns on unless something else says which mechanisms there are. */
const userMechanisms = 'SCRAM-SHA-256,SCRAM-SHA-512'

/** A configuration file of this size is none. */
const configBytesMax = 1_048_576

export const startCommand: Command = {
  summary: 'Start a broker; Ctrl-C (SIGINT) or SIGTERM stops it in good order, a second one at once.',
  usage:
    '[--data DIR] [--kafka HOST:PORT] [--http HOST:PORT] [--durability LEVEL] [--config FILE] [--set NAME=VALUE …]',
  examples: [
    ['polylog start', 'on 127.0.0.1:9092, data in ./polylog-data'],
    [
      'polylog start --kafka 10.0.0.1:9092 --set sasl.enabled.mechanisms=SCRAM-SHA-256 …',
      'reachable from other machines, for those who log in (docs/security.md)',
    ],
    ['polylog start --durability memory --kafka 127.0.0.1:0 --json', 'for a test: any free port, nothing kept'],
    ['polylog start --metadata etcd://h1:2379,h2:2379 --broker-id 2 --config polylog.yaml', 'one broker of a cluster'],
    ['polylog start --user admin --password-file admin.txt', 'clients must log in; makes the first user if need be'],
    ['polylog start --config polylog.yaml --set num.partitions=4', 'settings from a file, one of them changed'],
  ],
  notes: [
    'Once it serves, it prints one line on stdout; with --json that line is {"event":"ready","kafka":…,"http":…,"pid":…}. Logs go to stderr.',
    'Settings come from, in rising precedence: defaults, --config FILE (YAML), POLYLOG_* variables, flags. "polylog help settings" lists them.',
  ],
  flags: {
    data: {
      type: 'string',
      value: 'DIR',
      documentation: 'Folder for everything that is kept (default ./polylog-data).',
    },
    kafka: {
      type: 'string',
      value: 'HOST:PORT',
      documentation: 'Where Kafka clients connect; port 0 is any free one.',
    },
    http: { type: 'string', value: 'HOST:PORT', documentation: 'Where metrics and health answer; "none" for no HTTP.' },
    advertised: { type: 'string', value: 'HOST:PORT', documentation: 'Address that clients are told to use.' },
    durability: {
      type: 'string',
      value: 'LEVEL',
      documentation: 'fsync (default), os or memory: when a record counts as stored.',
    },
    metadata: {
      type: 'string',
      value: 'STORE',
      documentation: '"embedded" (default), or etcd://HOST:PORT,HOST:PORT/PREFIX to be part of a cluster.',
    },
    'broker-id': { type: 'string', value: 'N', documentation: 'Number of this broker in its cluster (default 1).' },
    ...firstUserFlags,
    config: { type: 'string', value: 'FILE', documentation: 'YAML file with settings (or POLYLOG_CONFIG).' },
    set: { type: 'string', value: 'NAME=VALUE', multiple: true, documentation: 'Any setting; may be repeated.' },
    'log-level': { type: 'string', value: 'LEVEL', documentation: 'debug, info (default), warn or error.' },
    'log-format': { type: 'string', value: 'FORM', documentation: 'text (default) or json.' },
    'until-stdin-ends': {
      type: 'boolean',
      documentation: 'Stop when stdin ends, so that whatever started this broker cannot leave it behind.',
    },
    ...jsonFlag,
  },
  words: [0, 0],
  run: async (context) => serve(context, (await import('./broker-process.ts')).startBrokerProcess),
}

/** Starts a broker, says that it is ready, and stops it when the context is interrupted. */
export async function serve(context: CommandContext, startBroker: StartBroker): Promise<number> {
  let isOver = false
  const endings = [aborted(context.interrupted)]
  if (context.arguments.has('until-stdin-ends')) endings.push(endOf(context.stdin.bytes()))
  const over = Promise.race(endings).then(() => {
    isOver = true
  })
  const { settings, warnings } = await settingsOf(context)
  const logger = loggerFor(context, settings)
  for (const warning of warnings) logger.warn('setting ignored', { reason: warning })
  const broker = await startBroker(settings, logger).catch((error: unknown) => {
    throw withAdvice(error)
  })
  // The signal may have come while the broker started; then nothing is announced.
  if (!isOver) {
    await announce(context, settings, broker)
    await over
  }
  logger.info('stopping')
  await stopInTime(broker, settings.shutdownTimeoutMs, logger)
  return exitCodes.ok
}

async function settingsOf({ arguments: given, environment }: CommandContext): Promise<LoadedSettings> {
  const flags = Object.entries(settingFlags).flatMap(([flag, name]) => {
    const value = given.text(flag)
    return value === undefined ? [] : [{ name, value, flag: `--${flag}` }]
  })
  for (const { name, value } of given.pairs('set')) flags.push({ name, value, flag: '--set' })
  expectSettings(flags)
  const path = given.text('config') ?? environment['POLYLOG_CONFIG']
  const file = path === undefined ? undefined : await fileEntries(path)
  const loaded = loadSettings({ file, environment, flags })
  if (given.text('user') === undefined || loaded.origins.has('sasl.enabled.mechanisms')) return loaded
  flags.push({ name: 'sasl.enabled.mechanisms', value: userMechanisms, flag: '--user' })
  return loadSettings({ file, environment, flags })
}

async function fileEntries(path: string): Promise<NonNullable<SettingSources['file']>> {
  // YAML is loaded only here: a start without a file does not pay for it.
  const { readYamlSettings } = await import('../config/yaml-source.ts')
  return { name: path, entries: readYamlSettings(readSmallFile(path), path) }
}

function readSmallFile(path: string): string {
  try {
    if (statSync(path).size > configBytesMax) throw new CommandError(`${path} is too large for a configuration file`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof CommandError) throw error
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(error)
    throw new CommandError(`cannot read the configuration file ${path}: ${reason}`, { cause: error })
  }
}

function loggerFor({ terminal }: CommandContext, settings: BrokerSettings): Logger {
  const options = { level: settings.logLevel, sink: (line: string) => terminal.note(line), nowMs: () => Date.now() }
  const colour = terminal.isInteractive && terminal.hasColour
  return settings.logFormat === 'json' ? jsonLogger(options) : textLogger({ ...options, colour })
}

/** The one line that scripts wait for, or the same for people with what to try next. */
async function announce(context: CommandContext, settings: BrokerSettings, broker: RunningBroker): Promise<void> {
  const kafka = formatAddress(broker.kafka)
  const http = broker.http === undefined ? null : formatAddress(broker.http)
  if (context.arguments.has('json')) {
    await context.terminal.print(`${JSON.stringify({ event: 'ready', kafka, http, pid: process.pid })}\n`)
    return
  }
  const data = settings.durability === 'memory' ? 'data in memory only' : `data in ${resolve(settings.dataDirectory)}`
  const where = [`Kafka on ${kafka}`, ...(http === null ? [] : [`HTTP on ${http}`]), data].join(', ')
  const command = commandPrefix(context.environment)
  const address = kafka === '127.0.0.1:9092' ? '' : ` --broker ${kafka}`
  const login = settings.saslMechanisms.length > 0 ? ` --user ${shellWord(settings.bootstrapUser || 'NAME')}` : ''
  const tls = settings.tlsCertificate === '' ? '' : ` --tls-ca ${shellWord(settings.tlsCa || 'FILE')}`
  const target = `${address}${login}${tls}`
  await context.terminal.print(`Polylog ${context.version} is ready: ${where}

Try, in another terminal:
  echo hello | ${command} produce greetings${target}
  ${command} consume greetings${target}
`)
}

/** Resolves when the stream is over, whatever was in it and however it ends. */
async function endOf(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of bytes) void chunk
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    else signal.addEventListener('abort', () => done(), { once: true })
  })
}

/** What is not finished in time is recovered from the journal at the next start: nothing acknowledged is at risk. */
async function stopInTime(broker: RunningBroker, timeoutMs: number, logger: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((done) => {
    timer = setTimeout(() => done('late'), timeoutMs)
  })
  const outcome = await Promise.race([broker.stop(), late])
  clearTimeout(timer)
  if (outcome === 'late') logger.warn('stopped without finishing', { shutdownTimeoutMs: timeoutMs })
  else logger.info('stopped')
}

/** Adds what to do to failures that users meet at a start. */
function withAdvice(error: unknown): unknown {
  if (!(error instanceof Error) || !('kind' in error)) return error
  const advice: Readonly<Record<string, string>> = {
    'in-use': `stop what uses it or choose another address (--kafka, --http; port 0 is any free one)`,
    'unknown-host': 'name an address of this machine with --kafka and --http',
    locked: 'stop it first or choose another folder with --data',
    denied: 'choose what this user may use with --data, --kafka or --http',
    'read-only': 'choose another folder with --data',
  }
  const hint = typeof error.kind === 'string' ? advice[error.kind] : undefined
  return hint === undefined ? error : new CommandError(`${error.message}; ${hint}`, { cause: error })
}
