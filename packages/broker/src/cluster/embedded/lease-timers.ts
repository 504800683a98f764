import type { Clock, Timer } from '../../host/clock.ts'
import type { LeaseId } from '../metadata-store.ts'

interface Countdown {
  deadlineMs: number
  /** Undefined once the lease has expired. */
  timer: Timer | undefined
}

/** When each lease ends. Renewing only moves the deadline; the timer looks at it when it fires. */
export class LeaseTimers {
  readonly #clock: Clock
  readonly #expire: (id: LeaseId) => void
  readonly #countdowns = new Map<LeaseId, Countdown>()

  /** `expire` is called once per lease, at or after its deadline. */
  constructor(clock: Clock, expire: (id: LeaseId) => void) {
    this.#clock = clock
    this.#expire = expire
  }

  start(id: LeaseId, ttlMs: number): void {
    const countdown: Countdown = { deadlineMs: this.#clock.monotonicMs() + ttlMs, timer: undefined }
    this.#countdowns.set(id, countdown)
    this.#arm(id, countdown)
  }

  /** Moves the deadline. Returns false when the lease has expired or is unknown. */
  renew(id: LeaseId, ttlMs: number): boolean {
    const countdown = this.#countdowns.get(id)
    if (countdown?.timer === undefined) return false
    countdown.deadlineMs = this.#clock.monotonicMs() + ttlMs
    return true
  }

  stop(id: LeaseId): void {
    this.#countdowns.get(id)?.timer?.cancel()
    this.#countdowns.delete(id)
  }

  stopAll(): void {
    for (const { timer } of this.#countdowns.values()) timer?.cancel()
    this.#countdowns.clear()
  }

  #arm(id: LeaseId, countdown: Countdown): void {
    const delayMs = Math.max(0, countdown.deadlineMs - this.#clock.monotonicMs())
    countdown.timer = this.#clock.startTimer(delayMs, () => {
      if (this.#clock.monotonicMs() < countdown.deadlineMs) {
        this.#arm(id, countdown)
        return
      }
      countdown.timer = undefined
      this.#expire(id)
    })
  }
}
