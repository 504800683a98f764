/** Freed at once when so many have been taken from the front. */
const takenMax = 1024

/** First in, first out; taking from a long one moves nothing, as `shift` of an array does. */
export class Fifo<T> {
  #items: T[] = []
  #at = 0

  get length(): number {
    return this.#items.length - this.#at
  }

  /** The next to be taken. */
  get first(): T | undefined {
    return this.#items[this.#at]
  }

  get last(): T | undefined {
    return this.#at < this.#items.length ? this.#items.at(-1) : undefined
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Undefined if there is none. */
  take(): T | undefined {
    if (this.#at === this.#items.length) return undefined
    const item = this.#items[this.#at++]
    if (this.#at === this.#items.length) this.clear()
    else if (this.#at > takenMax && this.#at * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#at)
      this.#at = 0
    }
    return item
  }

  clear(): void {
    this.#items = []
    this.#at = 0
  }
}
