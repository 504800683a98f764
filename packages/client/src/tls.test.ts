import assert from 'node:assert/strict'
import { connect as connectPlain, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import type { TlsOptions as ServerOptions } from 'node:tls'
import { Authority } from '../../../test/certificates/authority.ts'
import { connect } from './client.ts'
import { ClientError } from './client-error.ts'
import type { ClientErrorCode } from './client-error.ts'
import { Cluster } from './cluster.ts'
import { FakeBroker } from './testing/fake-broker.ts'
import type { TlsOptions } from './tls.ts'

const authority = new Authority('ours')
const stranger = new Authority('somebody else')
const trusting: TlsOptions = { ca: authority.certificate }

function isClientError(code: ClientErrorCode, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ClientError, String(error))
    assert.match(error.message, pattern)
    assert.equal(error.code, code)
    return true
  }
}

describe('a client under TLS', () => {
  let broker: FakeBroker
  const servers: Server[] = []
  before(async () => {
    broker = await FakeBroker.start()
  })
  after(async () => {
    for (const server of servers) server.close()
    await broker[Symbol.asyncDispose]()
  })

  /** Takes the TLS off, and hands what is in it to the fake broker. Returns `host:port`. */
  async function terminate(options: ServerOptions): Promise<string> {
    const [host, port] = broker.address.split(':') as [string, string]
    const server = createTlsServer({ minVersion: 'TLSv1.2', ...options }, (secured) => {
      const plain = connectPlain(Number(port), host)
      secured.pipe(plain).pipe(secured)
      for (const [one, other] of [
        [secured, plain],
        [plain, secured],
      ] as const) {
        one.on('error', () => other.destroy()).on('close', () => other.destroy())
      }
    })
    return listen(server)
  }

  async function listen(server: Server): Promise<string> {
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  function identity(options: Parameters<Authority['issue']>[0] = { hosts: ['127.0.0.1', 'localhost'] }): ServerOptions {
    const { certificate, key } = authority.issue(options)
    return { cert: certificate, key }
  }

  async function describeAt(brokers: string, tls: TlsOptions | undefined): Promise<string | null> {
    await using cluster = new Cluster({ brokers, tls })
    return (await cluster.describe()).clusterId
  }

  it('reaches a broker whose certificate an authority has signed that it trusts', async () => {
    const address = await terminate(identity())
    assert.equal(await describeAt(address, trusting), 'fake')
    assert.equal(await describeAt(address.replace('127.0.0.1', 'localhost'), trusting), 'fake')
  })

  it('says what is wrong with a certificate', async () => {
    const address = await terminate(identity())
    const untrusted =
      /^cannot reach a broker at 127\.0\.0\.1:\d+: its certificate is not signed by an authority that is/
    await assert.rejects(describeAt(address, {}), isClientError('tls-failed', untrusted))
    const foreign = { ca: stranger.certificate }
    await assert.rejects(describeAt(address, foreign), isClientError('tls-failed', untrusted))
    const named = await terminate(identity({ hosts: ['broker-1.example'] }))
    await assert.rejects(describeAt(named, trusting), isClientError('tls-failed', /for another name .*127\.0\.0\.1/))
    const expired = await terminate(identity({ hosts: ['127.0.0.1'], validTo: new Date(Date.now() - 1000) }))
    await assert.rejects(describeAt(expired, trusting), isClientError('tls-failed', /has expired/))
  })

  it('believes anybody, or another name, if it is told to', async () => {
    const address = await terminate(identity({ hosts: ['broker-1.example'] }))
    assert.equal(await describeAt(address, { insecure: true }), 'fake')
    assert.equal(await describeAt(address, { ...trusting, serverName: 'broker-1.example' }), 'fake')
  })

  it('shows its certificate, and says so if one is missing or not trusted', async () => {
    const asking = { ...identity(), requestCert: true, ca: authority.certificate }
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const address = await terminate({ ...asking, maxVersion })
      assert.equal(await describeAt(address, { ...trusting, ...authority.issue() }), 'fake')
      const missing = /asks for a certificate of this client, and there is none/
      await assert.rejects(describeAt(address, trusting), isClientError('tls-failed', missing))
      const foreign = { ...trusting, ...stranger.issue() }
      await assert.rejects(describeAt(address, foreign), isClientError('tls-failed', /certificate of this client/))
    }
  })

  it('says that only one side speaks TLS', async () => {
    const secured = await terminate(identity())
    await assert.rejects(describeAt(secured, undefined), isClientError('not-kafka', /is TLS on at one end only\?/))
    for (const [answer, pattern] of [
      ['', /closed the connection during the TLS handshake: it does not speak TLS/],
      ['HTTP/1.1 400 Bad Request\r\n', /it does not speak TLS/],
    ] as const) {
      const server = createServer((socket) => {
        socket.on('error', () => socket.destroy())
        socket.once('data', () => socket.end(answer))
      })
      const plain = await listen(server)
      await assert.rejects(describeAt(plain, trusting), isClientError('tls-failed', pattern))
    }
  })

  it('is an option of connect', async () => {
    const address = await terminate(identity())
    await using client = await connect({ brokers: address, tls: trusting })
    assert.ok(client)
    await assert.rejects(connect({ brokers: address, tls: true }), isClientError('tls-failed', /not signed/))
    const strange = { brokers: address, tls: { cafile: 'x' } as TlsOptions }
    await assert.rejects(connect(strange), isClientError('invalid-options', /no option "cafile"; it has ca, cert/))
    const half = { brokers: address, tls: { certificate: 'x' } }
    await assert.rejects(connect(half), isClientError('invalid-options', /certificate and key go together/))
    const broken = { brokers: address, tls: { certificate: 'x', key: 'y' } }
    await assert.rejects(connect(broken), isClientError('invalid-options', /cannot be used/))
  })
})
