import type { Environment } from '../environment.ts'
import { systemEnvironment } from '../environment.ts'

/** An Environment whose time stands still until a test moves it. The network stays real. */
export class ControlledEnvironment implements Environment {
  readonly #timers = new Set<{ atMs: number; callback: () => void }>()
  #nowMs = 1_700_000_000_000
  #seed = 1

  nowMs = (): number => this.#nowMs
  monotonicMs = (): number => this.#nowMs
  randomBytes = (size: number): Uint8Array => systemEnvironment.randomBytes(size)
  soon = (callback: () => void): void => systemEnvironment.soon(callback)

  /** Always the same sequence. */
  random = (): number => {
    this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) & 0x7fffffff
    return this.#seed / 0x80000000
  }

  after = (delayMs: number, callback: () => void): (() => void) => {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Number of timers that wait. */
  get timerCount(): number {
    return this.#timers.size
  }

  /** Moves the time and runs what is due, in order; what that sets in motion runs as well if it is due by then. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.callback()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#nowMs = untilMs
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Moves the time on in steps until `condition` holds. */
  async until(condition: () => boolean, stepMs = 10): Promise<void> {
    while (!condition()) await this.advance(stepMs)
  }
}
