import { baseOffsetOf, batchBytesOf, lastOffsetOf } from '../record/batch.ts'

const chunkBytesMin = 1024
const chunkBytesMax = 256 * 1024
/** Batches from this size on are kept where they were received, if that memory is ours. */
const ownedBytesMin = 32 * 1024
const indexIntervalBytes = 4096

/** A run of batches in memory. Bytes before `used` never change, so views on them may be handed out. */
interface TailChunk {
  buffer: Uint8Array
  used: number
  startOffset: number
  endOffset: number
  /** Sparse: every batch that starts 4 KiB behind the last noted one. */
  noteOffsets: number[]
  notePositions: number[]
}

/**
 * The newest part of a log, in memory: batches not yet written to the segment, and behind them what consumers at the
 * end of the log read without asking the disk. Chunks are dropped from the front once they are in the segment.
 */
export class Tail {
  #chunks: TailChunk[] = []
  #startOffset: number
  /** What lies below has been compacted in the files: what memory holds of it must not be read any more. */
  #hiddenBelow = 0
  #endOffset: number
  #flushedOffset: number
  #flushChunk = 0
  #flushPosition = 0
  #unflushedBytes = 0

  constructor(offset: number) {
    this.#startOffset = offset
    this.#endOffset = offset
    this.#flushedOffset = offset
  }

  /** First offset in memory; equals `endOffset` when there is none. */
  get startOffset(): number {
    return Math.max(this.#startOffset, this.#hiddenBelow)
  }

  get endOffset(): number {
    return this.#endOffset
  }

  /** Everything below is in the segment file (not necessarily synced). */
  get flushedOffset(): number {
    return this.#flushedOffset
  }

  get unflushedBytes(): number {
    return this.#unflushedBytes
  }

  /**
   * Adds a stamped batch at the end.
   * @param owned the memory under `batch` is never written again, and may be kept
   * @returns the batch's bytes where they stand from now on, and the memory newly taken
   */
  append(batch: Uint8Array, owned: boolean): { stored: Uint8Array; grownBytes: number } {
    const baseOffset = baseOffsetOf(batch, 0)
    const endOffset = lastOffsetOf(batch, 0) + 1
    this.#unflushedBytes += batch.length
    this.#endOffset = endOffset
    if (owned && batch.length >= ownedBytesMin) {
      const { length } = batch
      this.#push({
        buffer: batch,
        used: length,
        startOffset: baseOffset,
        endOffset,
        noteOffsets: [],
        notePositions: [],
      })
      return { stored: batch, grownBytes: length }
    }
    let chunk = this.#chunks.at(-1)
    let grownBytes = 0
    if (!chunk || chunk.buffer.length - chunk.used < batch.length) {
      const capacity = this.#nextCapacity(chunk, batch.length)
      const buffer = Buffer.allocUnsafeSlow(capacity)
      chunk = { buffer, used: 0, startOffset: baseOffset, endOffset, noteOffsets: [], notePositions: [] }
      this.#push(chunk)
      grownBytes = capacity
    }
    const at = chunk.used
    chunk.buffer.set(batch, at)
    chunk.used = at + batch.length
    chunk.endOffset = endOffset
    if (at - (chunk.notePositions.at(-1) ?? 0) >= indexIntervalBytes) {
      chunk.noteOffsets.push(baseOffset)
      chunk.notePositions.push(at)
    }
    return { stored: chunk.buffer.subarray(at, chunk.used), grownBytes }
  }

  /**
   * Whole batches from the one that holds `offset` (>= startOffset), all of them below `limitOffset`. The first is
   * returned however large if `atLeastOne`; the sum of the others stays within `bytesMax`.
   */
  read(
    offset: number,
    limitOffset: number,
    bytesMax: number,
    atLeastOne: boolean,
  ): { chunks: Uint8Array[]; bytes: number } {
    const found: Uint8Array[] = []
    let bytes = 0
    let index = this.#chunkOf(offset)
    let from = index < this.#chunks.length ? positionOf(this.#chunks[index]!, offset) : 0
    for (; index < this.#chunks.length && bytes < bytesMax; index++, from = 0) {
      const chunk = this.#chunks[index]!
      if (chunk.startOffset >= limitOffset) break
      const to = readEnd(chunk, from, limitOffset, bytesMax - bytes, atLeastOne && bytes === 0)
      if (to > from) found.push(chunk.buffer.subarray(from, to))
      bytes += to - from
      if (to < chunk.used) break
    }
    return { chunks: found, bytes }
  }

  /** Bytes from the batch that holds `offset` up to `limitOffset`, not counted exactly within the outer chunks. */
  bytesBetween(offset: number, limitOffset: number): number {
    let bytes = 0
    for (let index = this.#chunkOf(offset); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]!
      if (chunk.startOffset >= limitOffset) break
      bytes += chunk.used - (chunk.startOffset < offset ? positionOf(chunk, offset) : 0)
    }
    return bytes
  }

  /** What is not in the segment yet, in order. */
  unflushed(): Uint8Array[] {
    const runs: Uint8Array[] = []
    for (let i = this.#flushChunk; i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i]!
      const from = i === this.#flushChunk ? this.#flushPosition : 0
      if (chunk.used > from) runs.push(chunk.buffer.subarray(from, chunk.used))
    }
    return runs
  }

  /** All that `unflushed()` gave is in the segment now. */
  markFlushed(): void {
    this.#flushChunk = Math.max(this.#chunks.length - 1, 0)
    this.#flushPosition = this.#chunks.at(-1)?.used ?? 0
    this.#flushedOffset = this.#endOffset
    this.#unflushedBytes = 0
  }

  /** Leaves everything below `offset`, which must be in the segment, to be read from there. */
  hideBelow(offset: number): void {
    this.#hiddenBelow = Math.min(Math.max(this.#hiddenBelow, offset), this.#flushedOffset)
  }

  /** Drops the oldest chunk if it is in the segment. Returns the memory freed, 0 if it must stay. */
  dropOldest(): number {
    const oldest = this.#chunks[0]
    if (!oldest || oldest.endOffset > this.#flushedOffset) return 0
    this.#chunks.shift()
    this.#flushChunk = Math.max(this.#flushChunk - 1, 0)
    if (this.#chunks.length === 0) this.#flushPosition = 0
    this.#startOffset = this.#chunks[0]?.startOffset ?? this.#endOffset
    return oldest.buffer.length
  }

  /** Empties the tail; the log goes on at `offset`. Returns the memory freed. */
  reset(offset: number): number {
    let freed = 0
    for (const chunk of this.#chunks) freed += chunk.buffer.length
    this.#chunks = []
    this.#startOffset = offset
    this.#hiddenBelow = 0
    this.#endOffset = offset
    this.#flushedOffset = offset
    this.#flushChunk = 0
    this.#flushPosition = 0
    this.#unflushedBytes = 0
    return freed
  }

  #push(chunk: TailChunk): void {
    const last = this.#chunks.at(-1)
    if (!last) this.#startOffset = chunk.startOffset
    this.#chunks.push(chunk)
    // A pointer at the end of the last chunk means the same as one at the start of the next, and that chunk may go.
    if (!last || (this.#flushChunk === this.#chunks.length - 2 && this.#flushPosition === last.used)) {
      this.#flushChunk = this.#chunks.length - 1
      this.#flushPosition = 0
    }
  }

  /** Chunks double in size while they fill, so that an idle partition costs 1 KiB and a busy one few allocations. */
  #nextCapacity(previous: TailChunk | undefined, batchBytes: number): number {
    const doubled = Math.min(Math.max((previous?.buffer.length ?? 0) * 2, chunkBytesMin), chunkBytesMax)
    return Math.max(doubled, batchBytes)
  }

  /** Index of the chunk that holds `offset`; the number of chunks if it lies behind all. */
  #chunkOf(offset: number): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#chunks[middle]!.endOffset <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Position of the batch that holds `offset`. */
function positionOf(chunk: TailChunk, offset: number): number {
  let at = noteBefore(chunk, offset)
  while (at < chunk.used && lastOffsetOf(chunk.buffer, at) < offset) at += batchBytesOf(chunk.buffer, at)
  return at
}

/** Position of the last noted batch that starts at or before `offset`. */
function noteBefore(chunk: TailChunk, offset: number): number {
  let low = 0
  let high = chunk.noteOffsets.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (chunk.noteOffsets[middle]! <= offset) low = middle + 1
    else high = middle
  }
  return low === 0 ? 0 : chunk.notePositions[low - 1]!
}

/** Where a read that starts at `from` ends: behind the last batch that lies below the limit and within the bytes. */
function readEnd(chunk: TailChunk, from: number, limitOffset: number, bytesMax: number, atLeastOne: boolean): number {
  if (chunk.endOffset <= limitOffset && chunk.used - from <= bytesMax) return chunk.used
  let at = from
  while (at < chunk.used) {
    const end = at + batchBytesOf(chunk.buffer, at)
    if (lastOffsetOf(chunk.buffer, at) >= limitOffset) break
    if (end - from > bytesMax && !(atLeastOne && at === from)) break
    at = end
  }
  return at
}
