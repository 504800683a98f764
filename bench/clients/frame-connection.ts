import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connected } from '../load/connected.ts'
import type { Address } from '../load/job.ts'

const RECEIVE_BYTES_MIN = 256 * 1024
/** Kafka's own limit of a frame. */
const FRAME_BYTES_MAX = 104_857_600

export interface FrameEvents {
  /** A whole frame, its length in front; valid only within the call. What it throws fails the connection. */
  frame(bytes: Buffer): void
  failed(error: Error): void
}

/** A connection that takes frames and hands over those of the other side, from one reused buffer. */
export class FrameConnection {
  readonly #events: FrameEvents
  readonly #socket: Socket
  #received = Buffer.allocUnsafeSlow(RECEIVE_BYTES_MIN)
  #filled = 0
  #isClosing = false

  private constructor({ host, port }: Address, events: FrameEvents) {
    this.#events = events
    const onread = {
      buffer: () => this.#received.subarray(this.#filled),
      callback: (size: number) => this.#read(size),
    }
    this.#socket = connect({ host, port, noDelay: true, onread })
  }

  /** Rejects when nobody listens. */
  static async open(address: Address, events: FrameEvents): Promise<FrameConnection> {
    const connection = new FrameConnection(address, events)
    await connected(connection.#socket, (error) => connection.#fail(error))
    return connection
  }

  write(frame: Uint8Array): void {
    this.#socket.write(frame)
  }

  close(): void {
    this.#isClosing = true
    this.#socket.destroy()
  }

  #read(size: number): boolean {
    const filled = this.#filled + size
    let position = 0
    let wanted = 0
    try {
      while (filled - position >= 4) {
        const length = this.#received.readInt32BE(position)
        if (length < 4 || length > FRAME_BYTES_MAX) throw new RangeError(`an answer claims ${length} bytes`)
        wanted = 4 + length
        if (filled - position < wanted) break
        this.#events.frame(this.#received.subarray(position, position + wanted))
        position += wanted
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
      return false
    }
    this.#keep(position, filled, wanted)
    return true
  }

  /** Moves the begin of a frame to the front, of a larger buffer if need be. */
  #keep(position: number, filled: number, wanted: number): void {
    const source = this.#received
    if (wanted > source.length) this.#received = Buffer.allocUnsafeSlow(wanted * 2)
    if (position > 0 || source !== this.#received) source.copy(this.#received, 0, position, filled)
    this.#filled = filled - position
  }

  #fail(error: Error): void {
    if (this.#isClosing) return
    this.close()
    this.#events.failed(error)
  }
}
