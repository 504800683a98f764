import type { Clock } from '../host/clock.ts'
import type { Logger } from '../telemetry/logger.ts'

const intervalMs = 1000

/** Tells once a second how far a recovery is that takes longer than that. */
export class RecoveryProgress {
  readonly #clock: Clock
  readonly #logger: Logger
  #toldMs: number

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
    this.#toldMs = clock.monotonicMs()
  }

  /** @param step what is being done, such as "reading segments" */
  step(step: string, done: number, total: number): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#toldMs < intervalMs) return
    this.#toldMs = nowMs
    this.#logger.info('recovering', { step, logs: done, of: total, percent: Math.floor((100 * done) / total) })
  }
}
