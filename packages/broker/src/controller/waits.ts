import type { Clock } from '../host/clock.ts'

interface Wait {
  readonly sinceMs: number
  round: number
}

/**
 * Since when conditions have held without a break, as far as this controller has seen. Another controller starts to count
 * anew, so that a delay may last longer than it should, never shorter.
 */
export class Waits {
  readonly #clock: Clock
  readonly #waits = new Map<string, Wait>()
  #round = 0
  #nextDueMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Begins a round, in which each condition is asked about again. */
  begin(): void {
    this.#round++
    this.#nextDueMs = Number.POSITIVE_INFINITY
  }

  /** Says that a condition holds, and answers whether it has held for `delayMs`. */
  hasHeld(condition: string, delayMs: number): boolean {
    const nowMs = this.#clock.monotonicMs()
    const wait = this.#waits.get(condition) ?? { sinceMs: nowMs, round: this.#round }
    wait.round = this.#round
    this.#waits.set(condition, wait)
    const leftMs = wait.sinceMs + delayMs - nowMs
    if (leftMs > 0) this.#nextDueMs = Math.min(this.#nextDueMs, leftMs)
    return leftMs <= 0
  }

  /** Lets a condition that still holds count from now on. */
  restart(condition: string): void {
    this.#waits.set(condition, { sinceMs: this.#clock.monotonicMs(), round: this.#round })
  }

  /** Ends a round: conditions that did not come up hold no longer. Returns in how many ms the next is due, if any is. */
  end(): number | undefined {
    for (const [condition, wait] of this.#waits) if (wait.round !== this.#round) this.#waits.delete(condition)
    return this.#nextDueMs === Number.POSITIVE_INFINITY ? undefined : this.#nextDueMs
  }

  /** Forgets everything. */
  clear(): void {
    this.#waits.clear()
  }
}
