import { randomBytes } from 'node:crypto'

/** What the client takes from the outside world besides the network. Tests put a clock of their own in its place. */
export interface Environment {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Milliseconds of a clock that never jumps; only differences mean anything. */
  monotonicMs(): number
  /** From 0 up to, not including, 1. */
  random(): number
  randomBytes(size: number): Uint8Array
  /** Calls back once after `delayMs`, unless the function that it returns is called before. */
  after(delayMs: number, callback: () => void): () => void
  /** Calls back when this turn of the event loop is over. */
  soon(callback: () => void): void
}

export const systemEnvironment: Environment = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  random: () => Math.random(),
  randomBytes: (size) => randomBytes(size),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
  soon: (callback) => void setImmediate(callback),
}
