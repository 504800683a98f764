import type { Clock, Timer } from '../../host/clock.ts'

interface ManualTimer extends Timer {
  dueMs: number
  callback: () => void
}

/** Lets everything happen that waits for nothing but promises. */
export async function flush(): Promise<void> {
  for (let turn = 0; turn < 24; turn++) await Promise.resolve()
}

/** Time that moves only when told to. */
export class ManualClock implements Clock {
  #ms = 0
  readonly #timers = new Set<ManualTimer>()
  /** Wall-clock time at monotonic 0. */
  readonly #epochMs = 1_700_000_000_000

  get timerCount(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#epochMs + this.#ms
  }

  monotonicMs(): number {
    return this.#ms
  }

  startTimer(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#ms + delayMs, callback, cancel: () => void this.#timers.delete(timer) }
    this.#timers.add(timer)
    return timer
  }

  endOfTurn(callback: () => void): void {
    this.startTimer(0, callback)
  }

  /** Moves on by `ms`, timer by timer; between two of them everything ready gets its turn. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#ms + ms
    await flush()
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#ms = Math.max(this.#ms, timer.dueMs)
      this.#timers.delete(timer)
      timer.callback()
      await flush()
    }
    this.#ms = endMs
  }

  #next(endMs: number): ManualTimer | undefined {
    let next: ManualTimer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer
    }
    return next
  }
}

/** The time of one process on that clock: when it dies, its timers are gone. */
export class ProcessClock implements Clock {
  readonly #clock: ManualClock
  readonly #timers = new Set<Timer>()
  #isDead = false

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  startTimer(delayMs: number, callback: () => void): Timer {
    if (this.#isDead) return { cancel: () => undefined }
    const timer = this.#clock.startTimer(delayMs, callback)
    this.#timers.add(timer)
    return timer
  }

  endOfTurn(callback: () => void): void {
    this.startTimer(0, callback)
  }

  die(): void {
    this.#isDead = true
    for (const timer of this.#timers) timer.cancel()
  }
}
