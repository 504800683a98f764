import { Fifo } from '../fifo.ts'

/** Which records of a partition are done, when they are done in any order: what may be committed is all before the first that is not. */
export class OffsetTracker {
  /** Offsets handed out, rising, from the first that is not done. */
  readonly #offsets = new Fifo<number>()
  /** Those behind the first that are done. */
  readonly #done = new Set<number>()
  #position: number
  #committed: number

  /** @param start offset of the first record to come */
  constructor(start: number) {
    this.#position = start
    this.#committed = start
  }

  /** Offset of the first record that is not done. */
  get position(): number {
    return this.#position
  }

  /** Records handed out and not done. */
  get pendingCount(): number {
    return this.#offsets.length - this.#done.size
  }

  /** A record was handed out. */
  begin(offset: number): void {
    this.#offsets.push(offset)
  }

  finish(offset: number): void {
    const { first, last } = this.#offsets
    if (first === undefined || offset < first || offset > last!) return
    if (offset > first) {
      this.#done.add(offset)
      return
    }
    do this.#position = this.#offsets.take()! + 1
    while (this.#done.delete(this.#offsets.first ?? -1))
  }

  /** The offset to commit, if it is another than the last time it was asked for. */
  takeCommit(): number | undefined {
    if (this.#position === this.#committed) return undefined
    this.#committed = this.#position
    return this.#position
  }

  /** The last one taken was not committed. */
  putBack(): void {
    this.#committed = -1
  }
}
