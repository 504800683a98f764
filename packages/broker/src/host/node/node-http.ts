import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { HttpHandler, HttpLimits, HttpListener, HttpRequest, HttpResponse, HttpServer } from '../http.ts'
import type { Address } from '../network.ts'
import type { TlsListenOptions } from '../tls.ts'
import { plainHost } from './node-connection.ts'
import { networkErrorOf } from './node-network-error.ts'
import { pemOf } from './node-tls.ts'

const headerBytesMax = 16_384

/** HTTP/1.1 by Node's own parser, over TLS if asked for. */
export class NodeHttpServer implements HttpServer {
  listen(address: Address, handler: HttpHandler, limits: HttpLimits, tls?: TlsListenOptions): Promise<HttpListener> {
    const options = {
      maxHeaderSize: headerBytesMax,
      headersTimeout: limits.requestTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.requestTimeoutMs, 5000),
    }
    const answer: RequestListener = (request, response) => void serve(request, response, handler, limits)
    const server = tls === undefined ? createServer(options, answer) : secureServer(options, tls, answer)
    server.maxConnections = limits.connectionCountMax
    return new Promise((resolve, reject) => {
      const what = `cannot listen on ${address.host}:${address.port}`
      server.once('error', (error) => reject(networkErrorOf(error, what, 'unknown-host')))
      server.listen({ host: address.host, port: address.port }, () => {
        server.removeAllListeners('error')
        // A failed accept concerns one peer, which the system tells; it must not end the broker.
        server.on('error', (error) => process.emitWarning(`an HTTP connection was refused: ${error.message}`))
        resolve(new NodeHttpListener(server))
      })
    })
  }
}

function secureServer(options: ServerOptions, tls: TlsListenOptions, answer: RequestListener): Server {
  const { clientAuthentication, versionMin, handshakeTimeoutMs } = tls
  const securityOf = (credentials: ReturnType<TlsListenOptions['credentials']>) => ({
    ...pemOf(credentials),
    minVersion: `TLSv${versionMin}` as const,
    sessionIdContext: 'polylog-http',
  })
  let present = tls.credentials()
  const server = createSecureServer(
    {
      ...options,
      ...securityOf(present),
      requestCert: clientAuthentication !== 'none',
      rejectUnauthorized: clientAuthentication === 'required',
      handshakeTimeout: handshakeTimeoutMs,
    },
    answer,
  )
  // Before the server's own listener, which takes the certificate that is set then.
  server.prependListener('connection', () => {
    const credentials = tls.credentials()
    if (credentials === present) return
    present = credentials
    server.setSecureContext(securityOf(credentials))
  })
  return server
}

class NodeHttpListener implements HttpListener {
  readonly address: Address
  readonly #server: Server

  constructor(server: Server) {
    this.#server = server
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('an HTTP listener without an address')
    this.address = { host: bound.address, port: bound.port }
  }

  close(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#server.closeAllConnections(), timeoutMs)
      this.#server.close(() => {
        clearTimeout(timer)
        resolve()
      })
      this.#server.closeIdleConnections()
    })
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  handler: HttpHandler,
  limits: HttpLimits,
): Promise<void> {
  try {
    const body = await readBody(request, limits.bodyBytesMax)
    const target = parseTarget(request.url ?? '/')
    if (body === undefined)
      send(request, response, plain(413, 'too-large', `The body has more than ${limits.bodyBytesMax} bytes.`))
    else if (target === undefined) send(request, response, plain(400, 'invalid-path', 'The path is not valid.'))
    else
      send(
        request,
        response,
        await handler({
          ...target,
          method: request.method ?? 'GET',
          headers: headersOf(request),
          body,
          remoteHost: plainHost(request.socket.remoteAddress ?? ''),
        }),
      )
  } catch (error) {
    // The client gave up while sending, or the handler broke its promise not to throw.
    if (request.destroyed && !request.complete) return
    process.emitWarning(error instanceof Error ? error : String(error))
    if (response.headersSent) response.destroy()
    else send(request, response, plain(500, 'internal', 'This is a bug in the broker; its log says more.'))
  }
}

/** The body, or undefined if it is longer than the limit; then the rest is not read. */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return undefined
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

function parseTarget(url: string): Pick<HttpRequest, 'path' | 'query'> | undefined {
  const at = url.indexOf('?')
  try {
    const path = decodeURIComponent(at < 0 ? url : url.slice(0, at))
    if (!path.startsWith('/')) return undefined
    return { path, query: new Map(at < 0 ? [] : new URLSearchParams(url.slice(at + 1))) }
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

function headersOf(request: IncomingMessage): Map<string, string> {
  const headers = new Map<string, string>()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, typeof value === 'string' ? value : value.join(', '))
  }
  return headers
}

function plain(status: number, error: string, message: string): HttpResponse {
  const body = `${JSON.stringify({ error, message })}\n`
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body }
}

function send(request: IncomingMessage, response: ServerResponse, answer: HttpResponse): void {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  const headers: Record<string, string | number> = { ...answer.headers }
  if (request.method !== 'HEAD') headers['content-length'] = body.length
  // What was not read of a body would be taken for the next request.
  if (!request.complete) headers['connection'] = 'close'
  response.writeHead(answer.status, headers)
  response.end(request.method === 'HEAD' ? undefined : body)
}
