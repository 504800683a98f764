import { Reader, Writer, decode, decodeResponseHeader, encodeRequest } from '@polylog/wire'
import type { Api, Message } from '@polylog/wire'
import type { Host } from '../../../packages/broker/src/host/host.ts'
import type { Address, Connection, Receiver } from '../../../packages/broker/src/host/network.ts'

/** No answer: the connection was lost or the time was over. What was asked may have been done. */
export class NoAnswer extends Error {}

interface Exchange {
  correlationId: number
  answered: (frame: Buffer) => void
  lost: (error: NoAnswer) => void
  timer: { cancel(): void }
}

/** For all connections: what has arrived is copied at once. */
const buffer = Buffer.alloc(64 * 1024)

/** One connection of a simulated client to a broker. Requests may be sent without waiting; answers come in order. */
export class WireConnection implements Receiver {
  /** The machine at the other end. */
  readonly peer: string
  readonly #host: Host
  readonly #connection: Connection
  readonly #clientId: string
  readonly #writer = new Writer()
  readonly #exchanges: Exchange[] = []
  #received: Buffer[] = []
  #receivedBytes = 0
  #wantedBytes = 4
  #correlationId = 0
  #dead = false

  private constructor(host: Host, connection: Connection, peer: string, clientId: string) {
    this.peer = peer
    this.#host = host
    this.#connection = connection
    this.#clientId = clientId
    connection.receive(this)
  }

  /** @throws NoAnswer */
  static async open(host: Host, address: Address, clientId: string): Promise<WireConnection> {
    let connection
    try {
      connection = await host.network.connect(address, 2000)
    } catch (error) {
      throw new NoAnswer(`cannot connect to ${address.host}`, { cause: error })
    }
    return new WireConnection(host, connection, address.host, clientId)
  }

  get isUsable(): boolean {
    return !this.#dead
  }

  /** Rejects with NoAnswer. After a time-out the connection is closed, as what follows could not be told apart. */
  exchange<Q, I, R, RI>(
    api: Api<Message<Q, I>, Message<R, RI>>,
    version: number,
    request: NoInfer<I>,
    timeoutMs: number,
  ): Promise<R> {
    if (this.#dead) return Promise.reject(new NoAnswer('the connection is closed'))
    const correlationId = (this.#correlationId += 1)
    encodeRequest(api, version, { correlationId, clientId: this.#clientId }, request, this.#writer)
    this.#connection.write(this.#writer.chunks())
    return new Promise((resolve, reject) => {
      const timer = this.#host.clock.startTimer(timeoutMs, () => this.#fail(`no answer to ${api.name}`))
      const answered = (frame: Buffer): void => {
        const reader = new Reader(frame)
        decodeResponseHeader(api, version, reader)
        resolve(decode(api.response, version, reader))
      }
      this.#exchanges.push({ correlationId, answered, lost: reject, timer })
    })
  }

  close(): void {
    this.#fail('closed here')
  }

  buffer(): Uint8Array {
    return buffer
  }

  received(count: number): void {
    this.#received.push(Buffer.from(buffer.subarray(0, count)))
    this.#receivedBytes += count
    while (!this.#dead && this.#receivedBytes >= this.#wantedBytes) {
      const bytes = Buffer.concat(this.#received)
      const size = bytes.readInt32BE(0)
      if (bytes.length >= 4 + size) this.#answer(bytes.subarray(4, 4 + size))
      const rest = bytes.length >= 4 + size ? bytes.subarray(4 + size) : bytes
      this.#wantedBytes = rest.length === bytes.length ? 4 + size : 4
      this.#received = [rest]
      this.#receivedBytes = rest.length
    }
  }

  drained(): void {}

  closed(error: Error | undefined): void {
    this.#fail(error?.message ?? 'the broker closed it')
  }

  #answer(frame: Buffer): void {
    const exchange = this.#exchanges.shift()
    if (exchange === undefined) throw new Error('an answer nobody asked for')
    exchange.timer.cancel()
    if (frame.readInt32BE(0) !== exchange.correlationId) throw new Error('answers in the wrong order')
    exchange.answered(frame)
  }

  #fail(reason: string): void {
    if (this.#dead) return
    this.#dead = true
    this.#connection.destroy()
    for (const { timer, lost } of this.#exchanges.splice(0)) {
      timer.cancel()
      lost(new NoAnswer(reason))
    }
  }
}
