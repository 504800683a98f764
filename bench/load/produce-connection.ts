import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connected } from './connected.ts'
import { produceErrorAt } from './frame.ts'
import type { FrameRing } from './ring.ts'

const RECEIVE_BYTES = 128 * 1024
/** Power of two, so that the slot of a send time is a mask away; also the most requests one connection has in flight. */
const SEND_TIMES = 16_384

export interface ProduceEvents {
  /** An answer arrived: latency in milliseconds, Kafka error code (0 = stored). What it throws fails the connection. */
  answered(latencyMs: number, errorCode: number): void
  /** All answers of one socket read were handled; the place to send the next requests in one write. */
  turn(connection: ProduceConnection, answers: number): void
  /** The connection broke or the broker answered something else than was asked. */
  failed(error: Error): void
}

/** One connection that sends frames of a ring and matches the answers, which brokers give in order. */
export class ProduceConnection {
  readonly #ring: FrameRing
  readonly #errorAt: number
  readonly #events: ProduceEvents
  readonly #socket: Socket
  readonly #sentAtMs = new Float64Array(SEND_TIMES)
  readonly #received = Buffer.allocUnsafeSlow(RECEIVE_BYTES)
  #filled = 0
  #sent = 0
  #answered = 0
  /** Ring index of the next frame to send, and of the next to be answered: the ring's correlation ids are its indexes. */
  #ringAt: number
  #answerAt: number
  #closing = false

  private constructor(
    address: { host: string; port: number },
    ring: FrameRing,
    topic: string,
    ringAt: number,
    events: ProduceEvents,
  ) {
    this.#ringAt = ringAt % ring.frames
    this.#answerAt = this.#ringAt
    this.#ring = ring
    this.#errorAt = produceErrorAt(topic)
    this.#events = events
    this.#socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: { buffer: () => this.#received.subarray(this.#filled), callback: (size) => this.#read(size) },
    })
  }

  /**
   * Connects and calls back per answer. `ringAt` is the frame to start at, so that connections work on different
   * partitions. Rejects when nobody listens.
   */
  static async open(
    address: { host: string; port: number },
    ring: FrameRing,
    topic: string,
    ringAt: number,
    events: ProduceEvents,
  ): Promise<ProduceConnection> {
    const connection = new ProduceConnection(address, ring, topic, ringAt, events)
    await connected(connection.#socket, (error) => connection.#fail(error))
    return connection
  }

  get inFlight(): number {
    return this.#sent - this.#answered
  }

  /** How many more requests may be in flight now. */
  get room(): number {
    return SEND_TIMES - this.inFlight
  }

  /** Sends the next `count` frames of the ring in one write; `sentAtMs` is what their latency counts from. */
  send(count: number, sentAtMs: number): void {
    const { bytes, starts, frames } = this.#ring
    for (let i = 0; i < count; i++) this.#sentAtMs[(this.#sent + i) & (SEND_TIMES - 1)] = sentAtMs
    this.#sent += count
    let left = count
    while (left > 0) {
      const end = Math.min(frames, this.#ringAt + left)
      this.#socket.write(bytes.subarray(starts[this.#ringAt]!, starts[end]!))
      left -= end - this.#ringAt
      this.#ringAt = end === frames ? 0 : end
    }
  }

  close(): void {
    this.#closing = true
    this.#socket.destroy()
  }

  #read(size: number): boolean {
    const nowMs = performance.now()
    const buffer = this.#received
    const filled = this.#filled + size
    let position = 0
    let answers = 0
    while (filled - position >= 4) {
      const end = position + 4 + buffer.readInt32BE(position)
      if (end > filled) break
      const expectedId = this.#answerAt
      if (buffer.readInt32BE(position + 4) !== expectedId) {
        this.#fail(new Error(`answer ${buffer.readInt32BE(position + 4)} came where ${expectedId} was due`))
        return false
      }
      const sentAtMs = this.#sentAtMs[this.#answered & (SEND_TIMES - 1)]!
      this.#answered++
      this.#answerAt = expectedId + 1 === this.#ring.frames ? 0 : expectedId + 1
      answers++
      try {
        this.#events.answered(nowMs - sentAtMs, buffer.readInt16BE(position + this.#errorAt))
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)))
        return false
      }
      position = end
    }
    if (position > 0) buffer.copyWithin(0, position, filled)
    this.#filled = filled - position
    if (this.#filled === buffer.length) this.#fail(new Error('an answer to Produce is larger than 128 KiB'))
    if (answers > 0) this.#events.turn(this, answers)
    return true
  }

  #fail(error: Error): void {
    if (this.#closing) return
    this.close()
    this.#events.failed(error)
  }
}
