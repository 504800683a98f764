import assert from 'node:assert/strict'
import { connect as connectPlain } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { Authority } from '../../../../../test/certificates/authority.ts'
import type { Connection, Listener, Receiver } from '../network.ts'
import { NetworkError } from '../network.ts'
import type { TlsCredentials, TlsListenOptions } from '../tls.ts'
import { NodeNetwork } from './node-network.ts'
import { subjectOf } from './node-tls.ts'

const network = new NodeNetwork()
const authority = new Authority('ours')
const stranger = new Authority('somebody else')
const server = { ...authority.issue({ hosts: ['127.0.0.1', 'localhost'] }), authorities: authority.certificate }
const trusting = { authorities: authority.certificate }
const secondMs = 1000

/** How a connection ended. */
interface End {
  readonly error: Error | undefined
  /** Bytes that came before. */
  readonly text: string
  readonly subject: string | undefined
}

interface Served {
  readonly listener: Listener
  /** How the connections ended, in the order in which they appeared. */
  readonly ends: Promise<End>[]
}

function endOf(connection: Connection, answer?: string): Promise<End> {
  return new Promise((resolve) => {
    const buffer = new Uint8Array(1000)
    let text = ''
    let subject: string | undefined
    const receiver: Receiver = {
      buffer: () => buffer,
      received: (count) => {
        text += Buffer.from(buffer.subarray(0, count)).toString()
        subject = connection.peerSubject
        if (answer === undefined) connection.end()
        else connection.write([Buffer.from(answer)])
      },
      drained: () => {},
      closed: (error) => resolve({ error, text, subject }),
    }
    connection.receive(receiver)
  })
}

describe('node network under TLS', () => {
  const open: (() => void)[] = []
  afterEach(() => {
    for (const close of open.splice(0)) close()
  })

  async function serve(options: Partial<TlsListenOptions> = {}): Promise<Served> {
    const ends: Promise<End>[] = []
    const tls: TlsListenOptions = {
      credentials: () => server,
      clientAuthentication: 'none',
      versionMin: '1.2',
      handshakeTimeoutMs: 30 * secondMs,
      ...options,
    }
    const accepted = (connection: Connection): void => {
      open.push(() => connection.destroy())
      ends.push(endOf(connection, 'hello'))
    }
    const listener = await network.listen({ host: '127.0.0.1', port: 0 }, accepted, tls)
    open.push(() => void listener.close())
    return { listener, ends }
  }

  async function dial(listener: Listener, credentials: TlsCredentials = trusting, host = '127.0.0.1'): Promise<End> {
    const address = { host, port: listener.address.port }
    const tls = { credentials: () => credentials, versionMin: '1.2' } as const
    const connection = await network.connect(address, 30 * secondMs, tls)
    open.push(() => connection.destroy())
    const end = endOf(connection)
    connection.write([Buffer.from('hi')])
    return end
  }

  function raw(listener: Listener): Promise<Socket> {
    const socket = connectPlain(listener.address.port, '127.0.0.1')
    open.push(() => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.resume()
    return new Promise((resolve) => socket.once('connect', () => resolve(socket)))
  }

  function isTls(pattern: RegExp): (error: unknown) => boolean {
    return (error) => {
      assert.ok(error instanceof NetworkError, String(error))
      assert.match(error.message, pattern)
      assert.equal(error.kind, 'tls')
      return true
    }
  }

  it('carries bytes between two who trust each other, by address and by name', async () => {
    const { listener, ends } = await serve()
    for (const host of ['127.0.0.1', 'localhost']) {
      const end = await dial(listener, trusting, host)
      assert.deepEqual([end.text, end.error, end.subject], ['hello', undefined, undefined])
    }
    assert.equal((await ends[0]!).text, 'hi')
  })

  it('does not connect to a server that it has no reason to believe', async () => {
    const expired = authority.issue({ hosts: ['127.0.0.1'], validTo: new Date(Date.now() - 1000) })
    const future = authority.issue({ hosts: ['127.0.0.1'], validFrom: new Date(Date.now() + 3_600_000) })
    for (const [credentials, trusted, pattern] of [
      [server, { authorities: stranger.certificate }, /not signed by an authority that is trusted here/],
      [server, {}, /not signed by an authority that is trusted here/],
      [authority.issue({ hosts: ['elsewhere'] }), trusting, /for another name .*127\.0\.0\.1/],
      [expired, trusting, /certificate of the other side has expired/],
      [future, trusting, /not valid yet/],
    ] as const) {
      const { listener } = await serve({ credentials: () => credentials })
      await assert.rejects(dial(listener, trusted), isTls(pattern))
    }
  })

  it('knows the subject of a certificate, if one is asked for and it is good', async () => {
    const subject = [
      ['C', 'DE'],
      ['O', 'Example, Ltd'],
      ['CN', 'app+1'],
    ] as const
    const shown = { ...authority.issue({ subject }), ...trusting }
    for (const clientAuthentication of ['requested', 'required'] as const) {
      const { listener, ends } = await serve({ clientAuthentication })
      await dial(listener, shown)
      assert.equal((await ends[0]!).subject, 'CN=app\\+1,O=Example\\, Ltd,C=DE')
    }
    const { listener, ends } = await serve()
    await dial(listener, shown)
    assert.equal((await ends[0]!).subject, undefined)
  })

  it('hears nobody with a wrong certificate, and without one only if it need not be', async () => {
    const foreign = { ...stranger.issue(), ...trusting }
    const expired = { ...authority.issue({ validTo: new Date(Date.now() - 1000) }), ...trusting }
    const wrong = /not signed by an authority|has expired/
    for (const clientAuthentication of ['requested', 'required'] as const) {
      const { listener, ends } = await serve({ clientAuthentication })
      for (const credentials of [foreign, expired]) await dial(listener, credentials).catch(() => undefined)
      for (const end of await Promise.all(ends)) {
        assert.ok(isTls(wrong)(end.error))
        assert.equal(end.text, '')
      }
    }
    const required = await serve({ clientAuthentication: 'required' })
    const refused = await dial(required.listener)
    assert.ok(isTls(/a certificate is asked for, and none was shown/)(refused.error))
    assert.ok(isTls(/a certificate is asked for, and none was shown/)((await required.ends[0]!).error))
    const requested = await serve({ clientAuthentication: 'requested' })
    assert.equal((await dial(requested.listener)).text, 'hello')
  })

  it('says what is wrong when only one side speaks TLS', async () => {
    const { listener, ends } = await serve()
    for (const [sent, pattern] of [
      [Buffer.from('00000020001200030000000000', 'hex'), /is not TLS$/],
      [Buffer.from('GET / HTTP/1.1\r\n\r\n'), /not TLS but HTTP/],
      [Buffer.alloc(100_000, 0xfe), /is not TLS/],
    ] as const) {
      const count = ends.length
      const socket = await raw(listener)
      socket.write(sent)
      while (ends.length === count) await new Promise((resolve) => setImmediate(resolve))
      assert.ok(isTls(pattern)((await ends.at(-1)!).error))
    }
    for (const answer of [undefined, 'HTTP/1.1 400 Bad Request\r\n']) {
      const plain = await network.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
        void endOf(connection, answer)
      })
      open.push(() => void plain.close())
      await assert.rejects(dial(plain), isTls(answer === undefined ? /does it speak TLS\?/ : /not TLS/))
    }
  })

  it('speaks no older version than it is told to', async () => {
    const { listener, ends } = await serve({ versionMin: '1.3' })
    const { port } = listener.address
    const socket = connectTls({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2', ca: authority.certificate })
    open.push(() => socket.destroy())
    await assert.rejects(
      new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject)),
      { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' },
    )
    assert.ok(isTls(/no version of TLS in common/)((await ends[0]!).error))
  })

  it('shows connections before their handshake, and ends those that take too long, however busy they are', async () => {
    const { listener, ends } = await serve({ handshakeTimeoutMs: 50 })
    const sockets = await Promise.all(Array.from({ length: 20 }, () => raw(listener)))
    // The beginning of a client hello, then one byte of it at a time.
    const drips = setInterval(() => {
      for (const socket of sockets) socket.write(Buffer.of(1))
    }, 5)
    for (const socket of sockets.slice(10)) socket.write(Buffer.from('1603010200010001fc0303', 'hex'))
    try {
      while (ends.length < 20) await new Promise((resolve) => setImmediate(resolve))
      const errors = (await Promise.all(ends)).map((end) => end.error?.message ?? 'none')
      const lateCount = errors.filter((message) => /handshake took more than 50 ms/.test(message)).length
      const strangeCount = errors.filter((message) => /is not TLS/.test(message)).length
      // On a machine that stands still, those who send nonsense may be late as well.
      assert.ok(lateCount >= 10 && lateCount + strangeCount === 20, errors.join('; '))
    } finally {
      clearInterval(drips)
    }
  })

  it('ends a connection whose peer breaks TLS after the handshake', async () => {
    const { listener, ends } = await serve()
    const wire = await raw(listener)
    wire.pause()
    const client = connectTls({ socket: wire, ca: authority.certificate, host: '127.0.0.1' })
    client.on('error', () => client.destroy())
    await new Promise((resolve) => client.once('secureConnect', resolve))
    client.write('hi')
    await new Promise((resolve) => client.once('data', resolve))
    // A record of application data that nobody has encrypted.
    wire.write(Buffer.concat([Buffer.from('1703030020', 'hex'), Buffer.alloc(32, 7)]))
    assert.ok((await ends[0]!).error instanceof NetworkError)
  })

  it('shows new connections the certificate that is in force then', async () => {
    let present = server
    const { listener } = await serve({ credentials: () => present })
    assert.equal((await dial(listener)).text, 'hello')
    present = { ...stranger.issue({ hosts: ['127.0.0.1'] }), authorities: stranger.certificate }
    await assert.rejects(dial(listener), isTls(/not signed/))
    assert.equal((await dial(listener, { authorities: stranger.certificate })).text, 'hello')
  })

  it('writes subjects as RFC 2253 has them', () => {
    assert.equal(subjectOf('C=DE\nO=a\\,b\nCN=x'), 'CN=x,O=a\\,b,C=DE')
    assert.equal(subjectOf(undefined), '')
  })
})
