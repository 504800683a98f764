import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Reader, Writer, decodeResponseHeader, encodeRequest } from '@polylog/wire'
import type { Api, Message } from '@polylog/wire'
import { formatAddress } from './address.ts'
import type { Address } from './address.ts'
import { ClientError } from './client-error.ts'

/** A larger answer than this is taken for something that is not Kafka. */
const answerBytesMax = 256 * 1024 * 1024

export interface ConnectionOptions {
  clientId: string
  connectTimeoutMs: number
}

interface Exchange {
  api: Api
  version: number
  correlationId: number
  resolve: (body: Reader) => void
  reject: (error: ClientError) => void
  timer: NodeJS.Timeout
}

/**
 * One TCP connection to a broker. Requests may be sent without waiting; brokers answer in order, so a slow one (a long
 * poll) holds back all behind it. After any failure the connection is dead and every exchange has been rejected.
 */
export class Connection {
  readonly address: Address
  readonly #socket: Socket
  readonly #clientId: string
  readonly #writer = new Writer(32 * 1024)
  readonly #exchanges: Exchange[] = []
  #correlationId = 0
  #chunks: Buffer[] = []
  #received = 0
  #wanted = 4
  #answered = false
  #failure: ClientError | undefined

  private constructor(socket: Socket, address: Address, options: ConnectionOptions) {
    this.address = address
    this.#socket = socket
    this.#clientId = options.clientId
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => this.#fail(lost(address, reasonOf(error), error)))
    socket.on('close', () => this.#fail(this.#answered ? lost(address, 'the broker closed it') : notKafka(address)))
  }

  /** @throws ClientError 'unreachable', 'timed-out' with address and cause in the message */
  static open(address: Address, options: ConnectionOptions): Promise<Connection> {
    const what = `cannot reach a broker at ${formatAddress(address)}`
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address.host, port: address.port })
      const timer = setTimeout(() => {
        socket.destroy()
        const message = `${what}: no answer within ${options.connectTimeoutMs} ms`
        reject(new ClientError('timed-out', message))
      }, options.connectTimeoutMs)
      const failed = (error: Error): void => {
        clearTimeout(timer)
        reject(new ClientError('unreachable', `${what}: ${reasonOf(error)}`, { cause: error }))
      }
      socket.once('error', failed)
      socket.once('connect', () => {
        clearTimeout(timer)
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
      const timer = setTimeout(() => this.#expire(api, timeoutMs), timeoutMs)
      this.#exchanges.push({ api, version, correlationId, resolve, reject, timer })
      this.#socket.cork()
      for (const chunk of this.#writer.chunks()) this.#socket.write(chunk)
      this.#socket.uncork()
    })
  }

  /** Closes at once; what is under way is rejected with 'closed'. */
  close(): void {
    this.#fail(new ClientError('closed', `the connection to ${formatAddress(this.address)} was closed`))
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
    clearTimeout(exchange.timer)
    this.#answered = true
    const reader = new Reader(frame)
    decodeResponseHeader(exchange.api, exchange.version, reader)
    exchange.resolve(reader)
  }

  /** Answers come in order, so that after one that never came nothing can be told apart. */
  #expire(api: Api, timeoutMs: number): void {
    const address = formatAddress(this.address)
    this.#fail(new ClientError('timed-out', `${address} did not answer ${api.name} within ${timeoutMs} ms`))
  }

  #fail(error: ClientError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#socket.destroy()
    for (const exchange of this.#exchanges.splice(0)) {
      clearTimeout(exchange.timer)
      exchange.reject(error)
    }
  }
}

function lost(address: Address, reason: string, cause?: Error): ClientError {
  return new ClientError('unreachable', `lost the connection to ${formatAddress(address)}: ${reason}`, { cause })
}

function notKafka(address: Address): ClientError {
  const message = `what listens at ${formatAddress(address)} does not answer like a Kafka broker (is it another port, or TLS?)`
  return new ClientError('not-kafka', message)
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
