import type { Clock, Timer } from '../clock.ts'

/** Node treats a longer delay as 1 ms, so longer ones are waited for in parts. */
const timerDelayMsMax = 2 ** 31 - 1

/** The clock of the machine. */
export class NodeClock implements Clock {
  nowMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  startTimer(delayMs: number, callback: () => void): Timer {
    if (!(delayMs >= 0)) throw new RangeError(`timer delay of ${delayMs} ms`)
    return new NodeTimer(delayMs, callback)
  }

  endOfTurn(callback: () => void): void {
    setImmediate(callback)
  }
}

class NodeTimer implements Timer {
  readonly #callback: () => void
  #leftMs: number
  #timeout: NodeJS.Timeout

  constructor(delayMs: number, callback: () => void) {
    this.#callback = callback
    this.#leftMs = delayMs
    this.#timeout = this.#startPart()
  }

  cancel(): void {
    clearTimeout(this.#timeout)
  }

  #startPart(): NodeJS.Timeout {
    const partMs = Math.min(this.#leftMs, timerDelayMsMax)
    this.#leftMs -= partMs
    // The broker lives as long as it listens; a timer alone must not hold up the end of the process.
    return setTimeout(() => this.#elapsed(), partMs).unref()
  }

  #elapsed(): void {
    if (this.#leftMs > 0) this.#timeout = this.#startPart()
    else this.#callback()
  }
}
