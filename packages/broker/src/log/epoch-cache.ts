/** Leader epochs of a log: each epoch with the offset of its first record (KIP-101). Short: one entry a leader change. */
export class EpochCache {
  readonly #epochs: number[] = []
  readonly #startOffsets: number[] = []

  constructor(entries: readonly (readonly [number, number])[] = []) {
    for (const [epoch, startOffset] of entries) this.assign(epoch, startOffset)
  }

  /** The newest epoch, -1 if nothing was ever written. */
  get latest(): number {
    return this.#epochs.at(-1) ?? -1
  }

  entries(): [number, number][] {
    return this.#epochs.map((epoch, i) => [epoch, this.#startOffsets[i]!])
  }

  /** Notes that records from `startOffset` on are of `epoch`. Older epochs than the latest are ignored. */
  assign(epoch: number, startOffset: number): void {
    if (epoch <= this.latest) return
    // An epoch that wrote nothing before the next one began holds no offset.
    while (this.#startOffsets.length > 0 && this.#startOffsets.at(-1)! >= startOffset) {
      this.#epochs.pop()
      this.#startOffsets.pop()
    }
    this.#epochs.push(epoch)
    this.#startOffsets.push(startOffset)
  }

  /** The entry that the last record below `offset` belongs to, if it is known. */
  entryBefore(offset: number): [number, number] | undefined {
    for (let i = this.#epochs.length - 1; i >= 0; i--) {
      if (this.#startOffsets[i]! < offset) return [this.#epochs[i]!, this.#startOffsets[i]!]
    }
    return undefined
  }

  /** Epoch of the record at `offset`, -1 if it lies before all known ones. */
  epochAt(offset: number): number {
    for (let i = this.#epochs.length - 1; i >= 0; i--) if (this.#startOffsets[i]! <= offset) return this.#epochs[i]!
    return -1
  }

  /**
   * The largest known epoch <= `epoch` and the offset where the next one starts, which for the newest is `logEndOffset`.
   * An epoch newer than all known, or -1, is unknown: (-1, -1). One older than all known: itself and the start of the
   * first known one.
   */
  endOf(epoch: number, logEndOffset: number): { leaderEpoch: number; endOffset: number } {
    if (epoch < 0 || epoch > this.latest) return { leaderEpoch: -1, endOffset: -1 }
    if (epoch === this.latest) return { leaderEpoch: epoch, endOffset: logEndOffset }
    const next = this.#epochs.findIndex((known) => known > epoch)
    const endOffset = this.#startOffsets[next]!
    return { leaderEpoch: next === 0 ? epoch : this.#epochs[next - 1]!, endOffset }
  }

  /** Forgets epochs that start at or behind `endOffset`: the log was cut there. */
  truncateEnd(endOffset: number): void {
    while (this.#startOffsets.length > 0 && this.#startOffsets.at(-1)! >= endOffset) {
      this.#epochs.pop()
      this.#startOffsets.pop()
    }
  }

  /** Keeps one epoch at most that starts at or before `startOffset`: what lies before it is gone. */
  truncateStart(startOffset: number): void {
    while (this.#startOffsets.length > 1 && this.#startOffsets[1]! <= startOffset) {
      this.#epochs.shift()
      this.#startOffsets.shift()
    }
    if (this.#startOffsets.length > 0 && this.#startOffsets[0]! < startOffset) this.#startOffsets[0] = startOffset
  }
}
