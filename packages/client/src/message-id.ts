import type { Environment } from './environment.ts'

const poolBytes = 2048
const randomBytesPerId = 8
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/**
 * Makes UUIDs of version 7 (RFC 9562): they sort by time, and those of one maker in the order in which they were made (the 12
 * bits after the version count within a millisecond, method 1 of section 6.2).
 */
export class MessageIds {
  readonly #environment: Environment
  #pool: Uint8Array = new Uint8Array(0)
  #poolAt = 0
  #timeMs = 0
  #counter = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  next(): string {
    const nowMs = this.#environment.nowMs()
    if (nowMs > this.#timeMs) {
      this.#timeMs = nowMs
      this.#counter = 0
    } else if (++this.#counter > 0xfff) {
      // More than 4,096 in a millisecond borrow from the next one, so that the order holds.
      this.#timeMs++
      this.#counter = 0
    }
    const time = this.#timeMs.toString(16).padStart(12, '0')
    const counter = this.#counter.toString(16).padStart(3, '0')
    const r = this.#random()
    const p = this.#pool
    const variant = hex[0x80 | (p[r]! & 0x3f)]! + hex[p[r + 1]!]!
    const node =
      hex[p[r + 2]!]! + hex[p[r + 3]!]! + hex[p[r + 4]!]! + hex[p[r + 5]!]! + hex[p[r + 6]!]! + hex[p[r + 7]!]!
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${variant}-${node}`
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
