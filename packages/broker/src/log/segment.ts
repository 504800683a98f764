import type { Disk } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'
import {
  baseOffsetOf,
  batchBytesOf,
  batchHeaderBytes,
  lastOffsetOf,
  maxTimestampOf,
  recordCountOf,
  storedCrcOf,
} from '../record/batch.ts'
import type { FileBudget } from './file-budget.ts'
import { LogDamageError } from './log-damage.ts'
import type { SegmentSummary } from './segment-index.ts'
import { SegmentIndex } from './segment-index.ts'

const walkWindowBytes = 256 * 1024
/** After a crash, the first append to a segment reads the headers of at most this much and what came since the last checkpoint. */
const indexGrowthBytes = 128 * 1024 * 1024

/** Is given the bytes that hold a batch's header, where in them, and where in the file. */
type HeaderVisit = (bytes: Uint8Array, at: number, position: number) => void

export interface SegmentOptions {
  disk: Disk
  files: FileBudget
  directory: string
  baseOffset: number
  /** See `segmentFileName`. */
  generation: number
  indexIntervalBytes: number
}

/** `generation` counts how often compaction has rewritten the segment; 0 is what producers wrote. */
export function segmentFileName(baseOffset: number, generation: number, suffix: 'log' | 'index'): string {
  const middle = generation === 0 ? '' : `-${generation}`
  return `${String(baseOffset).padStart(20, '0')}${middle}.${suffix}`
}

/** What the name of a segment's data file says, undefined for other names. */
export function parseSegmentFileName(name: string): { baseOffset: number; generation: number } | undefined {
  const match = /^(\d{20})(?:-(\d+))?\.log$/.exec(name)
  return match ? { baseOffset: Number(match[1]), generation: Number(match[2] ?? 0) } : undefined
}

/** One file of a log: record batches back to back, in the very bytes that consumers get, and a sparse index beside it. */
export class Segment {
  readonly baseOffset: number
  readonly generation: number
  readonly path: string
  readonly indexPath: string
  readonly #options: SegmentOptions
  #summary: SegmentSummary
  #index: SegmentIndex | undefined
  #nameDurable: boolean
  /** The index file describes all of the segment, so that the index need not stay in memory. */
  #indexStored = false
  /** Bytes of the segment that the index file describes, as far as this process has written it. */
  #indexStoredBytes = 0
  #indexing: Promise<void> | undefined
  #removed = false
  /** What the file held at the start of the last sync that succeeded: this much survives a crash. */
  #synced: SegmentSummary

  /** @param summary what is known of the file at `path`; without it the segment is new and empty */
  constructor(options: SegmentOptions, summary?: SegmentSummary) {
    this.#options = options
    const { directory, baseOffset, generation } = options
    this.baseOffset = baseOffset
    this.generation = generation
    this.path = `${directory}/${segmentFileName(baseOffset, generation, 'log')}`
    this.indexPath = `${directory}/${segmentFileName(baseOffset, generation, 'index')}`
    this.#nameDurable = summary !== undefined
    this.#summary = summary ? { ...summary } : emptySummary(options.baseOffset)
    this.#synced = { ...this.#summary }
    if (!summary) this.#index = new SegmentIndex(options.baseOffset, options.indexIntervalBytes)
  }

  /** Bytes in the file. */
  get bytes(): number {
    return this.#summary.bytes
  }

  /** Bytes of the index as far as it is in memory; 0 for a segment that nothing was written to since the start. */
  get indexBytes(): number {
    return this.#index?.bytes ?? 0
  }

  /** Offset after the last record in the file. */
  get endOffset(): number {
    return this.#summary.endOffset
  }

  get maxTimestampMs(): number {
    return this.#summary.maxTimestampMs
  }

  /** Offset of the last record of the first batch that has the largest timestamp. */
  get maxTimestampOffset(): number {
    return this.#summary.maxTimestampOffset
  }

  /** True if compaction has been over it. */
  get sparse(): boolean {
    return this.#summary.sparse
  }

  /** True if a batch may begin behind the end of the one before it, here or at the leader that it was fetched from. */
  get mayHaveGaps(): boolean {
    return this.#summary.sparse || this.#summary.gapped
  }

  /** As the checkpoint keeps it; undefined while nothing of the file is durable. */
  syncedSummary(): SegmentSummary | undefined {
    return this.#nameDurable ? this.#synced : undefined
  }

  /** Writes whole batches behind the last one: into the page cache, durable after `sync`. Throws DiskError and changes nothing. */
  append(runs: readonly Uint8Array[]): void {
    const { files } = this.#options
    this.index()
    const pinned = files.pin(this.path)
    try {
      pinned.file.write(runs, this.#summary.bytes)
    } finally {
      pinned.unpin()
    }
    this.#indexStored = false
    files.indexes.forget(this)
    for (const run of runs) this.noteRun(run)
  }

  /** Takes up batches that are in the file already, as recovery finds them. */
  noteRun(run: Uint8Array): void {
    for (let at = 0; at < run.length; at += batchBytesOf(run, at)) this.#noteBatch(run, at, this.#index)
  }

  /** Makes what is in the file durable, and its name the first time. */
  async sync(): Promise<void> {
    const { files, disk, directory } = this.#options
    const summary = { ...this.#summary }
    const pinned = files.pin(this.path)
    try {
      await pinned.file.sync()
    } finally {
      pinned.unpin()
    }
    if (!this.#nameDurable) {
      await disk.syncDirectory(directory)
      await disk.syncDirectory(directory.slice(0, directory.lastIndexOf('/')))
      this.#nameDurable = true
    }
    this.#synced = summary
  }

  /**
   * Declares what was written the compacted form of everything below `endOffset`: gaps between offsets are as they should
   * be, also behind the last batch. Durable after `sync`.
   */
  markSparse(endOffset: number): void {
    this.#summary.sparse = true
    this.#summary.endOffset = endOffset
  }

  /** True once `remove` was called: a reader that has the segment at hand must look for the offset again. */
  get removed(): boolean {
    return this.#removed
  }

  /** @throws DiskError, 'not-found' once the segment was removed */
  async read(target: Uint8Array, position: number): Promise<number> {
    const { files } = this.#options
    this.#refuseRemoved()
    const pinned = files.pinExisting(this.path)
    try {
      return await pinned.file.read(target, position)
    } finally {
      pinned.unpin()
    }
  }

  readNow(target: Uint8Array, position: number): number {
    const { files } = this.#options
    this.#refuseRemoved()
    const pinned = files.pinExisting(this.path)
    try {
      return pinned.file.readNow(target, position)
    } finally {
      pinned.unpin()
    }
  }

  /** False until somebody has read from the segment or written to it. */
  get isIndexLoaded(): boolean {
    return this.#index !== undefined
  }

  /**
   * The index, loaded from its file; what that does not describe yet, or all of it, is made from the batch headers, which
   * blocks: where that may be much, `loadIndex` comes first.
   */
  index(): SegmentIndex {
    this.#index ??= this.#makeIndex()
    if (this.#indexStored) this.#options.files.indexes.used(this, this.#index.bytes)
    return this.#index
  }

  /** As `index`, without blocking while headers are read. @throws DiskError */
  async loadIndex(): Promise<SegmentIndex> {
    while (this.#index === undefined) {
      this.#indexing ??= this.#makeIndexAside().finally(() => {
        this.#indexing = undefined
      })
      await this.#indexing
    }
    return this.index()
  }

  dropIndex(): void {
    this.#index = undefined
  }

  /** Writes the index file of a segment that is complete and frees the memory of the index, unless that is done. */
  async storeIndexOnce(): Promise<void> {
    if (this.#indexStored || this.#removed || this.#index === undefined) return
    await this.storeIndex()
    this.#indexStored = true
    this.#index = undefined
  }

  /** Writes the index file of a segment that still grows, if it has grown much: a start after a crash reads the rest. */
  async storeGrownIndex(): Promise<void> {
    const grownBytes = this.#summary.bytes - this.#indexStoredBytes
    if (grownBytes >= indexGrowthBytes && this.#index !== undefined && !this.#removed) await this.storeIndex()
  }

  /** Writes the index file; durable after it resolves. */
  async storeIndex(): Promise<void> {
    const { disk } = this.#options
    const file = disk.open(this.indexPath, 'write')
    try {
      const bytes = this.index().encode(this.#summary)
      this.#indexStoredBytes = this.#summary.bytes
      file.write([bytes], 0)
      file.truncate(bytes.length)
      await file.sync()
    } finally {
      file.close()
    }
  }

  /**
   * Forgets everything from the first batch on that reaches `offset`; `endOffset` is where the batches left end. The file
   * is cut only by `cutFile`, once a checkpoint says so.
   * @throws LogDamageError, changing nothing
   */
  truncate(offset: number): void {
    const end = this.#positionOf(offset)
    const { sparse, gapped } = this.#summary
    const index = new SegmentIndex(this.baseOffset, this.#options.indexIntervalBytes)
    this.#summary = { ...emptySummary(this.baseOffset), sparse, gapped }
    this.#walkHeaders(0, end, (bytes, at) => this.#noteBatch(bytes, at, index))
    this.#index = index
    this.#indexStored = false
    this.#indexStoredBytes = 0
    this.#options.files.indexes.forget(this)
    this.#synced = { ...this.#summary }
  }

  /** Cuts the file to the bytes that are known. Durable after `sync`. */
  cutFile(): void {
    const { disk, files } = this.#options
    disk.remove(this.indexPath)
    const pinned = files.pin(this.path)
    try {
      pinned.file.truncate(this.#summary.bytes)
    } finally {
      pinned.unpin()
    }
  }

  /** Size of the file, which may be more than `bytes` after a crash. */
  fileBytes(): number {
    return this.#options.disk.sizeOf(this.path) ?? 0
  }

  /** Position of the first batch that reaches `offset`. */
  #positionOf(offset: number): number {
    let end = this.index().floor(offset).position
    this.#walkHeaders(end, this.#summary.bytes, (bytes, at, position) => {
      if (lastOffsetOf(bytes, at) < offset) end = position + batchBytesOf(bytes, at)
    })
    return end
  }

  /** Removes the files. Readers that have begun finish on their open handle. */
  remove(): void {
    this.#removed = true
    this.#options.files.indexes.forget(this)
    this.#options.disk.remove(this.path)
    this.#options.disk.remove(this.indexPath)
    this.#options.files.retire(this.path)
  }

  /** The same without blocking: freeing the blocks of a large file takes milliseconds. Rejects with DiskError. */
  async discard(): Promise<void> {
    const { disk, files } = this.#options
    this.#removed = true
    files.indexes.forget(this)
    files.retire(this.path)
    await disk.discard(this.path)
    await disk.discard(this.indexPath)
  }

  /** Opening the file would make a new, empty one. */
  #refuseRemoved(): void {
    if (this.#removed) throw new DiskError('not-found', this.path, 'the segment was removed')
  }

  /** What is known of the segment stays as it is: headers may be damaged, and reads will tell. */
  #makeIndex(): SegmentIndex {
    const making = this.#beginIndex()
    try {
      this.#walkHeaders(making.from, this.#summary.bytes, making.note)
    } catch (error) {
      // What lies before the damage can be found all the same; the read that gets there throws.
      if (!(error instanceof LogDamageError)) throw error
    }
    return making.index
  }

  /** The same a piece at a time; nothing, if the segment has changed meanwhile: then there is an index, or another try. */
  async #makeIndexAside(): Promise<void> {
    const summary = this.#summary
    const making = this.#beginIndex()
    const end = summary.bytes
    const window = Buffer.allocUnsafe(Math.min(walkWindowBytes, Math.max(end - making.from, 0)))
    try {
      for (let position = making.from; position < end; ) {
        const filled = await this.read(window, position)
        position = this.#walkWindow(window.subarray(0, filled), position, end, making.note)
      }
    } catch (error) {
      if (!(error instanceof LogDamageError)) throw error
    }
    if (this.#summary === summary && summary.bytes === end) this.#index ??= making.index
  }

  /** The index as far as its file has it, and what takes up the batches behind. */
  #beginIndex(): { index: SegmentIndex; from: number; note: HeaderVisit } {
    const stored = this.#loadIndex()
    const index = stored?.index ?? new SegmentIndex(this.baseOffset, this.#options.indexIntervalBytes)
    let { maxTimestampMs, endOffset: due } = stored?.summary ?? emptySummary(this.baseOffset)
    const from = stored?.summary.bytes ?? 0
    this.#indexStored = stored !== undefined && from === this.#summary.bytes
    this.#indexStoredBytes = from
    const note: HeaderVisit = (bytes, at, position) => {
      if (!this.mayHaveGaps && baseOffsetOf(bytes, at) !== due) {
        throw new LogDamageError(this.path, position, `no batch for offset ${due} here`)
      }
      due = lastOffsetOf(bytes, at) + 1
      index.note(baseOffsetOf(bytes, at), position, maxTimestampMs, storedCrcOf(bytes, at))
      if (recordCountOf(bytes, at) > 0) maxTimestampMs = Math.max(maxTimestampMs, maxTimestampOf(bytes, at))
    }
    return { index, from, note }
  }

  /** Undefined if the file is missing, damaged, or describes other bytes than the segment has. */
  #loadIndex(): { index: SegmentIndex; summary: SegmentSummary } | undefined {
    const { disk, indexIntervalBytes } = this.#options
    const size = disk.sizeOf(this.indexPath)
    if (size === undefined) return undefined
    const file = disk.open(this.indexPath, 'read')
    try {
      const bytes = Buffer.allocUnsafe(size)
      const count = file.readNow(bytes, 0)
      const decoded = SegmentIndex.decode(bytes.subarray(0, count), this.baseOffset, indexIntervalBytes)
      return decoded && this.#isDescribedBy(decoded) ? decoded : undefined
    } finally {
      file.close()
    }
  }

  /** A log that was cut and has grown again may have an index of what it was before. */
  #isDescribedBy({ index, summary }: { index: SegmentIndex; summary: SegmentSummary }): boolean {
    if (summary.bytes > this.#summary.bytes) return false
    if (summary.bytes === 0) return true
    const { position, crc } = index.last
    const header = Buffer.alloc(batchHeaderBytes)
    const count = this.readNow(header, position)
    return (
      count === header.length && position + batchBytesOf(header, 0) === summary.bytes && storedCrcOf(header, 0) === crc
    )
  }

  /**
   * Visits the batches between two positions, reading headers only where batches are larger than the window.
   * @throws LogDamageError where the sizes of batches do not lead to `end`
   */
  #walkHeaders(start: number, end: number, visit: HeaderVisit): void {
    const window = Buffer.allocUnsafe(Math.min(walkWindowBytes, Math.max(end - start, 0)))
    for (let position = start; position < end; ) {
      const filled = this.readNow(window, position)
      position = this.#walkWindow(window.subarray(0, filled), position, end, visit)
    }
  }

  /** @returns where the first batch begins whose header is not in the window */
  #walkWindow(window: Uint8Array, position: number, end: number, visit: HeaderVisit): number {
    let at = 0
    while (at + batchHeaderBytes <= window.length && position + at < end) {
      const bytes = batchBytesOf(window, at)
      if (bytes < batchHeaderBytes || position + at + bytes > end) break
      visit(window, at, position + at)
      at += bytes
    }
    if (at === 0) throw new LogDamageError(this.path, position, 'no batch here')
    return position + at
  }

  /** Takes up the batch whose header stands at `at`. */
  #noteBatch(bytes: Uint8Array, at: number, index: SegmentIndex | undefined): void {
    const summary = this.#summary
    index?.note(baseOffsetOf(bytes, at), summary.bytes, summary.maxTimestampMs, storedCrcOf(bytes, at))
    const timestampMs = maxTimestampOf(bytes, at)
    // Compaction leaves batches without records behind; nobody finds a record by their timestamp.
    if (timestampMs > summary.maxTimestampMs && recordCountOf(bytes, at) > 0) {
      summary.maxTimestampMs = timestampMs
      summary.maxTimestampOffset = lastOffsetOf(bytes, at)
    }
    if (baseOffsetOf(bytes, at) !== summary.endOffset) summary.gapped = true
    summary.endOffset = lastOffsetOf(bytes, at) + 1
    summary.bytes += batchBytesOf(bytes, at)
  }
}

function emptySummary(baseOffset: number): SegmentSummary {
  const nothing = { bytes: 0, maxTimestampMs: -Infinity, sparse: false, gapped: false }
  return { ...nothing, endOffset: baseOffset, maxTimestampOffset: baseOffset }
}
