import { readFileSync } from 'node:fs'
import { Agent as PlainAgent, request as plainRequest } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { HttpClientError } from '../http-client.ts'
import type {
  HttpClient,
  HttpClientAnswer,
  HttpClientErrorKind,
  HttpClientRequest,
  HttpClientStream,
} from '../http-client.ts'

/** Files in PEM. */
export interface TlsFiles {
  /** Authorities to trust instead of the system's. */
  readonly ca?: string
  /** Certificate to show, for servers that ask for one; goes with `key`. */
  readonly cert?: string
  readonly key?: string
}

export interface NodeHttpClientOptions {
  readonly tls?: TlsFiles
  /** Connections for whole answers, per server; further requests wait for one, within their time. Default 32. */
  readonly connectionCountMax?: number
}

/** How long a connection is silent before the system asks whether the peer is still there. */
const keepAliveProbeMs = 10_000

/** HTTP/1.1 by Node's own client. */
export class NodeHttpClient implements HttpClient {
  readonly #plain: PlainAgent
  readonly #secure: TlsAgent
  readonly #tls: { ca?: Buffer; cert?: Buffer; key?: Buffer }
  readonly #closing = new AbortController()

  /** Reads the files of `tls`. Throws an Error that names the file it could not read. */
  constructor(options: NodeHttpClientOptions = {}) {
    const agentOptions = {
      keepAlive: true,
      keepAliveMsecs: keepAliveProbeMs,
      maxSockets: options.connectionCountMax ?? 32,
    }
    this.#tls = readTls(options.tls ?? {})
    this.#plain = new PlainAgent(agentOptions)
    this.#secure = new TlsAgent({ ...agentOptions, ...this.#tls })
  }

  request(request: HttpClientRequest, answerBytesMax: number): Promise<HttpClientAnswer> {
    return new Promise((resolve, reject) => {
      const agent = request.url.startsWith('https:') ? this.#secure : this.#plain
      const failed = (error: HttpClientError): void => {
        if (error.sent) dropIdle(agent, new URL(request.url))
        reject(error)
      }
      const exchange = new Exchange(this.#send(request, agent), request, this.#closing.signal, failed)
      exchange.sent.once('response', (response) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > answerBytesMax) exchange.fail('too-large', `the answer has more than ${answerBytesMax} bytes`)
          else chunks.push(chunk)
        })
        response.once('error', (error) => exchange.fail('cut-off', error.message, error))
        response.once('end', () => {
          if (exchange.finish()) resolve({ status: response.statusCode!, body: Buffer.concat(chunks, size).toString() })
        })
      })
    })
  }

  stream(request: HttpClientRequest, signal: AbortSignal): Promise<HttpClientStream> {
    return new Promise((resolve, reject) => {
      const over = AbortSignal.any([signal, this.#closing.signal])
      const exchange = new Exchange(this.#send(request, false), request, over, reject)
      exchange.sent.once('response', (response) => {
        if (!exchange.finish()) return
        const end = (): void => void response.destroy()
        over.addEventListener('abort', end)
        response.once('close', () => over.removeEventListener('abort', end))
        // An error before the first chunk is asked for is kept by the stream, and thrown then.
        response.on('error', end)
        resolve({ status: response.statusCode!, chunks: chunksOf(response, over) })
      })
    })
  }

  close(): void {
    this.#closing.abort()
    this.#plain.destroy()
    this.#secure.destroy()
  }

  #send(request: HttpClientRequest, agent: PlainAgent | TlsAgent | false): ClientRequest {
    const isSecure = request.url.startsWith('https:')
    const headers = { ...request.headers, 'content-length': Buffer.byteLength(request.body) }
    const options = { method: request.method, headers, agent, ...(isSecure ? this.#tls : {}) }
    const sent = isSecure ? tlsRequest(request.url, options) : plainRequest(request.url, options)
    sent.setNoDelay(true)
    if (agent === false) sent.setSocketKeepAlive(true, keepAliveProbeMs)
    sent.end(request.body)
    return sent
  }
}

/** One request until its answer is complete: watches over its times, and knows whether anything was sent. */
class Exchange {
  readonly sent: ClientRequest
  readonly #reject: (error: HttpClientError) => void
  readonly #over: AbortSignal
  readonly #host: string
  #connectTimer: NodeJS.Timeout | undefined
  readonly #timer: NodeJS.Timeout
  readonly #aborted = (): void => this.fail('aborted', 'the request was given up')
  #connected = false
  #finished = false

  constructor(
    sent: ClientRequest,
    request: HttpClientRequest,
    over: AbortSignal,
    reject: (error: HttpClientError) => void,
  ) {
    this.sent = sent
    this.#reject = reject
    this.#over = over
    this.#host = new URL(request.url).host
    const { timeoutMs } = request
    this.#timer = setTimeout(
      () => this.fail(this.#connected ? 'timed-out' : 'connect', `no answer within ${timeoutMs} ms`),
      timeoutMs,
    )
    sent.once('socket', (socket: Socket) => this.#watch(socket, request))
    sent.on('error', (error) => this.fail(this.#connected ? 'cut-off' : 'connect', error.message, error))
    if (over.aborted) this.#aborted()
    else over.addEventListener('abort', this.#aborted)
  }

  fail(kind: HttpClientErrorKind, message: string, cause?: Error): void {
    if (!this.finish()) return
    this.sent.destroy()
    this.#reject(new HttpClientError(kind, this.#connected, `${this.#host}: ${message}`, { cause }))
  }

  /** Stops watching. Returns false if that had been done before. */
  finish(): boolean {
    if (this.#finished) return false
    this.#finished = true
    clearTimeout(this.#connectTimer)
    clearTimeout(this.#timer)
    this.#over.removeEventListener('abort', this.#aborted)
    return true
  }

  /** From here on the request has a connection, which may still have to be made. */
  #watch(socket: Socket, { url, connectTimeoutMs }: HttpClientRequest): void {
    // A socket that is used again is connected already, and its TLS is set up.
    if (this.sent.reusedSocket || !socket.connecting) {
      this.#connected = true
      return
    }
    this.#connectTimer = setTimeout(
      () => this.fail('connect', `no connection within ${connectTimeoutMs} ms`),
      connectTimeoutMs,
    )
    socket.once(url.startsWith('https:') ? 'secureConnect' : 'connect', () => {
      this.#connected = true
      clearTimeout(this.#connectTimer)
    })
  }
}

async function* chunksOf(response: IncomingMessage, over: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) yield chunk
  } catch (error) {
    if (over.aborted) throw givenUp(error)
    throw new HttpClientError('cut-off', true, error instanceof Error ? error.message : String(error), { cause: error })
  }
  if (over.aborted) throw givenUp()
}

function givenUp(cause?: unknown): HttpClientError {
  return new HttpClientError('aborted', true, 'the stream was given up', { cause })
}

/**
 * Closes the idle connections to a server that has just failed us. They are most likely dead as well, and a request sent
 * on a dead connection has an unknown outcome.
 */
function dropIdle(agent: PlainAgent | TlsAgent, { protocol, hostname, port }: URL): void {
  const name = agent.getName({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || (protocol === 'https:' ? 443 : 80),
  })
  // The names of TLS connections go on with their settings.
  const server = name.replace(/:+$/, ':')
  for (const [key, sockets] of Object.entries(agent.freeSockets)) {
    if (key.startsWith(server)) for (const socket of sockets ?? []) socket.destroy()
  }
}

function readTls(files: TlsFiles): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const read = (what: string, path: string): Buffer => {
    try {
      return readFileSync(path)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`cannot read the ${what} file for TLS: ${reason}`, { cause: error })
    }
  }
  return {
    ...(files.ca === undefined ? {} : { ca: read('ca', files.ca) }),
    ...(files.cert === undefined ? {} : { cert: read('cert', files.cert) }),
    ...(files.key === undefined ? {} : { key: read('key', files.key) }),
  }
}
