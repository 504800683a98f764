import { compareText } from '../key-order.ts'

/** The keys of the store in UTF-8 order. */
export class SortedKeys {
  readonly #keys: string[] = []

  /** Adds a key that is not there. */
  add(key: string): void {
    this.#keys.splice(this.#lowerBound(key), 0, key)
  }

  /** Takes out a key that is there. */
  remove(key: string): void {
    this.#keys.splice(this.#lowerBound(key), 1)
  }

  /** Those that start with `prefix`, in order. Well-formed strings share a prefix exactly if their UTF-8 bytes do. */
  *startingWith(prefix: string): Generator<string> {
    for (let index = this.#lowerBound(prefix); index < this.#keys.length; index++) {
      const key = this.#keys[index]!
      if (!key.startsWith(prefix)) return
      yield key
    }
  }

  /** Index of the first key that is not before `key`. */
  #lowerBound(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareText(this.#keys[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
