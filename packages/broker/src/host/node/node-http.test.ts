import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import type { RequestOptions } from 'node:https'
import { connect } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { Authority } from '../../../../../test/certificates/authority.ts'
import { httpLimitDefaults } from '../http.ts'
import type { HttpHandler, HttpLimits, HttpListener } from '../http.ts'
import { NetworkError } from '../network.ts'
import type { TlsListenOptions } from '../tls.ts'
import { NodeHttpServer } from './node-http.ts'

let listener: HttpListener | undefined

async function listen(handler: HttpHandler, limits: Partial<HttpLimits> = {}, tls?: TlsListenOptions): Promise<string> {
  const anyPort = { host: '127.0.0.1', port: 0 }
  listener = await new NodeHttpServer().listen(anyPort, handler, { ...httpLimitDefaults, ...limits }, tls)
  return `http://127.0.0.1:${listener.address.port}`
}

describe('node http', () => {
  afterEach(async () => {
    await listener?.close(0)
    listener = undefined
  })

  const echo: HttpHandler = (request) => ({
    status: 200,
    headers: { 'x-method': request.method },
    body: `${request.path} ${[...request.query].join(';')} ${request.headers.get('x-test')} ${Buffer.from(request.body).toString()}`,
  })

  describe('NodeHttpServer', () => {
    it('hands whole requests to the handler', async () => {
      const url = await listen(echo)
      const response = await fetch(`${url}/a%20b?c=d&e`, { method: 'POST', body: 'hello', headers: { 'X-Test': 't' } })
      assert.equal(await response.text(), '/a b c,d;e, t hello')
      assert.equal(response.headers.get('x-method'), 'POST')
      const head = await fetch(`${url}/x`, { method: 'HEAD' })
      assert.equal(await head.text(), '')
    })

    it('answers over TLS with the certificate that is in force, and only those who show one if they must', async () => {
      const authority = new Authority('ours')
      const issue = () => ({ ...authority.issue({ hosts: ['127.0.0.1'] }), authorities: authority.certificate })
      let credentials = issue()
      const tls = { credentials: () => credentials, versionMin: '1.2', handshakeTimeoutMs: 10_000 } as const
      const ask = (options: RequestOptions): Promise<string> => {
        return new Promise((resolve, reject) => {
          const { port } = listener!.address
          const sent = request({
            host: '127.0.0.1',
            port,
            path: '/x',
            agent: false,
            ca: authority.certificate,
            ...options,
          })
          sent.once('error', reject).once('response', (response) => {
            response.resume()
            const { fingerprint256 } = (response.socket as TLSSocket).getPeerCertificate()
            response.once('end', () => resolve(`${response.statusCode} ${fingerprint256}`))
          })
          sent.end()
        })
      }
      await listen(echo, {}, { ...tls, clientAuthentication: 'none' })
      assert.equal(await ask({}), `200 ${new X509Certificate(credentials.certificate).fingerprint256}`)
      credentials = issue()
      assert.equal(await ask({}), `200 ${new X509Certificate(credentials.certificate).fingerprint256}`)
      await listener!.close(0)
      await listen(echo, {}, { ...tls, clientAuthentication: 'required' })
      await assert.rejects(ask({}))
      const { certificate: cert, key } = authority.issue()
      assert.match(await ask({ cert, key }), /^200 /)
    })

    it('refuses long bodies, announced or not', async () => {
      const url = await listen(echo, { bodyBytesMax: 10 })
      const announced = await fetch(url, { method: 'POST', body: 'x'.repeat(11) })
      assert.equal(announced.status, 413)
      const stream = new Blob(['x'.repeat(100_000)]).stream()
      const chunked = await fetch(url, { method: 'POST', body: stream, duplex: 'half' })
      assert.equal(chunked.status, 413)
      assert.match(await chunked.text(), /more than 10 bytes/)
    })

    it('survives garbage, bad paths and a handler that throws', async (t) => {
      const url = await listen(() => {
        throw new Error('broken handler')
      })
      t.mock.method(process, 'emitWarning', () => {})
      assert.equal((await fetch(url)).status, 500)
      assert.equal((await fetch(`${url}/%E0%A4%A`)).status, 400)
      const socket = connect(listener!.address.port, '127.0.0.1')
      socket.end('\x00\x01garbage\r\n\r\n')
      let answer = ''
      for await (const chunk of socket) answer += String(chunk)
      assert.match(answer, /^HTTP\/1\.1 400 /)
    })

    it('says so when the port is taken', async () => {
      await listen(echo)
      const again = new NodeHttpServer().listen(listener!.address, echo, httpLimitDefaults)
      await assert.rejects(again, (error) => error instanceof NetworkError && error.kind === 'in-use')
    })

    it('ends connections that linger when it closes', async () => {
      await listen(() => new Promise(() => {}))
      const socket = connect(listener!.address.port, '127.0.0.1')
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
      await new Promise((resolve) => socket.once('connect', resolve))
      await listener!.close(1)
      socket.destroy()
    })
  })
})
