import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BrokerError } from '../errors/errors.ts'
import { formatAddress, parseAddress } from './address.ts'
import { brokerTable } from './broker-table.ts'
import { completeSettings, describeBrokerConfigs, settingNames, settingRows } from './broker-settings.ts'
import { loadSettings, variableOf } from './load-settings.ts'
import type { SettingSources } from './load-settings.ts'
import { nearestOf } from './nearest.ts'
import { readYamlSettings } from './yaml-source.ts'

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof BrokerError)
    assert.equal(error.code, 'invalid-config')
    return error.message
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' })
}

function yaml(text: string, name = 'p.yaml'): NonNullable<SettingSources['file']> {
  return { name, entries: readYamlSettings(text, name) }
}

describe('table of broker settings', () => {
  it('has defaults that are valid, fit together and survive their text form', () => {
    const settings = completeSettings()
    for (const [key, row] of settingRows) {
      assert.equal(row.findFault(row.default), undefined, row.name)
      assert.deepEqual(row.parse(row.format(row.default)), { value: row.default }, row.name)
      assert.deepEqual(settings[key], row.default)
      assert.match(row.documentation, /^[A-Z].*\.$/, row.name)
    }
  })

  it('reads lists, whatever the case and the blanks, and names what it does not know', () => {
    const { saslMechanisms } = brokerTable
    assert.deepEqual(saslMechanisms.parse(' plain , SCRAM-sha-256,'), { value: ['PLAIN', 'SCRAM-SHA-256'] })
    assert.deepEqual(saslMechanisms.parse(''), { value: [] })
    const known = 'knows SCRAM-SHA-256, SCRAM-SHA-512, PLAIN, not "GSSAPI"'
    assert.deepEqual(saslMechanisms.parse('PLAIN,GSSAPI'), { fault: known })
    assert.deepEqual(saslMechanisms.parse('PLAIN,plain'), { fault: 'names something twice' })
    assert.match(
      messageOf(() => completeSettings({ saslMechanisms: ['X' as never] })),
      /^sasl\.enabled\.mechanisms knows/,
    )
  })

  it('gives every setting a name and an environment variable of its own', () => {
    assert.equal(new Set(settingNames).size, Object.keys(brokerTable).length)
    assert.equal(new Set(settingNames.map(variableOf)).size, settingNames.length)
  })

  it('describes every setting', () => {
    const entries = describeBrokerConfigs(completeSettings({ retentionMs: -1 }))
    assert.equal(entries.length, settingNames.length)
    const retention = entries.find((entry) => entry.name === 'log.retention.ms')
    assert.equal(retention?.value, '-1')
    assert.equal(retention.source, 'broker')
    assert.equal(entries.find((e) => e.name === 'log.message.timestamp.before.max.ms')?.value, '9223372036854775807')
  })
})

describe('completeSettings', () => {
  it('refuses values outside the limits, naming the setting', () => {
    assert.equal(
      messageOf(() => completeSettings({ partitionCountDefault: 0 })),
      'num.partitions must be at least 1, not 0',
    )
    assert.equal(
      messageOf(() => completeSettings({ segmentBytes: 1.5 * 1024 + 0.5 })),
      'log.segment.bytes must be a whole number, not 1536.5',
    )
    assert.match(
      messageOf(() => completeSettings({ kafkaAddress: { host: 'a b', port: 1 } })),
      /^kafka.address/,
    )
  })

  it('refuses settings that contradict each other', () => {
    assert.equal(
      messageOf(() => completeSettings({ requestBytesMax: 65_536 })),
      'message.max.bytes (4194304) must not exceed socket.request.max.bytes (65536): the largest batch must fit into a request',
    )
  })

  it('takes undefined as "none" for optional addresses only', () => {
    assert.equal(completeSettings({ httpAddress: undefined }).httpAddress, undefined)
    assert.equal(completeSettings({}).httpAddress?.port, 15672)
  })
})

describe('loadSettings', () => {
  it('lets flags win over environment over file over defaults', () => {
    const loaded = loadSettings({
      file: yaml('num.partitions: 2\nlog:\n  retention.ms: 1h\n  segment.bytes: 64MiB\n', 'polylog.yaml'),
      environment: { POLYLOG_NUM_PARTITIONS: '3', POLYLOG_LOG_RETENTION_MS: '7d', PATH: '/bin' },
      flags: [{ name: 'num.partitions', value: '4', flag: '--set' }],
    })
    assert.equal(loaded.settings.partitionCountDefault, 4)
    assert.equal(loaded.settings.retentionMs, 7 * 86_400_000)
    assert.equal(loaded.settings.segmentBytes, 64 * 1024 * 1024)
    assert.deepEqual(Object.fromEntries(loaded.origins), {
      'num.partitions': '--set',
      'log.retention.ms': 'POLYLOG_LOG_RETENTION_MS',
      'log.segment.bytes': 'polylog.yaml',
    })
  })

  const file = (text: string): string => messageOf(() => loadSettings({ file: yaml(text) }))

  it('shows file, line, column and the line of a mistake', () => {
    assert.equal(
      file('num.partitions: 2\nlog.retention.mss: 5\n'),
      'p.yaml:2:1: unknown setting "log.retention.mss"; did you mean "log.retention.ms"?\n  2 | log.retention.mss: 5',
    )
    assert.equal(
      file('log:\n  roll.ms: soon\n'),
      'p.yaml:2:12: log.roll.ms must be a whole number of milliseconds (or with s, m, h, d), not "soon"\n  2 |   roll.ms: soon',
    )
    assert.match(file('a: [1\n'), /^p\.yaml:\d+:\d+: /)
    assert.match(file('- 1\n'), /^p\.yaml:1:1: a configuration file is a list of/)
    assert.match(file('log.roll.ms: [1]\n'), /needs a single value/)
    assert.match(file('log.roll.ms:\n'), /has no value/)
    assert.match(file('log.roll.ms: 1\nlog: {roll.ms: 2}\n'), /^p\.yaml:2:7: log.roll.ms is set twice/)
    assert.match(file(`x: "${'a'.repeat(300_000)}"`), /more than 262144 characters/)
  })

  it('keeps digits that a double would round, and reads an empty file', () => {
    const text = 'log.roll.ms: 9223372036854775807'
    const { settings } = loadSettings({ file: yaml(text) })
    assert.equal(brokerTable.segmentMs.format(settings.segmentMs), '9223372036854775807')
    assert.equal(loadSettings({ file: yaml('# nothing\n') }).origins.size, 0)
  })

  it('names the variable or flag of a mistake and warns of unknown variables', () => {
    assert.equal(
      messageOf(() => loadSettings({ environment: { POLYLOG_DURABILITY: 'maybe' } })),
      'POLYLOG_DURABILITY: durability must be one of fsync, os, memory, not "maybe"',
    )
    assert.match(
      messageOf(() => loadSettings({ flags: [{ name: 'kafka.adress', value: 'x', flag: '--set' }] })),
      /^--set: unknown setting "kafka.adress"; did you mean "kafka.address"\?$/,
    )
    const { warnings } = loadSettings({ environment: { POLYLOG_LOG_LEVL: 'info', POLYLOG_BROKER: 'a:1' } })
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /POLYLOG_LOG_LEVL is not a setting.*did you mean "POLYLOG_LOG_LEVEL"/)
  })
})

describe('addresses', () => {
  it('reads what it writes', () => {
    for (const text of ['127.0.0.1:9092', '[::1]:0', 'broker-1.example:65535']) {
      assert.equal(formatAddress(parseAddress(text)!), text)
    }
    assert.deepEqual(parseAddress(':9092'), { host: '0.0.0.0', port: 9092 })
    for (const text of ['', '9092', 'a', 'a:', 'a:b', 'a:65536', '::1:9092', 'a b:1', `${'a'.repeat(300)}:1`]) {
      assert.equal(parseAddress(text), undefined, text)
    }
  })
})

describe('nearestOf', () => {
  it('finds typing mistakes, not other words', () => {
    assert.equal(nearestOf('topci', ['topic', 'group']), 'topic')
    assert.equal(nearestOf('xyz', ['topic', 'group']), undefined)
    assert.equal(nearestOf('a'.repeat(1000), ['a']), undefined)
  })

  it('finds the only word that begins like this', () => {
    assert.equal(nearestOf('stat', ['status', 'drain']), 'status')
    assert.equal(nearestOf('re', ['remove', 'drain']), undefined)
    assert.equal(nearestOf('rea', ['reassign', 'reappear']), undefined)
  })

  it('finds any name again after one letter was changed', () => {
    fc.assert(
      fc.property(fc.constantFrom(...settingNames), fc.nat(), (name, at) => {
        const i = at % name.length
        const found = nearestOf(`${name.slice(0, i)}#${name.slice(i + 1)}`, settingNames)
        assert.ok(found !== undefined)
      }),
    )
  })
})
