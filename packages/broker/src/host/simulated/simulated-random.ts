import type { Random } from '../random.ts'

/**
 * Randomness that is the same for the same seed and name (xoshiro128**, Blackman and Vigna 2018, seeded by SplitMix32).
 * Each part of the world draws from a stream of its own, so that one more draw in one part does not change the others.
 */
export class SimulatedRandom implements Random {
  readonly #path: string
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number | string) {
    this.#path = String(seed)
    const next = splitMix(hashOf(this.#path))
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  /** The stream called `name` under this one; the same whenever it is asked for. */
  stream(name: string): SimulatedRandom {
    return new SimulatedRandom(`${this.#path}/${name}`)
  }

  next(): number {
    return ((this.#word() >>> 5) * 2 ** 26 + (this.#word() >>> 6)) / 2 ** 53
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let index = 0; index < count; index += 1) bytes[index] = this.#word() >>> 24
    return bytes
  }

  /** 32 random bits, as an unsigned number. */
  word(): number {
    return this.#word() >>> 0
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** A float in [min, max). */
  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  #word(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotate(this.#d, 11)
    return result
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

function splitMix(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    let word = state
    word = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
    return word ^ (word >>> 15)
  }
}

/** FNV-1a over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}
