import type { Environment } from './environment.ts'

const poolBytes = 2048
const randomBytesPerId = 8
const digits = Buffer.from('0123456789abcdef')
const counterMax = 0xfff
/** Where what changes begins, in `xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx`. */
const counterAt = 15
const variantAt = 19
const nodeAt = 24

/**
 * Makes UUIDs of version 7 (RFC 9562): they sort by time, and those of one maker in the order in which they were made (the 12
 * bits after the version count within a millisecond, method 1 of section 6.2).
 */
export class MessageIds {
  readonly #environment: Environment
  /** The last id. One call makes a text of it; put together from pieces it would take three times as long. */
  readonly #text = Buffer.from('00000000-0000-7000-0000-000000000000')
  #pool: Uint8Array = new Uint8Array(0)
  #poolAt = 0
  #timeMs = 0
  #counter = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  next(): string {
    const nowMs = this.#environment.nowMs()
    if (nowMs > this.#timeMs) this.#begin(nowMs)
    // More than 4,096 in a millisecond borrow from the next one, so that the order holds.
    else if (++this.#counter > counterMax) this.#begin(this.#timeMs + 1)
    const text = this.#text
    const counter = this.#counter
    text[counterAt] = digits[counter >> 8]!
    putHex(text, counterAt + 1, counter & 0xff)
    const random = this.#random()
    const pool = this.#pool
    putHex(text, variantAt, 0x80 | (pool[random]! & 0x3f))
    putHex(text, variantAt + 2, pool[random + 1]!)
    for (let i = 0; i < 6; i++) putHex(text, nodeAt + 2 * i, pool[random + 2 + i]!)
    return text.toString('latin1')
  }

  #begin(timeMs: number): void {
    this.#timeMs = timeMs
    this.#counter = 0
    const time = timeMs.toString(16).padStart(12, '0')
    this.#text.write(`${time.slice(0, 8)}-${time.slice(8)}`, 'latin1')
  }

  /** Position of fresh random bytes in the pool: one call of the system for many ids. */
  #random(): number {
    if (this.#poolAt + randomBytesPerId > this.#pool.length) {
      this.#pool = this.#environment.randomBytes(poolBytes)
      this.#poolAt = 0
    }
    const at = this.#poolAt
    this.#poolAt += randomBytesPerId
    return at
  }
}

function putHex(target: Buffer, at: number, byte: number): void {
  target[at] = digits[byte >> 4]!
  target[at + 1] = digits[byte & 15]!
}
