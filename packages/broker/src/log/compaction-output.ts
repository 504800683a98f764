import type { Log } from './log.ts'
import type { Segment } from './segment.ts'

/** Syncs of more bytes at once would stall the journal's. */
const unsyncedBytesMax = 16 << 20

/** A segment while compaction writes it. It is no part of the log until `finish` has made it durable. */
export class CompactionOutput {
  readonly segment: Segment
  readonly #isCleaned: boolean
  #parts: Uint8Array[] = []
  #unsyncedBytes = 0

  /** @param isCleaned false for what is only moved, and still has to be compacted */
  constructor(log: Log, baseOffset: number, generation: number, isCleaned: boolean) {
    this.segment = log.makeSegment(baseOffset, generation)
    // Under this name there can only be what an attempt before has left.
    if (this.segment.fileBytes() > 0) this.segment.cutFile()
    this.#isCleaned = isCleaned
  }

  get bytes(): number {
    return this.segment.bytes
  }

  /** Takes a whole batch; it must not change before `flush`. */
  add(batch: Uint8Array): void {
    this.#parts.push(batch)
  }

  /** Writes what was added: page cache, now and then with a sync. @throws DiskError */
  async flush(): Promise<void> {
    if (this.#parts.length === 0) return
    const before = this.segment.bytes
    this.segment.append(this.#parts)
    this.#parts = []
    this.#unsyncedBytes += this.segment.bytes - before
    if (this.#unsyncedBytes < unsyncedBytesMax) return
    await this.segment.sync()
    this.#unsyncedBytes = 0
  }

  /** Makes the segment, its name and its index durable; it then stands for all offsets below `endOffset`. @throws DiskError */
  async finish(endOffset: number): Promise<void> {
    await this.flush()
    if (this.#isCleaned) this.segment.markSparse(endOffset)
    await this.segment.sync()
    await this.segment.storeIndexOnce()
  }
}
