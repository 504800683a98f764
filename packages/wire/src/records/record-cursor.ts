import { RecordError } from './record-error.ts'

/** Reads varints and bytes of records; every length is checked before it is used. */
export class RecordCursor {
  readonly bytes: Buffer
  position = 0

  /** Views it hands out share the memory of `bytes`. */
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.bytes.length - this.position
  }

  /** @throws RecordError 'damaged', as all reads here */
  int8(): number {
    this.#expect(1)
    return (this.bytes[this.position++]! << 24) >> 24
  }

  /** Values beyond 2^53 are rounded; nothing that a record counts comes near. */
  varint(): number {
    const { bytes } = this
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      const byte = bytes[this.position]
      if (byte === undefined) throw new RecordError('damaged', 'a record ends inside a number')
      this.position++
      value += (byte & 127) * factor
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      factor *= 128
    }
    throw new RecordError('damaged', 'a number in a record is longer than 64 bits')
  }

  /** A view of `length` bytes; null for -1. */
  view(length: number): Buffer | null {
    if (length === -1) return null
    this.#expect(length)
    const start = this.position
    this.position += length
    return this.bytes.subarray(start, this.position)
  }

  #expect(length: number): void {
    if (length >= 0 && length <= this.remaining) return
    throw new RecordError('damaged', `a field of ${length} bytes, ${this.remaining} are left`)
  }
}
