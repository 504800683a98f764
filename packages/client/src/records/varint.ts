import { ClientError } from '../client-error.ts'

// Zigzag varints of records: 0, -1, 1, -2 … become 0, 1, 2, 3 …, seven bits a byte, least significant group first.

/** Bytes taken by a signed integer of up to 53 bits. */
export function varintSize(value: number): number {
  let rest = zigzag(value)
  let size = 1
  while (rest >= 128) {
    rest = Math.floor(rest / 128)
    size++
  }
  return size
}

/** Writes a signed integer of up to 53 bits; the caller has made room. Returns the position after it. */
export function putVarint(target: Uint8Array, position: number, value: number): number {
  let rest = zigzag(value)
  let next = position
  while (rest >= 128) {
    target[next++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  target[next++] = rest
  return next
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

/** Reads varints and bytes of records; every length is checked before it is used. */
export class RecordCursor {
  readonly bytes: Buffer
  position = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get remaining(): number {
    return this.bytes.length - this.position
  }

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
      if (byte === undefined) throw damaged('a record ends inside a number')
      this.position++
      value += (byte & 127) * factor
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      factor *= 128
    }
    throw damaged('a number in a record is longer than 64 bits')
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
    if (length < 0 || length > this.remaining) throw damaged(`a field of ${length} bytes, ${this.remaining} are left`)
  }
}

export function damaged(detail: string): ClientError {
  return new ClientError('corrupt', `the broker sent a damaged record batch: ${detail}`)
}
