import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { HttpClientError } from '../http-client.ts'
import type { HttpClientRequest } from '../http-client.ts'
import { NodeHttpClient } from './node-http-client.ts'

let client = new NodeHttpClient()
const servers: (Server | NetServer)[] = []
const sockets = new Set<Socket>()

describe('node http client', () => {
  afterEach(async () => {
    client.close()
    client = new NodeHttpClient()
    for (const socket of sockets) socket.destroy()
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
  })

  async function listen(server: Server | NetServer): Promise<string> {
    servers.push(server)
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/path`
  }

  function serve(listener: RequestListener): Promise<string> {
    return listen(createHttpServer(listener))
  }

  /** A server that does with the raw connection what it is told. */
  function serveRaw(onData: (socket: Socket) => void): Promise<string> {
    return listen(createServer((socket) => socket.on('data', () => onData(socket)).on('error', () => socket.destroy())))
  }

  function post(url: string, times: Partial<HttpClientRequest> = {}): HttpClientRequest {
    return {
      method: 'POST',
      url,
      headers: { 'x-test': 't' },
      body: 'hällo',
      connectTimeoutMs: 5000,
      timeoutMs: 5000,
      ...times,
    }
  }

  async function failure(promise: Promise<unknown>): Promise<readonly [string, boolean]> {
    const error: unknown = await promise.then(
      () => assert.fail('it did not fail'),
      (reason: unknown) => reason,
    )
    assert.ok(error instanceof HttpClientError, String(error))
    return [error.kind, error.sent]
  }

  const headers = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n'

  describe('NodeHttpClient, whole answers', () => {
    it('sends and reads, and uses its connections again', async () => {
      const url = await serve((request, response) => {
        request.setEncoding('utf8').on('data', (body) => response.end(`${String(request.headers['x-test'])} ${body}`))
      })
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(await client.request(post(url), 100), { status: 200, body: 't hällo' })
      }
      assert.equal(sockets.size, 1)
    })

    it('knows when nothing was sent', async () => {
      const url = await serve((_, response) => response.end())
      const taken = servers.splice(0)
      await new Promise((resolve) => taken[0]!.close(resolve))
      assert.deepEqual(await failure(client.request(post(url), 100)), ['connect', false])
      assert.deepEqual(await failure(client.request(post('http://none.invalid/'), 100)), ['connect', false])
      const plain = await serveRaw((socket) => socket.end('this is no TLS'))
      assert.deepEqual(await failure(client.request(post(plain.replace('http:', 'https:')), 100)), ['connect', false])
      const silent = await serveRaw(() => {})
      const handshake = post(silent.replace('http:', 'https:'), { connectTimeoutMs: 30 })
      assert.deepEqual(await failure(client.request(handshake, 100)), ['connect', false])
    })

    it('a request that waits for a connection until its time is over was not sent', async () => {
      client.close()
      client = new NodeHttpClient({ connectionCountMax: 1 })
      const url = await serveRaw(() => {})
      const first = failure(client.request(post(url, { timeoutMs: 300 }), 100))
      assert.deepEqual(await failure(client.request(post(url, { timeoutMs: 50 }), 100)), ['connect', false])
      assert.deepEqual(await first, ['timed-out', true])
    })

    it('knows when nobody knows', async () => {
      const silent = await serveRaw(() => {})
      assert.deepEqual(await failure(client.request(post(silent, { timeoutMs: 50 }), 100)), ['timed-out', true])
      const half = await serveRaw((socket) => socket.write(`${headers}half`))
      assert.deepEqual(await failure(client.request(post(half, { timeoutMs: 50 }), 100)), ['timed-out', true])
      const closing = await serveRaw((socket) => socket.end(`${headers}half`))
      assert.deepEqual(await failure(client.request(post(closing), 100)), ['cut-off', true])
      const resetting = await serveRaw((socket) => socket.resetAndDestroy())
      assert.deepEqual(await failure(client.request(post(resetting), 100)), ['cut-off', true])
      const strange = await serveRaw((socket) => socket.end('SSH-2.0\r\n\r\n'))
      assert.deepEqual(await failure(client.request(post(strange), 100)), ['cut-off', true])
    })

    it('does not trust the other connections to a server that has failed', async () => {
      let isDead = false
      const old = new Set<Socket>()
      const url = await serveRaw((socket) => {
        if (!isDead) old.add(socket)
        if (!old.has(socket) || !isDead) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
      })
      await Promise.all([1, 2, 3].map(() => client.request(post(url), 100)))
      assert.ok(old.size > 1)
      isDead = true
      assert.deepEqual(await failure(client.request(post(url, { timeoutMs: 50 }), 100)), ['timed-out', true])
      assert.equal((await client.request(post(url), 100)).status, 200)
    })

    it('refuses long answers', async () => {
      const url = await serve((_, response) => response.end('x'.repeat(1000)))
      assert.deepEqual(await failure(client.request(post(url), 999)), ['too-large', true])
      assert.equal((await client.request(post(url), 1000)).body.length, 1000)
    })

    it('close ends what is under way', async () => {
      let arrived = (): void => {}
      const arriving = new Promise<void>((resolve) => (arrived = resolve))
      const url = await serveRaw(() => arrived())
      const request = failure(client.request(post(url), 100))
      await arriving
      client.close()
      client.close()
      assert.deepEqual(await request, ['aborted', true])
    })

    it('names the file that it cannot read', () => {
      assert.throws(
        () => new NodeHttpClient({ tls: { ca: '/none/ca.pem' } }),
        /cannot read the ca file for TLS: .*\/none\/ca\.pem/,
      )
    })
  })

  describe('NodeHttpClient, streams', () => {
    const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n'

    async function read(url: string, signal: AbortSignal, onChunk: (text: string) => void): Promise<void> {
      const { status, chunks } = await client.stream(post(url), signal)
      assert.equal(status, 200)
      for await (const chunk of chunks) onChunk(Buffer.from(chunk).toString())
    }

    it('hands over what comes, as it comes, until the end', async () => {
      let server: Socket | undefined
      const url = await serveRaw((socket) => {
        server = socket
        socket.write(chunked)
      })
      const texts: string[] = []
      await read(url, new AbortController().signal, (text) => {
        texts.push(text)
        if (texts.length === 1) server!.write('6\r\nsecond\r\n0\r\n\r\n')
      })
      assert.deepEqual(texts, ['first', 'second'])
    })

    it('tells a stream that was cut off from one that ended', async () => {
      const url = await serveRaw((socket) => socket.write(chunked))
      const reading = read(url, new AbortController().signal, () => [...sockets][0]!.destroy())
      assert.deepEqual(await failure(reading), ['cut-off', true])
    })

    it('ends when the signal fires or the client closes, before the headers and behind them', async () => {
      for (const close of [true, false]) {
        const controller = new AbortController()
        const end = (): void => (close ? client.close() : controller.abort())
        const url = await serveRaw((socket) => socket.write(chunked))
        assert.deepEqual(await failure(read(url, controller.signal, end)), ['aborted', true])
        client = new NodeHttpClient()
        const silent = await serveRaw(() => (close ? client.close() : late.abort()))
        const late = new AbortController()
        assert.deepEqual(await failure(client.stream(post(silent), late.signal)), ['aborted', true])
        client = new NodeHttpClient()
      }
    })

    it('waits for headers no longer than it should, and for the rest as long as it takes', async () => {
      const silent = await serveRaw(() => {})
      const { signal } = new AbortController()
      assert.deepEqual(await failure(client.stream(post(silent, { timeoutMs: 50 }), signal)), ['timed-out', true])
      let server: Socket | undefined
      const url = await serveRaw((socket) => {
        server = socket
        socket.write(chunked)
      })
      const { chunks } = await client.stream(post(url, { timeoutMs: 60 }), signal)
      const iterator = chunks[Symbol.asyncIterator]()
      await iterator.next()
      const more = iterator.next()
      // The time limit of the headers passes while the stream is silent.
      await new Promise((resolve) => setTimeout(resolve, 120))
      server!.write('6\r\nsecond\r\n0\r\n\r\n')
      assert.equal(Buffer.from((await more).value as Uint8Array).toString(), 'second')
    })
  })
})
