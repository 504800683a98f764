/** Writes big-endian fields one after the other into a buffer that is large enough from the start. */
export class ByteWriter {
  readonly bytes: Buffer
  position = 0

  constructor(size: number) {
    this.bytes = Buffer.alloc(size)
  }

  byte(value: number): void {
    this.position = this.bytes.writeUInt8(value, this.position)
  }

  int32(value: number): void {
    this.position = this.bytes.writeUInt32BE(value, this.position)
  }

  int64(value: number | bigint): void {
    this.position = this.bytes.writeBigUInt64BE(BigInt(value), this.position)
  }

  text(value: string): void {
    const length = this.bytes.write(value, this.position + 4, 'utf8')
    this.bytes.writeUInt32BE(length, this.position)
    this.position += 4 + length
  }
}

/** Reads what ByteWriter wrote. Throws RangeError at the end of the bytes and on a number beyond 2^53. */
export class ByteReader {
  readonly #bytes: Buffer
  #position = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get remaining(): number {
    return this.#bytes.length - this.#position
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  int32(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  bigint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8))
  }

  int64(): number {
    const value = Number(this.bigint64())
    if (!Number.isSafeInteger(value)) throw new RangeError('a number is beyond 2^53')
    return value
  }

  text(): string {
    const length = this.int32()
    const start = this.#take(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  #take(count: number): number {
    const start = this.#position
    if (count > this.#bytes.length - start) throw new RangeError('the data ends early')
    this.#position = start + count
    return start
  }
}

/** Bytes that `ByteWriter.text` takes. */
export function textSize(value: string): number {
  return 4 + Buffer.byteLength(value)
}
