import { randomFillSync } from 'node:crypto'

/** Milliseconds on the monotonic clock of the machine, which all its processes share. */
export function machineMs(): number {
  return startedAtMs + performance.now()
}

/**
 * The two clocks are read one after the other: a process that had to wait in between would be off by that, for all its life, and
 * so would be every latency between two processes. What is read too late makes the difference smaller; the largest is right.
 */
const startedAtMs = Math.max(
  ...Array.from({ length: 100 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()),
)

/** Bytes at the begin of a value that say when it was sent. */
export const stampBytes = 8
/** Values that differ, in rotation: neither a disk nor a server gains from repetition. */
const valueCount = 64

/** Makes values of one size: a time and random bytes. */
export class StampedValues {
  readonly #bodies: readonly Buffer[]
  #next = 0

  constructor(valueBytes: number) {
    this.#bodies = Array.from({ length: valueCount }, () => randomFillSync(Buffer.allocUnsafe(valueBytes)))
  }

  /** A new buffer. */
  next(sentAtMs: number): Buffer {
    const value = Buffer.from(this.#bodies[this.#next++ % valueCount]!)
    value.writeDoubleBE(sentAtMs, 0)
    return value
  }
}

/** @param at where the value begins */
export function stampOf(value: Buffer, at = 0): number {
  return value.readDoubleBE(at)
}
