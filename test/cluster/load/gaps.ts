/** When a client was served, and so when it was not. */
export class Gaps {
  readonly #moments: number[] = []

  served(): void {
    this.#moments.push(performance.now())
  }

  /**
   * Longest time without service, in ms, that touches the time from `fromMs` to `toMs` (both of `performance.now()`).
   * The last service before it counts, because that is when the wait began.
   */
  longest(fromMs: number, toMs: number): number {
    let last = this.#moments.findLast((moment) => moment <= fromMs) ?? fromMs
    let longest = 0
    for (const moment of [...this.#moments.filter((at) => at > fromMs && at < toMs), toMs]) {
      longest = Math.max(longest, moment - last)
      last = moment
    }
    return longest
  }

  /** When service came back after this moment, or undefined if it has not. */
  nextAfter(ms: number): number | undefined {
    return this.#moments.find((moment) => moment > ms)
  }
}
