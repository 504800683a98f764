import type { Api, Message } from '@polylog/wire'
import { decode, decodeResponseHeader, encodeRequest, Reader, Writer } from '@polylog/wire'
import type { Address, Connection, Receiver } from '../../host/network.ts'
import type { Host } from '../../host/host.ts'

interface Waiting {
  readonly resolve: (body: Buffer) => void
  readonly reject: (error: Error) => void
}

/** A Kafka client for tests: encodes requests, matches answers, and can send any bytes. */
export class TestClient implements Receiver {
  /** Correlation ids of the answers, in the order in which they came. */
  readonly answered: number[] = []
  /** Frames too small for an answer: tokens of a login after SaslHandshake 0. */
  readonly bareAnswers: Buffer[] = []
  /** Resolves when the broker has closed the connection. */
  readonly closedByBroker: Promise<void>
  private readonly connection: Connection
  private readonly target = Buffer.alloc(64 * 1024)
  private readonly waiting = new Map<number, Waiting>()
  private readonly pieces: Buffer[] = []
  private piecesBytes = 0
  private correlationId = 0
  private isClosed = false
  private closedCallback: () => void = () => {}

  private constructor(connection: Connection) {
    this.connection = connection
    this.closedByBroker = new Promise((resolve) => {
      this.closedCallback = resolve
    })
    connection.receive(this)
  }

  static async connect(host: Host, address: Address): Promise<TestClient> {
    return new TestClient(await host.network.connect(address, 5000))
  }

  /** Sends a request and waits for its answer. */
  async call<RequestOutput, RequestInput, ResponseOutput, ResponseInput>(
    api: Api<Message<RequestOutput, RequestInput>, Message<ResponseOutput, ResponseInput>>,
    version: number,
    request: NoInfer<RequestInput>,
  ): Promise<ResponseOutput> {
    const body = await this.receiveAnswer(this.post(api, version, request))
    const reader = new Reader(body)
    decodeResponseHeader(api as unknown as Api, version, reader)
    const response = decode(api.response, version, reader)
    if (reader.remaining !== 0) throw new Error(`${reader.remaining} bytes after the ${api.name} answer`)
    return response
  }

  /** Sends a request; returns its correlation id. */
  post<RequestOutput, RequestInput>(
    api: Api<Message<RequestOutput, RequestInput>, Message<unknown, unknown>>,
    version: number,
    request: NoInfer<RequestInput>,
  ): number {
    const correlationId = ++this.correlationId
    this.send(encodeFrame(api, version, correlationId, request))
    return correlationId
  }

  /** The frame of the answer with this correlation id, without its size. */
  receiveAnswer(correlationId: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) reject(new Error('the connection is closed'))
      else this.waiting.set(correlationId, { resolve, reject })
    })
  }

  send(bytes: Uint8Array): void {
    this.connection.write([bytes])
  }

  pauseReading(): void {
    this.connection.pause()
  }

  resumeReading(): void {
    this.connection.resume()
  }

  close(): void {
    this.connection.destroy()
  }

  buffer(): Uint8Array {
    return this.target
  }

  received(count: number): void {
    this.pieces.push(Buffer.from(this.target.subarray(0, count)))
    this.piecesBytes += count
    for (let size = this.frameSize(); size <= this.piecesBytes; size = this.frameSize()) {
      const input = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces)
      this.pieces.splice(0, this.pieces.length, input.subarray(size))
      this.piecesBytes -= size
      this.take(input.subarray(4, size))
    }
  }

  drained(): void {
    // Tests send little enough for the system's buffers.
  }

  closed(error: Error | undefined): void {
    this.isClosed = true
    for (const { reject } of this.waiting.values()) reject(error ?? new Error('the broker closed the connection'))
    this.waiting.clear()
    this.closedCallback()
  }

  /** Bytes of the frame that comes next, with its size field; infinity while that is not known. */
  private frameSize(): number {
    if (this.piecesBytes < 4) return Number.POSITIVE_INFINITY
    if (this.pieces[0]!.length < 4) this.pieces.splice(0, this.pieces.length, Buffer.concat(this.pieces))
    return 4 + this.pieces[0]!.readInt32BE(0)
  }

  private take(body: Buffer): void {
    if (body.length < 4) {
      this.bareAnswers.push(body)
      return
    }
    const correlationId = body.readInt32BE(0)
    this.answered.push(correlationId)
    this.waiting.get(correlationId)?.resolve(body)
    this.waiting.delete(correlationId)
  }
}

/** One request as it goes over the wire. */
export function encodeFrame<RequestOutput, RequestInput>(
  api: Api<Message<RequestOutput, RequestInput>, Message<unknown, unknown>>,
  version: number,
  correlationId: number,
  request: NoInfer<RequestInput>,
): Buffer {
  const writer = new Writer()
  const header = { correlationId, clientId: 'test' }
  encodeRequest(api as unknown as Api<Message<RequestOutput, RequestInput>>, version, header, request, writer)
  return writer.concat()
}
