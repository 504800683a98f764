import type { Clock, Timer } from '../host/clock.ts'

/**
 * One timer for all deadlines of a group. It may ring early, never late: a heartbeat that moves a deadline back leaves
 * it alone, and whoever is woken looks for what is really due and sets it anew. So a group costs about one timer per
 * session time-out, however often its members beat.
 */
export class GroupAlarm {
  readonly #clock: Clock
  readonly #onRing: () => void
  #timer: Timer | null = null
  #ringMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, onRing: () => void) {
    this.#clock = clock
    this.#onRing = onRing
  }

  /** Makes sure that it rings at `deadlineMs` (monotonic) or before. */
  atLatest(deadlineMs: number): void {
    if (deadlineMs >= this.#ringMs) return
    this.#timer?.cancel()
    this.#ringMs = deadlineMs
    this.#timer = this.#clock.startTimer(Math.max(0, deadlineMs - this.#clock.monotonicMs()), () => {
      this.#timer = null
      this.#ringMs = Number.POSITIVE_INFINITY
      this.#onRing()
    })
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#ringMs = Number.POSITIVE_INFINITY
  }
}
