import { isControl, isTransactional, lastOffsetOf, producerIdOf } from '../record/batch.ts'

/**
 * Tells, batch by batch in offset order, which belong to transactions that were aborted, from what a read-committed read says
 * of them (kafka.md §5: a producer is aborted from the first offset named until its next control batch).
 */
export class AbortedTransactions {
  readonly #starts: { producerId: number; firstOffset: number }[]
  readonly #active = new Set<number>()

  constructor(starts: readonly { producerId: number; firstOffset: number }[]) {
    this.#starts = starts.toSorted((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Whether the batch at `at` holds no records for readers: aborted ones, or marks of transactions. */
  hides(bytes: Uint8Array, at: number): boolean {
    while (this.#starts[0] !== undefined && this.#starts[0].firstOffset <= lastOffsetOf(bytes, at)) {
      this.#active.add(this.#starts.shift()!.producerId)
    }
    if (isControl(bytes, at)) {
      this.#active.delete(producerIdOf(bytes, at))
      return true
    }
    return isTransactional(bytes, at) && this.#active.has(producerIdOf(bytes, at))
  }
}
