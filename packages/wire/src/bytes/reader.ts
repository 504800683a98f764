import { uuidText } from './uuid.ts'
import { WireError } from './wire-error.ts'

/** Kafka caps every string at what an int16 length can say, in the compact form too. */
export const stringSizeMax = 0x7fff

/** Below this length a loop over ASCII bytes beats the call into the runtime's UTF-8 decoder. */
const asciiLoopSizeMax = 8

/**
 * Reads protocol primitives (big-endian) from a received buffer.
 *
 * Every length and count is checked here, before anything is allocated for it; codecs above do no checks of their own.
 * All failures are {@link WireError}. After one, `position` is unspecified and the reader must be dropped.
 * Byte fields are returned as views: they stay valid as long as the received buffer is not reused.
 */
export class Reader {
  readonly buffer: Buffer
  /** Index of the next byte to read. */
  position: number
  /** Index after the last readable byte. */
  readonly end: number
  /**
   * Memory that arrays may still take, as their schema estimates it; without limit unless the owner sets one. A byte on the
   * wire can be an object of a hundred in memory, so that the length of a message alone does not bound what it costs.
   */
  heapBytesLeft: number = Number.POSITIVE_INFINITY

  constructor(bytes: Uint8Array, position = 0, end: number = bytes.length) {
    if (position < 0 || position > end || end > bytes.length) throw new WireError('reader range outside its buffer')
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = position
    this.end = end
  }

  get remaining(): number {
    return this.end - this.position
  }

  int8(): number {
    return (this.buffer[this.advance(1)]! << 24) >> 24
  }

  /** Any byte but 0 is true, as in Kafka. */
  bool(): boolean {
    return this.buffer[this.advance(1)] !== 0
  }

  int16(): number {
    const at = this.advance(2)
    return (((this.buffer[at]! << 8) | this.buffer[at + 1]!) << 16) >> 16
  }

  uint16(): number {
    const at = this.advance(2)
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!
  }

  int32(): number {
    const { buffer, position: at } = this
    if (at + 4 > this.end) throw this.early(4)
    this.position = at + 4
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!
  }

  uint32(): number {
    return this.int32() >>> 0
  }

  /** Exact up to 2^53 in magnitude; beyond that rounded to the nearest double. */
  int64(): number {
    const high = this.int32()
    return high * 0x100000000 + this.uint32()
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.advance(8))
  }

  /** Kafka's text form: base64url without padding, 22 characters. */
  uuid(): string {
    const at = this.advance(16)
    return uuidText(this.buffer, at)
  }

  /** 0 to 2^32 - 1, at most five bytes. */
  unsignedVarint(): number {
    const { buffer } = this
    let value = buffer[this.advance(1)]!
    if (value < 0x80) return value
    value &= 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = buffer[this.advance(1)]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    const last = buffer[this.advance(1)]!
    if (last > 0x0f) throw new WireError('varint longer than 32 bits')
    return ((last << 28) | value) >>> 0
  }

  string(): string {
    return this.text(this.int16())
  }

  nullableString(): string | null {
    const size = this.int16()
    return size === -1 ? null : this.text(size)
  }

  compactString(): string {
    return this.text(this.unsignedVarint() - 1)
  }

  compactNullableString(): string | null {
    const size = this.unsignedVarint() - 1
    return size === -1 ? null : this.text(size)
  }

  bytes(): Buffer {
    return this.view(this.int32())
  }

  nullableBytes(): Buffer | null {
    const size = this.int32()
    return size === -1 ? null : this.view(size)
  }

  compactBytes(): Buffer {
    return this.view(this.unsignedVarint() - 1)
  }

  compactNullableBytes(): Buffer | null {
    const size = this.unsignedVarint() - 1
    return size === -1 ? null : this.view(size)
  }

  /**
   * An array's element count. `elementSizeMin` (bytes, at least 1) bounds it by what has actually arrived, so that a
   * count of 2^31 - 1 in a short message costs nothing. `elementHeapBytes` is taken off {@link heapBytesLeft} for each.
   */
  count(elementSizeMin: number, elementHeapBytes = 0): number {
    return this.checkedCount(this.int32(), elementSizeMin, elementHeapBytes)
  }

  /** As {@link count}; -1 stands for a null array. */
  nullableCount(elementSizeMin: number, elementHeapBytes = 0): number {
    const count = this.int32()
    return count === -1 ? -1 : this.checkedCount(count, elementSizeMin, elementHeapBytes)
  }

  compactCount(elementSizeMin: number, elementHeapBytes = 0): number {
    return this.checkedCount(this.unsignedVarint() - 1, elementSizeMin, elementHeapBytes)
  }

  compactNullableCount(elementSizeMin: number, elementHeapBytes = 0): number {
    const count = this.unsignedVarint() - 1
    return count === -1 ? -1 : this.checkedCount(count, elementSizeMin, elementHeapBytes)
  }

  /** The presence byte in front of a nullable struct: negative is null (KIP-893). */
  present(): boolean {
    return this.int8() >= 0
  }

  /** The size in front of one tagged field; returns the position at which the field must end. */
  taggedFieldEnd(): number {
    const size = this.unsignedVarint()
    if (size > this.remaining) throw new WireError(`tagged field of ${size} bytes, ${this.remaining} left`)
    return this.position + size
  }

  /** Checks that a tagged field used exactly its declared size. */
  expectPosition(position: number): void {
    if (this.position !== position) throw new WireError('tagged field does not fill its declared size')
  }

  /** Skips a tagged-field section (KIP-482) of which no field is known. */
  skipTaggedFields(): void {
    for (let count = this.unsignedVarint(); count > 0; count--) {
      this.unsignedVarint()
      this.position = this.taggedFieldEnd()
    }
  }

  private advance(size: number): number {
    const at = this.position
    const next = at + size
    if (next > this.end) throw this.early(size)
    this.position = next
    return at
  }

  private early(size: number): WireError {
    return new WireError(`message ends early: ${size} bytes wanted, ${this.remaining} left`)
  }

  private view(size: number): Buffer {
    if (size < 0 || size > this.remaining) throw new WireError(`byte field of ${size} bytes, ${this.remaining} left`)
    const at = this.position
    this.position = at + size
    return this.buffer.subarray(at, at + size)
  }

  private text(size: number): string {
    if (size < 0 || size > stringSizeMax) throw new WireError(`string length ${size} is invalid`)
    const at = this.advance(size)
    const { buffer } = this
    if (size > asciiLoopSizeMax) return buffer.toString('utf8', at, at + size)
    let text = ''
    for (let index = at; index < at + size; index++) {
      const byte = buffer[index]!
      if (byte >= 0x80) return buffer.toString('utf8', at, at + size)
      text += String.fromCharCode(byte)
    }
    return text
  }

  private checkedCount(count: number, elementSizeMin: number, elementHeapBytes: number): number {
    if (count < 0 || count * elementSizeMin > this.remaining) {
      throw new WireError(`array of ${count} elements in ${this.remaining} bytes`)
    }
    this.heapBytesLeft -= count * elementHeapBytes
    if (this.heapBytesLeft < 0) throw new WireError(`array of ${count} elements would take too much memory`)
    return count
  }
}
