import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import type { BrokerSettings } from '../config/broker-table.ts'
import { NetworkError } from '../host/network.ts'
import { Arguments } from './arguments.ts'
import { serve, startCommand } from './start-command.ts'
import type { StartBroker } from './start-command.ts'
import { FakeTerminal } from './testing/fake-terminal.ts'

interface Started {
  terminal: FakeTerminal
  code: number
  settings: BrokerSettings | undefined
  stops: number
}

/** Runs `start` over a broker that does nothing, and interrupts it once it is ready. */
async function start(
  line: string[],
  options: { environment?: Record<string, string>; startBroker?: StartBroker; stop?: () => Promise<void> } = {},
): Promise<Started> {
  const terminal = new FakeTerminal()
  const interruption = new AbortController()
  const started: Started = { terminal, code: -1, settings: undefined, stops: 0 }
  const print = terminal.print.bind(terminal)
  terminal.print = async (text) => {
    await print(text)
    interruption.abort()
  }
  const fake: StartBroker = (settings) => {
    started.settings = settings
    return Promise.resolve({
      kafka: { host: '127.0.0.1', port: 9092 },
      http: settings.httpAddress,
      stop: () => {
        started.stops++
        return options.stop?.() ?? Promise.resolve()
      },
    })
  }
  const context = {
    terminal,
    arguments: Arguments.parse(line, startCommand.flags, startCommand.words, 'polylog start'),
    environment: options.environment ?? {},
    stdin: { bytes: () => (async function* (): AsyncGenerator<Uint8Array> {})(), isTerminal: false },
    interrupted: interruption.signal,
    version: '0.1.0',
    commands: {},
  }
  started.code = await serve(context, options.startBroker ?? fake)
  return started
}

describe('polylog start', () => {
  it('--user makes clients log in, unless something else says how', async () => {
    const file = ['--user', 'admin', '--password-file', '/secret']
    const settingsOf = async (line: string[], environment = {}) => (await start(line, { environment })).settings!
    const plain = await settingsOf(['--json'])
    assert.deepEqual([plain.saslMechanisms, plain.bootstrapUser], [[], ''])
    const login = await settingsOf([...file, '--json'])
    assert.deepEqual(login.saslMechanisms, ['SCRAM-SHA-256', 'SCRAM-SHA-512'])
    assert.deepEqual([login.bootstrapUser, login.bootstrapPasswordFile], ['admin', '/secret'])
    const chosen = await settingsOf([...file, '--json', '--set', 'sasl.enabled.mechanisms=plain'])
    assert.deepEqual(chosen.saslMechanisms, ['PLAIN'])
    const none = await settingsOf([...file, '--json'], { POLYLOG_SASL_ENABLED_MECHANISMS: '' })
    assert.deepEqual(none.saslMechanisms, [])
    const { terminal } = await start(file)
    assert.match(terminal.stdout, /consume greetings --user admin$/m)
  })

  it('prints exactly the line that scripts wait for', async () => {
    const { terminal, code, stops } = await start(['--json'])
    const line = `{"event":"ready","kafka":"127.0.0.1:9092","http":"127.0.0.1:15672","pid":${process.pid}}\n`
    assert.deepEqual([terminal.stdout, code, stops], [line, 0, 1])
    assert.match((await start(['--json', '--http', 'none'])).terminal.stdout, /"http":null/)
  })

  it('ends with its stdin if told to', async () => {
    const context = {
      terminal: new FakeTerminal(),
      arguments: Arguments.parse(['--until-stdin-ends'], startCommand.flags, startCommand.words, 'polylog start'),
      environment: {},
      stdin: { bytes: () => Readable.from([Buffer.from('not read\n')]), isTerminal: false },
      interrupted: new AbortController().signal,
      version: '0.1.0',
      commands: {},
    }
    let stops = 0
    const stop = (): Promise<void> => {
      stops++
      return Promise.resolve()
    }
    const fake: StartBroker = () => Promise.resolve({ kafka: { host: '127.0.0.1', port: 9092 }, http: undefined, stop })
    const served = serve(context, fake)
    // A signal that nobody listens to ends the process at once (main.ts).
    assert.equal(getEventListeners(context.interrupted, 'abort').length, 1)
    assert.deepEqual([await served, stops], [0, 1])
  })

  it('tells people where it is and what to try', async () => {
    const { terminal } = await start(['--data', '/tmp/x', '--http', 'none'])
    const [first, ...rest] = terminal.stdout.split('\n')
    assert.equal(first, 'Polylog 0.1.0 is ready: Kafka on 127.0.0.1:9092, data in /tmp/x')
    assert.match(rest.join('\n'), /^ {2}echo hello \| .* produce greetings$/m)
    assert.match((await start(['--durability', 'memory'])).terminal.stdout, /data in memory only\n/)
  })

  it('takes settings from file, environment and flags, the last winning', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'polylog-start-'))
    try {
      const file = join(directory, 'polylog.yaml')
      writeFileSync(file, 'num.partitions: 2\nlog.roll.ms: 5\ndurability: os\n')
      const environment = { POLYLOG_CONFIG: file, POLYLOG_NUM_PARTITIONS: '3', POLYLOG_NUM_PARTITION: '9' }
      const { settings, terminal } = await start(['--durability', 'memory', '--set', 'log.roll.ms=7'], { environment })
      assert.deepEqual([settings?.partitionCountDefault, settings?.segmentMs, settings?.durability], [3, 7, 'memory'])
      assert.match(terminal.stderr, /WARN {2}setting ignored .*POLYLOG_NUM_PARTITION is not a setting/)
      writeFileSync(file, 'num.partitions: many\n')
      await assert.rejects(start([], { environment: { POLYLOG_CONFIG: file } }), {
        message: `${file}:1:17: num.partitions must be a whole number, not "many"\n  1 | num.partitions: many`,
      })
    } finally {
      rmSync(directory, { recursive: true })
    }
    await assert.rejects(
      start(['--config', '/no/such/file']),
      /cannot read the configuration file .*: there is no such file$/,
    )
  })

  // They ended with code 1, as a broker that cannot start, where wrong flags end with 2 elsewhere.
  it('takes a wrong value of a flag for a wrong command line', async () => {
    const wrong: [line: string[], message: RegExp][] = [
      [['--durability', 'paper'], /^--durability: durability must be one of fsync, os, memory, not "paper"/],
      [['--set', 'num.partitions=many'], /^--set: num.partitions must be a whole number, not "many"$/],
      [['--set', 'num.partition=1'], /^--set: unknown setting "num.partition"; did you mean "num.partitions"\?$/],
      [['--kafka', 'nowhere'], /^--kafka: kafka.address /],
    ]
    for (const [line, message] of wrong) await assert.rejects(start(line), { name: 'UsageError', message })
  })

  it('says what to do when the port is taken', async () => {
    const startBroker: StartBroker = () =>
      Promise.reject(new NetworkError('in-use', 'cannot listen on 127.0.0.1:9092: the port is already in use'))
    const pattern =
      /^cannot listen on 127\.0\.0\.1:9092: the port is already in use; stop what uses it or choose another/
    await assert.rejects(start([], { startBroker }), { name: 'CommandError', message: pattern })
  })

  it('stops within the time it was given', async () => {
    const { code, terminal } = await start(['--set', 'shutdown.timeout.ms=100'], { stop: () => new Promise(() => {}) })
    assert.equal(code, 0)
    assert.match(terminal.stderr, /WARN {2}stopped without finishing/)
  })

  it('writes logs as it was told', async () => {
    const { terminal } = await start(['--log-format', 'json', '--log-level', 'info'])
    assert.match(terminal.stderr, /^\{"time":".*","level":"info","event":"stopping"\}\n/)
    assert.equal((await start(['--log-level', 'error'])).terminal.stderr, '')
  })
})
