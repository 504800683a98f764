/** The largest of some values, as it was known at any moment of a history. */
export class Timeline {
  readonly #points: { at: number; value: number }[] = []
  #sorted = true

  /** `value` is known from `at` on. */
  add(at: number, value: number): void {
    if (at === Infinity) return
    this.#points.push({ at, value })
    this.#sorted = false
  }

  /** The largest value known before `at`; -1 if there is none. */
  before(at: number): number {
    this.#sort()
    let low = 0
    let high = this.#points.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#points[middle]!.at < at) low = middle + 1
      else high = middle
    }
    return low === 0 ? -1 : this.#points[low - 1]!.value
  }

  /** Afterwards each point holds the largest value up to it. */
  #sort(): void {
    if (this.#sorted) return
    this.#points.sort((one, other) => one.at - other.at)
    let largest = -1
    for (const point of this.#points) {
      largest = Math.max(largest, point.value)
      point.value = largest
    }
    this.#sorted = true
  }
}
