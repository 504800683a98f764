/** Appends big-endian fields of the Kafka protocol to a buffer that grows. Not for the hot path: frames are prepared once. */
export class ByteWriter {
  #buffer: Buffer
  #length = 0

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  /** Bytes written so far, which is also the position of the next field. */
  get length(): number {
    return this.#length
  }

  int8(value: number): this {
    const at = this.#take(1)
    this.#buffer.writeInt8(value, at)
    return this
  }

  int16(value: number): this {
    const at = this.#take(2)
    this.#buffer.writeInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.#take(4)
    this.#buffer.writeInt32BE(value, at)
    return this
  }

  int64(value: number): this {
    const at = this.#take(8)
    this.#buffer.writeBigInt64BE(BigInt(value), at)
    return this
  }

  /** The zig-zag variable-length integer of records; values fit 32 bits. */
  varint(value: number): this {
    return this.uvarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  /** The variable-length integer that flexible versions count with. */
  uvarint(value: number): this {
    let rest = value
    while (rest > 0x7f) {
      this.#uint8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.#uint8(rest)
    return this
  }

  /** The string of flexible versions. */
  compactString(value: string | null): this {
    if (value === null) return this.uvarint(0)
    const bytes = Buffer.from(value)
    return this.uvarint(bytes.length + 1).raw(bytes)
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const bytes = Buffer.from(value)
    return this.int16(bytes.length).raw(bytes)
  }

  raw(bytes: Uint8Array): this {
    const at = this.#take(bytes.length)
    this.#buffer.set(bytes, at)
    return this
  }

  /** Overwrites four bytes written earlier, for lengths that are known only at the end. */
  patchInt32(position: number, value: number): this {
    this.#buffer.writeInt32BE(value, position)
    return this
  }

  /** The bytes written; a view that is valid until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #uint8(value: number): void {
    const at = this.#take(1)
    this.#buffer.writeUInt8(value, at)
  }

  /** Reserves bytes; called before the buffer is named, because it may replace it. */
  #take(size: number): number {
    const position = this.#length
    if (position + size > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, position + size))
      this.#buffer.copy(grown, 0, 0, position)
      this.#buffer = grown
    }
    this.#length = position + size
    return position
  }
}

/** Reads the same fields in order; throws a RangeError past the end. */
export class ByteReader {
  readonly #buffer: Buffer
  #position: number

  constructor(buffer: Buffer, position = 0) {
    this.#buffer = buffer
    this.#position = position
  }

  get position(): number {
    return this.#position
  }

  int8(): number {
    return this.#buffer.readInt8(this.#skip(1))
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#skip(2))
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#skip(4))
  }

  int64(): number {
    return Number(this.#buffer.readBigInt64BE(this.#skip(8)))
  }

  string(): string | null {
    const length = this.int16()
    if (length < 0) return null
    const start = this.#skip(length)
    return this.#buffer.toString('utf8', start, this.#position)
  }

  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = this.#buffer[this.#skip(1)]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a number takes more than five bytes')
  }

  compactString(): string | null {
    const length = this.uvarint()
    if (length === 0) return null
    const start = this.#skip(length - 1)
    return this.#buffer.toString('utf8', start, this.#position)
  }

  /** A view of the next `size` bytes. */
  raw(size: number): Buffer {
    const start = this.#skip(size)
    return this.#buffer.subarray(start, this.#position)
  }

  /** Passes over the tagged fields at the end of a structure. */
  tags(): void {
    for (let left = this.uvarint(); left > 0; left--) {
      this.uvarint()
      this.#skip(this.uvarint())
    }
  }

  /** As `array`, in flexible versions. */
  compactArray<T>(read: (reader: this) => T): T[] {
    const count = Math.max(0, this.uvarint() - 1)
    if (count > this.#buffer.length - this.#position) throw new RangeError(`array of ${count} in a shorter frame`)
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read(this))
    return items
  }

  /** Calls `read` as often as the count in front says and returns the results; a null array is empty. */
  array<T>(read: (reader: this) => T): T[] {
    const count = this.int32()
    if (count > this.#buffer.length - this.#position) throw new RangeError(`array of ${count} in a shorter frame`)
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read(this))
    return items
  }

  #skip(size: number): number {
    const position = this.#position
    if (size < 0 || position + size > this.#buffer.length) throw new RangeError('frame ends inside a field')
    this.#position = position + size
    return position
  }
}
