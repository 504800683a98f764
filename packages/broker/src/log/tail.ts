import type { FrameMemory, FramePool, Ownership } from '../host/frame-memory.ts'
import { baseOffsetOf, batchBytesOf, lastOffsetOf } from '../record/batch.ts'

const chunkBytesMin = 1024
const chunkBytesMax = 256 * 1024
/** Smaller ones are those of logs with little to do. */
const pooledBytesMin = 64 * 1024
/** Batches from this size on are kept where they were received, if that memory is ours. */
const ownedBytesMin = 32 * 1024
const indexIntervalBytes = 4096

/** A run of batches in memory. Bytes before `used` never change, so views on them may be handed out. */
interface TailChunk {
  buffer: Uint8Array
  /** What `buffer` is part of, if somebody has a use for it later. */
  memory: FrameMemory | undefined
  used: number
  startOffset: number
  endOffset: number
  /** Sparse: every batch that starts 4 KiB behind the last noted one. */
  noteOffsets: number[]
  notePositions: number[]
}

export interface LogRead {
  chunks: readonly Uint8Array[]
  bytes: number
  /** Must be called once the chunks are needed no more. */
  release: () => void
}

const nothingToRelease = (): void => undefined

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

  readonly #pool: FramePool

  /** @param pool where the memory of large chunks comes from and returns to */
  constructor(offset: number, pool: FramePool) {
    this.#pool = pool
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
   * Adds a stamped batch at the end, or several back to back.
   * @param owned whether the memory under `run` may be kept
   * @returns the bytes where they stand from now on, and the memory newly taken
   */
  append(run: Uint8Array, owned: Ownership): { stored: Uint8Array; grownBytes: number } {
    let last = 0
    for (let next = batchBytesOf(run, 0); next < run.length; next += batchBytesOf(run, next)) last = next
    const endOffset = lastOffsetOf(run, last) + 1
    this.#unflushedBytes += run.length
    this.#endOffset = endOffset
    if (owned !== false && run.length >= ownedBytesMin) {
      const memory = owned === true ? undefined : owned
      memory?.hold()
      const chunk = newChunk(run, memory, baseOffsetOf(run, 0))
      this.#push(chunk)
      noteRun(chunk, run.length, endOffset)
      return { stored: run, grownBytes: run.length }
    }
    let chunk = this.#chunks.at(-1)
    let grownBytes = 0
    if (!chunk || chunk.buffer.length - chunk.used < run.length) {
      chunk = this.#makeChunk(this.#nextCapacity(chunk, run.length), baseOffsetOf(run, 0))
      grownBytes = chunk.buffer.length
      this.#push(chunk)
    }
    const at = chunk.used
    chunk.buffer.set(run, at)
    noteRun(chunk, run.length, endOffset)
    return { stored: chunk.buffer.subarray(at, chunk.used), grownBytes }
  }

  /**
   * Whole batches from the one that holds `offset` (>= startOffset), all of them below `limitOffset`. The first is
   * returned however large if `atLeastOne`; the sum of the others stays within `bytesMax`.
   */
  read(offset: number, limitOffset: number, bytesMax: number, atLeastOne: boolean): LogRead {
    const found: Uint8Array[] = []
    let held: FrameMemory[] | undefined
    let bytes = 0
    let index = this.#chunkOf(offset)
    let from = index < this.#chunks.length ? positionOf(this.#chunks[index]!, offset) : 0
    for (; index < this.#chunks.length && bytes < bytesMax; index++, from = 0) {
      const chunk = this.#chunks[index]!
      if (chunk.startOffset >= limitOffset) break
      const to = readEnd(chunk, from, limitOffset, bytesMax - bytes, atLeastOne && bytes === 0)
      if (to > from) {
        found.push(chunk.buffer.subarray(from, to))
        if (chunk.memory !== undefined) {
          chunk.memory.hold()
          held ??= []
          held.push(chunk.memory)
        }
      }
      bytes += to - from
      if (to < chunk.used) break
    }
    return { chunks: found, bytes, release: held === undefined ? nothingToRelease : () => letGoOnce(held) }
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

  /**
   * Drops the oldest chunk if it is in the segment. Returns the memory freed, 0 if it must stay.
   * @param reusableBelow nobody but readers looks at the bytes of batches below this offset: their memory may be used
   * again once the readers have released it; that of others is left to the garbage collector
   */
  dropOldest(reusableBelow: number): number {
    const oldest = this.#chunks[0]
    if (!oldest || oldest.endOffset > this.#flushedOffset) return 0
    this.#chunks.shift()
    this.#flushChunk = Math.max(this.#flushChunk - 1, 0)
    if (this.#chunks.length === 0) this.#flushPosition = 0
    this.#startOffset = this.#chunks[0]?.startOffset ?? this.#endOffset
    if (oldest.endOffset <= reusableBelow) oldest.memory?.letGo()
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

  /** Fresh memory for each large chunk would keep the garbage collector at work all the time: V8 counts it, and it is dropped fast. */
  #makeChunk(capacity: number, startOffset: number): TailChunk {
    if (capacity < pooledBytesMin) return newChunk(Buffer.allocUnsafeSlow(capacity), undefined, startOffset)
    const memory = this.#pool.takeUsed(capacity) ?? this.#pool.make(capacity)
    return newChunk(memory.bytes, memory, startOffset)
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

function newChunk(buffer: Uint8Array, memory: FrameMemory | undefined, startOffset: number): TailChunk {
  return { buffer, memory, used: 0, startOffset, endOffset: startOffset, noteOffsets: [], notePositions: [] }
}

/** The next `bytes` of the chunk are in place: whole batches that end at `endOffset`. */
function noteRun(chunk: TailChunk, bytes: number, endOffset: number): void {
  const end = chunk.used + bytes
  for (let at = chunk.used; at < end; at += batchBytesOf(chunk.buffer, at)) {
    if (at - (chunk.notePositions.at(-1) ?? 0) < indexIntervalBytes) continue
    chunk.noteOffsets.push(baseOffsetOf(chunk.buffer, at))
    chunk.notePositions.push(at)
  }
  chunk.used = end
  chunk.endOffset = endOffset
}

function letGoOnce(held: FrameMemory[]): void {
  for (const memory of held.splice(0)) memory.letGo()
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
