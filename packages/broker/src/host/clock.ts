/** A timer that has not fired yet. */
export interface Timer {
  /** After this the callback never runs. Harmless when it already ran. */
  cancel(): void
}

/** Time as the broker sees it. The simulated one only moves when its world does. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970, as in record timestamps. It may jump in either direction. */
  nowMs(): number

  /** Milliseconds since some fixed moment, with fractions; never goes back. Use it for every duration and time-out. */
  monotonicMs(): number

  /** Runs `callback` once, `delayMs` (>= 0) from now. A pending timer does not keep the process alive. */
  startTimer(delayMs: number, callback: () => void): Timer

  /**
   * Runs `callback` after the input of the present event-loop turn has been handled (setImmediate). What a turn gathers,
   * such as a group of appends or the answers of one connection, is sent off there in one system call.
   */
  endOfTurn(callback: () => void): void
}
