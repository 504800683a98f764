import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Reader, Writer, decodeResponseHeader, encodeRequest } from '@polylog/wire'
import type { Api, Message } from '@polylog/wire'
import { formatAddress } from './address.ts'
import type { Address } from './address.ts'
import { ClientError } from './client-error.ts'
import { systemEnvironment } from './environment.ts'
import type { Environment } from './environment.ts'
import { connectSecurely, tlsReasonOf } from './tls.ts'
import type { TlsOptions } from './tls.ts'

/** A larger answer than this is taken for something that is not Kafka. */
const answerBytesMax = 256 * 1024 * 1024

export interface ConnectionOptions {
  clientId: string
  connectTimeoutMs: number
  /** Undefined: plain TCP. */
  tls?: TlsOptions | undefined
  /** Default: the machine's. */
  environment?: Environment
  /** Told once when the connection has failed; not told when it was closed on purpose. */
  onLost?: (error: ClientError) => void
  /** Holds the connection from its first attempt to its end, so that who owns it can close it at any time. */
  openOnes?: Set<{ close(): void }>
}

interface Exchange {
  api: Api
  version: number
  correlationId: number
  resolve: (body: Reader) => void
  reject: (error: ClientError) => void
  cancelTimer: () => void
}

/**
 * One connection to a broker, over TCP or TLS. Requests may be sent without waiting; brokers answer in order, so a slow
 * one (a long poll) holds back all behind it. After any failure the connection is dead and every exchange has been rejected.
 */
export class Connection {
  readonly address: Address
  readonly #socket: Socket
  readonly #clientId: string
  readonly #environment: Environment
  readonly #onLost: ConnectionOptions['onLost']
  readonly #openOnes: ConnectionOptions['openOnes']
  readonly #writer = new Writer(32 * 1024)
  readonly #exchanges: Exchange[] = []
  #correlationId = 0
  #chunks: Buffer[] = []
  #received = 0
  #wanted = 4
  #answerCount = 0
  #failure: ClientError | undefined

  private constructor(socket: Socket, address: Address, options: ConnectionOptions) {
    this.address = address
    this.#socket = socket
    this.#clientId = options.clientId
    this.#environment = options.environment ?? systemEnvironment
    this.#onLost = options.onLost
    this.#openOnes = options.openOnes
    options.openOnes?.add(this)
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) =>
      this.#fail(failure(`lost the connection to ${formatAddress(address)}`, address, error)),
    )
    socket.on('close', () => this.#fail(closedByBroker(address, this.#answerCount, options.tls)))
  }

  /** @throws ClientError 'unreachable', 'tls-failed', 'timed-out' with address and cause in the message */
  static open(address: Address, options: ConnectionOptions): Promise<Connection> {
    const what = `cannot reach a broker at ${formatAddress(address)}`
    return new Promise((resolve, reject) => {
      const { host, port } = address
      const socket = options.tls === undefined ? connect({ host, port }) : connectSecurely(address, options.tls)
      const environment = options.environment ?? systemEnvironment
      const giveUp = (error: ClientError): void => {
        cancelTimer()
        options.openOnes?.delete(attempt)
        socket.destroy()
        reject(error)
      }
      const cancelTimer = environment.after(options.connectTimeoutMs, () => {
        giveUp(new ClientError('timed-out', `${what}: no answer within ${options.connectTimeoutMs} ms`, { address }))
      })
      const attempt = { close: () => giveUp(new ClientError('closed', 'the client was closed', { address })) }
      options.openOnes?.add(attempt)
      const failed = (error: Error): void => giveUp(failure(what, address, error))
      socket.once('error', failed)
      socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => {
        cancelTimer()
        options.openOnes?.delete(attempt)
        socket.off('error', failed)
        resolve(new Connection(socket, address, options))
      })
    })
  }

  /** False once it has failed or was closed. */
  get usable(): boolean {
    return this.#failure === undefined
  }

  /**
   * Sends a request; resolves with a reader at the body of its answer.
   * @throws ClientError 'unreachable', 'timed-out', 'not-kafka', 'closed'; WireError for a value the version cannot carry
   */
  exchange<Q, I>(api: Api<Message<Q, I>>, version: number, value: NoInfer<I>, timeoutMs: number): Promise<Reader> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const correlationId = this.#correlationId
    this.#correlationId = (correlationId + 1) & 0x7fffffff
    encodeRequest(api, version, { correlationId, clientId: this.#clientId }, value, this.#writer)
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#environment.after(timeoutMs, () => this.#expire(api, timeoutMs))
      this.#exchanges.push({ api, version, correlationId, resolve, reject, cancelTimer })
      this.#socket.cork()
      for (const chunk of this.#writer.chunks()) this.#socket.write(chunk)
      this.#socket.uncork()
    })
  }

  /** Closes at once; what is under way is rejected with 'closed'. */
  close(): void {
    const { address } = this
    this.#fail(new ClientError('closed', `the connection to ${formatAddress(address)} was closed`, { address }))
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#received += chunk.length
    // An answer is put together only once it is whole, so that a large one is copied once.
    while (this.#failure === undefined && this.#received >= this.#wanted) {
      const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
      const size = bytes.readInt32BE(0)
      if (size < 4 || size > answerBytesMax) return this.#fail(notKafka(this.address))
      if (bytes.length >= 4 + size) {
        this.#answer(bytes.subarray(4, 4 + size))
        this.#keep(bytes.subarray(4 + size), 4)
      } else this.#keep(bytes, 4 + size)
    }
  }

  #keep(rest: Buffer, wanted: number): void {
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#received = rest.length
    this.#wanted = wanted
  }

  #answer(frame: Buffer): void {
    const exchange = this.#exchanges[0]
    if (exchange === undefined || frame.readInt32BE(0) !== exchange.correlationId)
      return this.#fail(notKafka(this.address))
    this.#exchanges.shift()
    exchange.cancelTimer()
    this.#answerCount++
    const reader = new Reader(frame)
    decodeResponseHeader(exchange.api, exchange.version, reader)
    exchange.resolve(reader)
  }

  /** Answers come in order, so that after one that never came nothing can be told apart. */
  #expire(api: Api, timeoutMs: number): void {
    const address = formatAddress(this.address)
    this.#fail(
      new ClientError('timed-out', `${address} did not answer ${api.name} within ${timeoutMs} ms`, { address }),
    )
  }

  #fail(error: ClientError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#openOnes?.delete(this)
    this.#socket.destroy()
    for (const exchange of this.#exchanges.splice(0)) {
      exchange.cancelTimer()
      exchange.reject(error)
    }
    if (error.code !== 'closed') this.#onLost?.(error)
  }
}

function closedByBroker(address: Address, answerCount: number, tls: TlsOptions | undefined): ClientError {
  if (answerCount === 0) return unanswered(address, tls)
  // ApiVersions is answered to everybody; who asks for more without a login is cut off.
  const hint = answerCount === 1 ? ' (does it want a login?)' : ''
  const message = `lost the connection to ${formatAddress(address)}: the broker closed it${hint}`
  return new ClientError('unreachable', message, { address })
}

function failure(what: string, address: Address, cause: Error): ClientError {
  const tlsReason = tlsReasonOf(cause)
  if (tlsReason !== undefined) return new ClientError('tls-failed', `${what}: ${tlsReason}`, { cause, address })
  return new ClientError('unreachable', `${what}: ${reasonOf(cause)}`, { cause, address })
}

/** The connection was closed before anything came. */
function unanswered(address: Address, tls: TlsOptions | undefined): ClientError {
  // A broker refuses a certificate after the handshake, of which it says nothing.
  if (tls?.certificate === undefined) return notKafka(address)
  const message = `the broker at ${formatAddress(address)} closed the connection after the TLS handshake; does it trust the certificate of this client?`
  return new ClientError('tls-failed', message, { address })
}

function notKafka(address: Address): ClientError {
  const message = `what listens at ${formatAddress(address)} does not answer like a Kafka broker (is it another port, or is TLS on at one end only?)`
  return new ClientError('not-kafka', message, { address })
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve at the moment',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ECONNRESET: 'the other side reset it',
  EPIPE: 'the other side closed it',
}

function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return reasons[code] ?? (error.message || code || 'unknown cause')
}
