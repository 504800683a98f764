import assert from 'node:assert/strict'
import type { Receiver } from '../../packages/broker/src/host/network.ts'

/** Keeps what a connection brings, and fails the test when calls come in an order that the interface forbids. */
export class RecordingReceiver implements Receiver {
  readonly #bufferBytes: number
  readonly #parts: Uint8Array[] = []
  #buffer: Uint8Array | undefined
  /** Called after each `received`. */
  onReceived: (count: number) => void = () => {}
  byteCount = 0
  partCount = 0
  drainedCount = 0
  closedCount = 0
  error: Error | undefined

  constructor(bufferBytes = 8192) {
    this.#bufferBytes = bufferBytes
  }

  buffer(): Uint8Array {
    this.#buffer = new Uint8Array(this.#bufferBytes)
    return this.#buffer
  }

  received(count: number): void {
    assert.equal(this.closedCount, 0, 'received after closed')
    assert.ok(this.#buffer !== undefined, 'received without a buffer')
    assert.ok(count > 0 && count <= this.#buffer.length)
    this.#parts.push(this.#buffer.slice(0, count))
    this.#buffer = undefined
    this.byteCount += count
    this.partCount += 1
    this.onReceived(count)
  }

  drained(): void {
    assert.equal(this.closedCount, 0, 'drained after closed')
    this.drainedCount += 1
  }

  closed(error: Error | undefined): void {
    this.closedCount += 1
    assert.equal(this.closedCount, 1, 'closed twice')
    this.error = error
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts)
  }

  text(): string {
    return new TextDecoder().decode(this.bytes())
  }
}
