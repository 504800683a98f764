import type { Clock, Timer } from '../../host/clock.ts'
import { NodeClock } from '../../host/node/node-clock.ts'

interface Pending {
  readonly dueMs: number
  readonly callback: () => void
}

/** A clock for tests whose time stands still until it is told to move. Turns end as they really do. */
export class ManualClock implements Clock {
  readonly #real = new NodeClock()
  #timeMs = 0
  readonly #pending = new Set<Pending>()

  nowMs(): number {
    return Math.floor(this.#timeMs)
  }

  monotonicMs(): number {
    return this.#timeMs
  }

  startTimer(delayMs: number, callback: () => void): Timer {
    const pending = { dueMs: this.#timeMs + delayMs, callback }
    this.#pending.add(pending)
    return { cancel: () => this.#pending.delete(pending) }
  }

  endOfTurn(callback: () => void): void {
    this.#real.endOfTurn(callback)
  }

  /** Lets time pass, and the timers fire that fall due, each at its own time. */
  advance(durationMs: number): void {
    const endMs = this.#timeMs + durationMs
    for (;;) {
      const next = [...this.#pending].sort((left, right) => left.dueMs - right.dueMs)[0]
      if (next === undefined || next.dueMs > endMs) break
      this.#pending.delete(next)
      this.#timeMs = Math.max(this.#timeMs, next.dueMs)
      next.callback()
    }
    this.#timeMs = endMs
  }
}
