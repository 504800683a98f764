import { randomBytes } from 'node:crypto'
import type { Random } from '../random.ts'

/** Randomness of the operating system; `next` comes from the engine, which is faster and good enough for jitter. */
export class NodeRandom implements Random {
  next(): number {
    return Math.random()
  }

  bytes(count: number): Uint8Array {
    return new Uint8Array(randomBytes(count))
  }
}
