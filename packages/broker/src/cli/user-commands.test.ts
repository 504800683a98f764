import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { formatAddress } from '../config/address.ts'
import { NodeHttpServer } from '../host/node/node-http.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { Broker } from '../broker.ts'
import type { LogFields } from '../telemetry/logger.ts'
import { FakeTerminal, runLine } from './testing/fake-terminal.ts'
import type { Outcome, RunOptions } from './testing/fake-terminal.ts'

describe('user commands', () => {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-user-'))
  const adminFile = join(directory, 'admin')
  const lines: string[] = []
  let broker: Broker

  before(async () => {
    writeFileSync(adminFile, 'adm1n-secret\n')
    const record = (event: string, fields?: LogFields) => void lines.push(`${event} ${JSON.stringify(fields)}`)
    broker = await Broker.start(
      {
        kafkaAddress: { host: '127.0.0.1', port: 0 },
        httpAddress: { host: '127.0.0.1', port: 0 },
        durability: 'memory',
        offsetsPartitionCount: 1,
        saslMechanisms: ['SCRAM-SHA-256', 'PLAIN'],
        bootstrapUser: 'admin',
        bootstrapPasswordFile: adminFile,
        authenticationFailureDelayMs: 1,
      },
      {
        host: createNodeHost(),
        http: new NodeHttpServer(),
        logger: { debug: record, info: record, warn: record, error: record },
      },
    )
  })

  after(async () => {
    await broker.stop()
    rmSync(directory, { recursive: true })
  })

  function polylog(line: string, options: RunOptions = {}): Promise<Outcome> {
    const environment = {
      POLYLOG_BROKER: formatAddress(broker.kafka),
      POLYLOG_HTTP: formatAddress(broker.http!),
      ...options.environment,
    }
    return runLine(line, { ...options, environment })
  }

  const asAdmin = (line: string, options: RunOptions = {}) =>
    polylog(`${line} --user admin --password-file ${adminFile}`, options)

  it('add, list, password and remove', async () => {
    const added = await asAdmin('user add ann', { stdin: 'first-secret\n' })
    assert.deepEqual(added, { code: 0, stdout: '', stderr: 'made user ann\n' })
    const again = await asAdmin('user add ann', { stdin: 'x\n' })
    assert.deepEqual([again.code, /polylog user password ann/.test(again.stderr)], [1, true])
    const file = join(directory, 'bob')
    writeFileSync(file, 'bob-secret')
    const one = await asAdmin(
      `user add bob --new-password-file ${file} --mechanism SCRAM-SHA-512 --iterations 8192 --json`,
    )
    assert.equal(one.stdout, '{"user":"bob","made":true,"mechanisms":["SCRAM-SHA-512"],"iterations":8192}\n')
    assert.equal(
      (await asAdmin('user list')).stdout,
      `USER   MECHANISMS
admin  SCRAM-SHA-256 (4096), SCRAM-SHA-512 (4096)
ann    SCRAM-SHA-256 (4096), SCRAM-SHA-512 (4096)
bob    SCRAM-SHA-512 (8192)
`,
    )
    const json = JSON.parse((await asAdmin('user list --json')).stdout) as { name: string }[]
    assert.deepEqual(
      json.map(({ name }) => name),
      ['admin', 'ann', 'bob'],
    )
    assert.equal((await asAdmin('user password ann', { stdin: 'second-secret' })).code, 0)
    const password = (text: string) => ({ environment: { POLYLOG_USER: 'ann', POLYLOG_PASSWORD: text } })
    assert.equal((await polylog('topic list', password('second-secret'))).code, 0)
    assert.equal((await polylog('topic list --sasl-mechanism PLAIN', password('second-secret'))).code, 0)
    const old = await polylog('topic list', password('first-secret'))
    assert.equal(old.code, 1)
    assert.match(old.stderr, /cannot log in .* user name, password or mechanism is wrong/)
    const off = await polylog('topic list --sasl-mechanism SCRAM-SHA-512', password('second-secret'))
    assert.match(off.stderr, /cannot log in .* user name, password or mechanism is wrong/)
    assert.match((await asAdmin('user remove ann')).stderr, /add --yes/)
    assert.equal((await asAdmin('user remove ann --yes')).stderr, 'removed user ann\n')
    assert.match((await asAdmin('user remove ann --yes')).stderr, /there is no such user/)
    assert.match((await asAdmin('user password ann', { stdin: 'x' })).stderr, /there is no user ann/)
  })

  it('say what is missing', async () => {
    const cases: [line: string, options: RunOptions, said: RegExp][] = [
      ['user list', {}, /does it want a login/],
      ['user list --user admin', {}, /--password-file FILE or set POLYLOG_PASSWORD/],
      ['user list --password-file x', {}, /--password-file needs --user/],
      ['user list --user admin --password-file /nowhere', {}, /\/nowhere: there is no such file/],
      [`user add x --user admin --password-file ${adminFile}`, { stdin: '' }, /first line of stdin is empty/],
      [`user add x --user admin --password-file ${adminFile}`, { stdin: 'ß\n' }, /printable ASCII/],
      [`user add ANONYMOUS --user admin --password-file ${adminFile}`, { stdin: 'x\n' }, /have not logged in/],
      ['user list', { environment: { POLYLOG_SASL_MECHANISM: 'GSSAPI' } }, /must be one of SCRAM-SHA-256/],
    ]
    for (const [line, options, said] of cases) {
      const { code, stderr } = await polylog(line, options)
      assert.match(stderr, said, line)
      assert.notEqual(code, 0)
    }
  })

  it('a password is asked for on a terminal, hidden and twice', async () => {
    const terminal = new FakeTerminal()
    terminal.isInteractive = true
    const hidden: boolean[] = []
    const typed = { keys: ['t', 'yped-secreX\x7ft', '\r'], hide: (isHidden: boolean) => void hidden.push(isHidden) }
    const twice = { ...typed, keys: [...typed.keys, ...typed.keys] }
    const added = await asAdmin('user add carol', { terminal, keyboard: twice })
    assert.match(added.stderr, /New password of carol: \nThe same again: \nmade user carol\n$/)
    assert.deepEqual(hidden, [true, false])
    const environment = { POLYLOG_USER: 'carol', POLYLOG_PASSWORD: 'typed-secret' }
    assert.equal((await polylog('topic list', { environment })).code, 0)
    const login = await polylog('topic list --user carol', { terminal, keyboard: typed })
    assert.equal(login.code, 0, login.stderr)
    const differing = { ...typed, keys: ['one\r', 'two\r'] }
    const refused = await asAdmin('user password carol', { terminal, keyboard: differing })
    assert.match(refused.stderr, /not the same; nothing was done/)
    const givenUp = await asAdmin('user password carol', { terminal, keyboard: { ...typed, keys: ['on', '\x03'] } })
    assert.match(givenUp.stderr, /nothing was done/)
  })

  it('the HTTP port wants the same login; health and metrics do not', async () => {
    assert.match((await polylog('policy list')).stderr, /login is needed here/)
    assert.equal((await asAdmin('policy list')).code, 0)
    assert.equal((await asAdmin('policy set all .* --ha-mode all')).code, 0)
    const wrong = await polylog('policy list --user admin', { environment: { POLYLOG_PASSWORD: 'wrong-secret' } })
    assert.match(wrong.stderr, /User name or password is wrong/)
    const base = `http://${formatAddress(broker.http!)}`
    const answer = await fetch(`${base}/api/cluster`)
    assert.deepEqual([answer.status, answer.headers.get('www-authenticate')?.slice(0, 5)], [401, 'Basic'])
    assert.equal((await fetch(`${base}/`)).status, 401)
    assert.equal((await fetch(`${base}/health/ready`)).status, 200)
    assert.equal((await fetch(`${base}/metrics`)).status, 200)
  })

  it('no secret is ever in the log', () => {
    const log = lines.join('\n')
    assert.match(log, /login refused/)
    assert.doesNotMatch(log, /secret/)
    const { credentials } = broker.image.users.get('admin')!
    for (const { storedKey, serverKey, salt } of credentials.values()) {
      for (const bytes of [storedKey, serverKey, salt]) {
        assert.ok(!log.includes(bytes.toString('base64')) && !log.includes(bytes.toString('hex')))
      }
    }
  })
})
