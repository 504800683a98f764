import type { Clock, Timer } from '../host/clock.ts'

/** A request that gives up waiting for its commit at some time. */
export interface Expiring {
  /** Monotonic clock. */
  readonly deadlineMs: number
  expire(): void
}

/** How late a time-out may come. A timer per request would cost as much as the request. */
const sweepIntervalMs = 50

/** Time-outs of all Produce requests that wait, swept by one timer that runs only while there are any. */
export class ProduceDeadlines {
  private readonly clock: Clock
  private readonly waiting = new Set<Expiring>()
  private timer: Timer | undefined

  constructor(clock: Clock) {
    this.clock = clock
  }

  add(item: Expiring): void {
    this.waiting.add(item)
    this.timer ??= this.clock.startTimer(sweepIntervalMs, this.sweep)
  }

  remove(item: Expiring): void {
    this.waiting.delete(item)
  }

  /** Forgets everything; no request expires any more. */
  close(): void {
    this.waiting.clear()
    this.timer?.cancel()
  }

  private readonly sweep = (): void => {
    this.timer = undefined
    const nowMs = this.clock.monotonicMs()
    for (const item of this.waiting) {
      if (item.deadlineMs > nowMs) continue
      this.waiting.delete(item)
      item.expire()
    }
    if (this.waiting.size > 0) this.timer = this.clock.startTimer(sweepIntervalMs, this.sweep)
  }
}
