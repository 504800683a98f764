import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { describe, it } from 'node:test'
import { Reader, Writer, apis, decodeRequestHeader, encodeResponse } from '@polylog/wire'
import { formatAddress } from './address.ts'
import { parseAddresses } from './parse-addresses.ts'
import { ClientError } from './client-error.ts'
import { Cluster } from './cluster.ts'
import { FakeBroker } from './testing/fake-broker.ts'

function isClientError(kind: ClientError['code'], pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ClientError, String(error))
    assert.match(error.message, pattern)
    assert.equal(error.code, kind)
    return true
  }
}

/** A server that is no Kafka broker: `talk` says what it does with a connection. */
async function serve(talk: (socket: Socket) => void): Promise<{ address: string; server: Server } & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.resume()
    talk(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  const address = `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`
  return {
    address,
    server,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())),
  }
}

describe('a connection', () => {
  it('says which address cannot be reached, and why', async () => {
    await using gone = await serve(() => {})
    await new Promise((resolve) => gone.server.close(resolve))
    await using cluster = new Cluster({ brokers: gone.address })
    const pattern = new RegExp(`^cannot reach a broker at ${gone.address}: nothing listens there`)
    await assert.rejects(cluster.describe(), isClientError('unreachable', pattern))
    await using unknown = new Cluster({ brokers: 'no-such-host.invalid:1' })
    await assert.rejects(unknown.describe(), isClientError('unreachable', /no-such-host\.invalid:1: the host name/))
  })

  it('says when what answers is not Kafka', async () => {
    for (const talk of [
      (socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      (socket: Socket) => void socket.write(Buffer.alloc(16)),
      (socket: Socket) => void socket.write(Buffer.from('00000008ffffffff00000000', 'hex')),
      (socket: Socket) => void socket.destroy(),
    ]) {
      await using server = await serve(talk)
      await using cluster = new Cluster({ brokers: server.address })
      await assert.rejects(cluster.describe(), isClientError('not-kafka', /does not answer like a Kafka broker/))
    }
  })

  it('gives up waiting, and says for what', async () => {
    await using server = await serve((socket) => void socket.resume())
    await using cluster = new Cluster({ brokers: server.address, requestTimeoutMs: 20 })
    await assert.rejects(cluster.describe(), isClientError('timed-out', /did not answer ApiVersions within 20 ms/))
  })

  it('is made anew after it broke', async () => {
    await using fake = await FakeBroker.start()
    await using cluster = new Cluster({ brokers: fake.address })
    await cluster.describe()
    const [, broken] = [fake.disconnect(), cluster.describe()]
    await broken.catch((error: unknown) => assert.ok(error instanceof ClientError && error.retriable))
    assert.equal((await cluster.describe()).clusterId, 'fake')
  })

  it('cannot be used after the client was closed', async () => {
    await using fake = await FakeBroker.start({ 3: () => undefined })
    const cluster = new Cluster({ brokers: fake.address })
    const pending = cluster.describe()
    const rejected = assert.rejects(pending, isClientError('closed', /was closed/))
    while (!fake.asked.includes('Metadata')) await new Promise((resolve) => setImmediate(resolve))
    await cluster.close()
    await rejected
    await assert.rejects(cluster.describe(), isClientError('closed', /the client was closed/))
  })

  it('puts answers together from pieces of any size', async () => {
    await using fake = await FakeBroker.start()
    await using fragmenting = await serve((socket) => {
      let bytes = Buffer.alloc(0)
      socket.on('data', (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk])
        if (bytes.length < 4 || bytes.length < 4 + bytes.readInt32BE(0)) return
        const { apiKey, apiVersion, correlationId } = decodeRequestHeader(new Reader(bytes.subarray(4)))
        bytes = Buffer.alloc(0)
        const writer = new Writer()
        const versions = [18, 3].map((key) => ({ apiKey: key, minVersion: 0, maxVersion: 4 }))
        if (apiKey === 18)
          encodeResponse(apis[18], apiVersion, correlationId, { errorCode: 0, apiKeys: versions }, writer)
        else encodeResponse(apis[3], apiVersion, correlationId, fake.metadata(null), writer)
        for (const byte of writer.concat()) socket.write(Uint8Array.of(byte))
      })
    })
    await using cluster = new Cluster({ brokers: fragmenting.address })
    assert.equal((await cluster.describe()).topics[0]?.partitions.length, 2)
  })
})

describe('version negotiation', () => {
  it('falls back for a broker that knows only the oldest ApiVersions', async () => {
    const seen: number[] = []
    await using server = await serve((socket) => {
      socket.on('data', (chunk: Buffer) => {
        const { apiVersion, correlationId } = decodeRequestHeader(new Reader(chunk.subarray(4)))
        seen.push(apiVersion)
        const writer = new Writer()
        const apiKeys = [{ apiKey: 18, minVersion: 0, maxVersion: 0 }]
        const errorCode = apiVersion === 0 ? 0 : 35
        encodeResponse(apis[18], 0, correlationId, { errorCode, apiKeys }, writer)
        socket.write(writer.concat())
      })
    })
    await using cluster = new Cluster({ brokers: server.address })
    const unsupported = /cannot serve Metadata: it does not have it/
    await assert.rejects(cluster.describe(), isClientError('unsupported', unsupported))
    assert.deepEqual(seen, [3, 0])
  })
})

describe('addresses', () => {
  it('are read from a list', () => {
    assert.deepEqual(parseAddresses('a:1, [::1]:2,b').map(formatAddress), ['a:1', '[::1]:2', 'b:9092'])
    for (const text of ['', 'a:', 'a:0', 'a:99999', 'http://a:1', 'a b:1']) {
      assert.throws(() => parseAddresses(text), isClientError('invalid', /not an address/))
    }
  })
})
