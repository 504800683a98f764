import type { Scheduler } from './scheduler.ts'

/** 2026-01-01T00:00:00Z: a fixed beginning, so that time stamps are the same in each run. */
const epochMs = 1_767_225_600_000

/** The clocks in one machine: they may run fast or slow, and the wall clock may be wrong and jump. */
export class MachineTime {
  readonly #scheduler: Scheduler
  #rate = 1
  #baseVirtualMs = 0
  #baseLocalMs = 0
  #wallOffsetMs = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** How many of its own milliseconds pass in one of the world's. */
  get rate(): number {
    return this.#rate
  }

  monotonicMs(): number {
    return this.#baseLocalMs + (this.#scheduler.nowMs - this.#baseVirtualMs) * this.#rate
  }

  wallMs(): number {
    return Math.floor(epochMs + this.#wallOffsetMs + this.monotonicMs())
  }

  /** Sets the wall clock forward, or back by a negative number. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** From now on the machine's clocks run `rate` times as fast as the world. */
  drift(rate: number): void {
    if (!(rate > 0)) throw new RangeError(`clock rate ${rate}`)
    this.#baseLocalMs = this.monotonicMs()
    this.#baseVirtualMs = this.#scheduler.nowMs
    this.#rate = rate
  }
}
