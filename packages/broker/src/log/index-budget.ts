/** Something that can make its index again from a file. */
export interface IndexHolder {
  dropIndex(): void
}

/**
 * Memory of the indexes of segments that are only read: the least recently used ones go when all together are over the
 * limit. An index takes 16 bytes for each 4 KiB of its segment, so that a consumer that reads 1 TiB from its beginning
 * would otherwise leave 4 GiB behind.
 */
export class IndexBudget {
  readonly #bytesMax: number
  /** In order of last use: Map keeps insertion order. */
  readonly #held = new Map<IndexHolder, number>()
  #bytes = 0

  /** @param bytesMax one index may be larger: the one in use is never dropped */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** `holder` uses its index of so many bytes now, and could load it again from its file. */
  used(holder: IndexHolder, bytes: number): void {
    this.forget(holder)
    this.#held.set(holder, bytes)
    this.#bytes += bytes
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === holder) break
      this.forget(oldest)
      oldest.dropIndex()
    }
  }

  /** The index is gone, or is needed in memory. */
  forget(holder: IndexHolder): void {
    this.#bytes -= this.#held.get(holder) ?? 0
    this.#held.delete(holder)
  }
}
