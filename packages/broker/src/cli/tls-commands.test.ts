import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Authority } from '../../../../test/certificates/authority.ts'
import { CertificateFolder } from '../../../../test/certificates/certificate-folder.ts'
import { startBroker } from '../mod.ts'
import type { Broker } from '../mod.ts'
import { isGroup } from './command.ts'
import type { Command } from './command.ts'
import { commands } from './commands.ts'
import { runLine } from './testing/fake-terminal.ts'
import type { Outcome, RunOptions } from './testing/fake-terminal.ts'

const hosts = ['127.0.0.1']

describe('commands under TLS', () => {
  const authority = new Authority('ours')
  const folder = new CertificateFolder()
  const ca = folder.put('ca.pem', authority.certificate)
  let broker: Broker
  before(async () => {
    broker = await startBroker({
      ...folder.identity('broker', authority.issue({ hosts })),
      tlsCa: ca,
      tlsClientAuth: 'requested',
      httpTls: true,
      httpAddress: { host: '127.0.0.1', port: 0 },
      offsetsPartitionCount: 1,
    })
  })
  after(async () => {
    await broker.stop()
    folder[Symbol.dispose]()
  })

  function polylog(line: string, options: RunOptions = {}): Promise<Outcome> {
    const environment = {
      POLYLOG_BROKER: `127.0.0.1:${broker.kafka.port}`,
      POLYLOG_HTTP: `127.0.0.1:${broker.http!.port}`,
    }
    return runLine(line, { environment, ...options })
  }

  it('all that connect know its flags', async () => {
    const found: string[] = []
    for (const [name, entry] of Object.entries(commands)) {
      const loaded = await entry.load()
      const all: [string, Command][] = isGroup(loaded) ? Object.entries(loaded.verbs) : [['', loaded]]
      for (const [verb, { flags }] of all) {
        if (name === 'start' || (flags['broker'] === undefined && flags['http'] === undefined)) continue
        found.push(`${name} ${verb}`.trim())
        for (const flag of ['tls', 'tls-ca', 'tls-certificate', 'tls-key', 'tls-insecure']) {
          assert.ok(flags[flag], `${name} ${verb} has no --${flag}`)
        }
      }
    }
    assert.ok(found.length > 20, found.join())
  })

  it('reach the Kafka port and the HTTP port of a broker that they have reason to trust', async () => {
    const tls = `--tls-ca ${ca}`
    assert.equal((await polylog(`produce greetings ${tls}`, { stdin: 'hello\n' })).code, 0)
    assert.equal((await polylog(`consume greetings --from beginning ${tls}`)).stdout, 'hello\n')
    for (const line of ['topic list', 'group list', 'doctor', 'cluster status', 'policy list']) {
      const { code, stderr } = await polylog(`${line} ${tls}`)
      assert.equal(code, 0, `${line}: ${stderr}`)
    }
  })

  it('show a certificate if they are given one', async () => {
    const { tlsCertificate, tlsKey } = folder.identity('client', authority.issue())
    const shown = `--tls-ca ${ca} --tls-certificate ${tlsCertificate} --tls-key ${tlsKey}`
    assert.equal((await polylog(`topic list ${shown}`)).code, 0)
    const stranger = folder.identity('stranger', new Authority('somebody else').issue())
    const wrong = `--tls-ca ${ca} --tls-certificate ${stranger.tlsCertificate} --tls-key ${stranger.tlsKey}`
    const refused = await polylog(`topic list ${wrong}`)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /certificate of this client/)
  })

  it('do not talk to a broker that anybody could be, unless they are told to', async () => {
    for (const line of ['topic list', 'cluster status']) {
      const refused = await polylog(`${line} --tls`)
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /its certificate is not signed by an authority that is trusted here/)
      const insecure = await polylog(`${line} --tls-insecure`)
      assert.equal(insecure.code, 0)
      assert.equal(insecure.stderr, 'polylog: warning: --tls-insecure: whoever answers is taken for the broker\n')
    }
  })

  it('say so when TLS is on at one end only', async () => {
    assert.match((await polylog('topic list')).stderr, /is TLS on at one end only\?/)
    assert.equal((await polylog('cluster status')).code, 1)
    await using plain = await startBroker({ httpAddress: { host: '127.0.0.1', port: 0 } })
    const environment = {
      POLYLOG_BROKER: `127.0.0.1:${plain.kafka.port}`,
      POLYLOG_HTTP: `127.0.0.1:${plain.http!.port}`,
    }
    for (const line of ['topic list', 'cluster status']) {
      const { code, stderr } = await polylog(`${line} --tls-ca ${ca}`, { environment })
      assert.equal(code, 1)
      assert.match(stderr, /does not speak TLS/)
    }
  })

  it('say what is wrong with a file', async () => {
    const missing = await polylog('topic list --tls-ca /nowhere/ca.pem')
    assert.equal(missing.stderr, 'polylog: cannot read --tls-ca /nowhere/ca.pem: there is no such file\n')
    const half = await polylog(`topic list --tls-certificate ${ca}`)
    assert.deepEqual([half.code, half.stderr], [2, 'polylog: --tls-certificate and --tls-key go together\n'])
    const nonsense = await polylog(`topic list --tls-certificate ${ca} --tls-key ${ca}`)
    assert.match(nonsense.stderr, /^polylog: tls: certificate, key or ca cannot be used/)
  })
})
