import type { ChangeBatch } from './change.ts'
import type { StoredRange } from './queue-store.ts'
import type { QueueRange } from './range-window.ts'

/**
 * Messages that have come back although that could not be written: the store knows of fewer deliveries than there were. Whoever
 * read it then would begin to count anew.
 */
export class UnstoredCounts {
  /** First offsets with their last ones. */
  #spans = new Map<number, number>()
  /** Those of the write that is under way. */
  #told = new Map<number, number>()

  get isEmpty(): boolean {
    return this.#spans.size + this.#told.size === 0
  }

  /** What the next write has to say beside its own changes, in rising order. @param ranges the window, as it is now */
  tell(ranges: readonly QueueRange[]): StoredRange[] {
    this.#told = this.#spans
    this.#spans = new Map()
    if (this.#told.size === 0) return []
    const isMeant = (range: QueueRange): boolean =>
      (range.state === 'ready' || range.state === 'waiting') && range.deliveryCount > 0 && this.#touches(range)
    return ranges.filter(isMeant).map(({ first, last, deliveryCount }) => {
      return { firstOffset: first, lastOffset: last, state: 'ready', deliveryCount }
    })
  }

  /** The store has it now. */
  written(): void {
    this.#told.clear()
  }

  /** Neither what was to be told has been written, nor the changes of the batch. */
  failed({ changes }: ChangeBatch): void {
    for (const { first, last, to, onFailure } of changes) {
      if (to === 'released' && onFailure === 'anyway') this.#add(first, last)
    }
    for (const [first, last] of this.#told) this.#add(first, last)
    this.#told.clear()
  }

  #add(first: number, last: number): void {
    this.#spans.set(first, Math.max(last, this.#spans.get(first) ?? last))
  }

  #touches({ first, last }: QueueRange): boolean {
    for (const [from, to] of this.#told) if (from <= last && to >= first) return true
    return false
  }
}
