import { hash } from 'node:crypto'

/** 16 bytes of hash and 8 of offset. */
const slotBytes = 24
/** Fuller than this, a search for a missing key takes too many steps. */
const loadMax = 0.8
const slotsMin = 16

/**
 * The offset of the last record of each key, in a fixed amount of memory: keys are kept as 128 bits of SHA-256, so that
 * nobody can make two keys that are taken for one.
 */
export class OffsetMap {
  readonly #slots: number
  readonly #hashes: Int32Array
  /** Offset + 1; 0 marks a free slot. */
  readonly #offsets: Float64Array
  /** Most keys it takes. */
  readonly keysMax: number
  #size = 0

  /** @param keys that will come at most; the memory is no more than these need @param bytesMax unit: bytes */
  constructor(keys: number, bytesMax: number) {
    const wanted = Math.ceil(keys / loadMax) + 1
    this.#slots = Math.max(Math.min(wanted, Math.floor(bytesMax / slotBytes)), slotsMin)
    this.#hashes = new Int32Array(this.#slots * 4)
    this.#offsets = new Float64Array(this.#slots)
    this.keysMax = Math.floor(this.#slots * loadMax)
  }

  get size(): number {
    return this.#size
  }

  /** Notes that `key` has a record at `offset`, which must be larger than all before. The caller looks after `keysMax`. */
  put(key: Uint8Array, offset: number): void {
    const slot = this.#slotOf(key, true)
    if (this.#offsets[slot] === 0) this.#size++
    this.#offsets[slot] = offset + 1
  }

  /** Offset of the last record of `key`, -1 if there is none. */
  find(key: Uint8Array): number {
    return this.#offsets[this.#slotOf(key, false)]! - 1
  }

  /** The slot of `key`, or the free one where it belongs; with `claim` its hash is put there. */
  #slotOf(key: Uint8Array, claim: boolean): number {
    const digest = hash('sha256', key, 'buffer')
    const a = digest.readInt32LE(0)
    const b = digest.readInt32LE(4)
    const c = digest.readInt32LE(8)
    const d = digest.readInt32LE(12)
    const hashes = this.#hashes
    for (let slot = (a >>> 0) % this.#slots; ; slot = slot + 1 === this.#slots ? 0 : slot + 1) {
      const at = slot * 4
      if (this.#offsets[slot] === 0) {
        if (claim) hashes.set([a, b, c, d], at)
        return slot
      }
      if (hashes[at] === a && hashes[at + 1] === b && hashes[at + 2] === c && hashes[at + 3] === d) return slot
    }
  }
}
