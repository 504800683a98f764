import type { Api, Message } from '@polylog/wire'
import { apis, decode, decodeResponseHeader, encodeRequest, Reader, WireError, Writer } from '@polylog/wire'
import { assert, BrokerError } from '../../errors/errors.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { FrameMemory, FramePool } from '../../host/frame-memory.ts'
import type { Connection, Receiver } from '../../host/network.ts'

/** From so many missing bytes on they are received in place; fewer are copied out of the shared buffer. */
const directReadBytesMin = 16 * 1024
const sizeFieldBytes = 4
/** Answers from this size on come in pooled memory, where there is a pool. */
const pooledBytesMin = 64 * 1024
/** Any in which a Produce of nothing, without acks, is what it is in all: a request that has no answer. */
const nudgeVersion = 12

/** What one call may take. */
export interface CallLimits {
  readonly timeoutMs: number
  /** Checked before memory is taken for the answer. */
  readonly answerBytesMax: number
  /** Memory for large answers; whoever calls takes it over with `takeMemory`. */
  readonly pool?: FramePool
}

interface Call {
  readonly limits: CallLimits
  readonly correlationId: number
  readonly timer: Timer
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: BrokerError) => void
}

/**
 * A connection to another broker: one request at a time. Each answer gets memory of its own, which nobody writes to any
 * more once it has been handed over, or, if large, memory of a pool that is to be let go.
 */
export class PeerConnection implements Receiver {
  readonly #socket: Connection
  readonly #clock: Clock
  readonly #clientId: string
  /** Where bytes arrive whose frame is not known yet; of use until the receive call returns. */
  readonly #shared: Buffer
  readonly #writer = new Writer()
  readonly #sizeField = Buffer.alloc(sizeFieldBytes)
  #sizeFieldFill = 0
  #frame: Buffer | undefined
  #memory: FrameMemory | undefined
  #frameFill = 0
  #isDirect = false
  #call: Call | undefined
  #correlationId = 0
  #failure: BrokerError | undefined
  #closeListener: (() => void) | undefined

  /** Takes a connection in the turn in which it appeared. */
  constructor(socket: Connection, clock: Clock, clientId: string, shared: Buffer) {
    this.#socket = socket
    this.#clock = clock
    this.#clientId = clientId
    this.#shared = shared
    socket.receive(this)
  }

  get isClosed(): boolean {
    return this.#failure !== undefined
  }

  /** Sends a request and waits for its answer. Rejects with BrokerError; the connection is then of no more use. */
  async call<RequestOutput, RequestInput, ResponseOutput, ResponseInput>(
    api: Api<Message<RequestOutput, RequestInput>, Message<ResponseOutput, ResponseInput>>,
    version: number,
    request: NoInfer<RequestInput>,
    limits: CallLimits,
  ): Promise<ResponseOutput> {
    assert(this.#call === undefined, 'one request at a time')
    if (this.#failure !== undefined) throw this.#failure
    const correlationId = ++this.#correlationId & 0x7fffffff
    const header = { correlationId, clientId: this.#clientId }
    encodeRequest(api as unknown as Api<Message<RequestOutput, RequestInput>>, version, header, request, this.#writer)
    const frame = await new Promise<Buffer>((resolve, reject) => {
      const timer = this.#clock.startTimer(limits.timeoutMs, () => {
        this.close(unreachable(`no answer to ${api.name} within ${limits.timeoutMs} ms`))
      })
      this.#call = { limits, correlationId, timer, resolve, reject }
      this.#socket.write(this.#writer.chunks())
    })
    try {
      const reader = new Reader(frame)
      const answered = decodeResponseHeader(api as unknown as Api, version, reader)
      if (answered !== correlationId) throw new WireError(`answer ${answered} for request ${correlationId}`)
      const response = decode(api.response, version, reader)
      if (reader.remaining > 0) throw new WireError(`${reader.remaining} bytes after the answer`)
      return response
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      const failure = unreachable(`the answer to ${api.name} cannot be read: ${error.message}`)
      this.close(failure)
      throw failure
    }
  }

  /**
   * Makes the other broker answer at once what it is waiting with: it takes the next request for a sign that nobody wants
   * to wait any longer, and this one has no answer of its own.
   */
  nudge(): void {
    if (this.#call === undefined || this.isClosed) return
    const header = { correlationId: ++this.#correlationId & 0x7fffffff, clientId: this.#clientId }
    // The bytes of the call itself may not have been written yet.
    const writer = new Writer()
    encodeRequest(apis[0], nudgeVersion, header, { acks: 0, timeoutMs: 0, topicData: [] }, writer)
    this.#socket.write(writer.chunks())
  }

  /** What the bytes of the last answer lie in, if it is of a pool; the caller lets go of it. */
  takeMemory(): FrameMemory | undefined {
    const memory = this.#memory
    this.#memory = undefined
    return memory
  }

  /** Calls `listener` when the connection is over, whoever ended it; within the call if it is already. */
  onClose(listener: () => void): void {
    if (this.isClosed) listener()
    else this.#closeListener = listener
  }

  /** Ends the connection at once; a call under way is rejected with `reason`. */
  close(reason: BrokerError): void {
    if (this.#failure !== undefined) return
    this.#failure = reason
    this.#frame = undefined
    this.#socket.destroy()
    const call = this.#endCall()
    call?.reject(reason)
    this.#closeListener?.()
  }

  // From the network.

  buffer(): Uint8Array {
    const frame = this.#frame
    this.#isDirect = frame !== undefined && frame.length - this.#frameFill >= directReadBytesMin
    return this.#isDirect ? frame!.subarray(this.#frameFill) : this.#shared
  }

  received(count: number): void {
    if (this.isClosed) return
    if (this.#isDirect) {
      this.#isDirect = false
      this.#frameFill += count
      if (this.#frameFill === this.#frame!.length) this.#deliver()
      return
    }
    for (let at = 0; at < count && !this.isClosed; ) at = this.#take(at, count)
  }

  drained(): void {
    // One request at a time: there is nothing to hold back.
  }

  closed(error: Error | undefined): void {
    this.close(unreachable(error?.message ?? 'the broker ended the connection'))
  }

  /** Takes what belongs to the present frame out of the shared buffer; returns where it stopped. */
  #take(start: number, end: number): number {
    const frame = this.#frame
    if (frame !== undefined) {
      const stop = Math.min(end, start + frame.length - this.#frameFill)
      this.#frameFill += this.#shared.copy(frame, this.#frameFill, start, stop)
      if (this.#frameFill === frame.length) this.#deliver()
      return stop
    }
    const stop = Math.min(end, start + sizeFieldBytes - this.#sizeFieldFill)
    this.#sizeFieldFill += this.#shared.copy(this.#sizeField, this.#sizeFieldFill, start, stop)
    if (this.#sizeFieldFill === sizeFieldBytes) this.#beginFrame(this.#sizeField.readInt32BE(0))
    return stop
  }

  #beginFrame(size: number): void {
    this.#sizeFieldFill = 0
    const sizeMax = this.#call?.limits.answerBytesMax ?? 0
    if (size < sizeFieldBytes || size > sizeMax) {
      this.close(unreachable(`an answer of ${size} bytes, where ${sizeMax} are expected at most`))
      return
    }
    const pool = size >= pooledBytesMin ? this.#call?.limits.pool : undefined
    // What nobody took over belongs to the garbage collector: it may still be looked at.
    this.#memory = pool && (pool.takeUsed(size) ?? pool.make(size))
    this.#frame = this.#memory?.bytes.subarray(0, size) ?? Buffer.allocUnsafeSlow(size)
    this.#frameFill = 0
  }

  #deliver(): void {
    const frame = this.#frame!
    this.#frame = undefined
    this.#endCall()?.resolve(frame)
  }

  #endCall(): Call | undefined {
    const call = this.#call
    this.#call = undefined
    call?.timer.cancel()
    return call
  }
}

export function unreachable(detail: string, cause?: Error): BrokerError {
  return new BrokerError('broker-unreachable', detail, cause && { cause })
}
