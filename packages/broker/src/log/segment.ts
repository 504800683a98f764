import type { Disk } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'
import {
  baseOffsetOf,
  batchBytesOf,
  batchHeaderBytes,
  lastOffsetOf,
  maxTimestampOf,
  recordCountOf,
} from '../record/batch.ts'
import type { FileBudget } from './file-budget.ts'
import type { SegmentSummary } from './segment-index.ts'
import { SegmentIndex } from './segment-index.ts'

const walkWindowBytes = 256 * 1024

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
  #indexStored = false
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

  /** True if compaction has left gaps between offsets. */
  get sparse(): boolean {
    return this.#summary.sparse
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
    for (const run of runs) this.noteRun(run)
  }

  /** Takes up batches that are in the file already, as recovery finds them. */
  noteRun(run: Uint8Array): void {
    for (let at = 0; at < run.length; at += batchBytesOf(run, at)) this.#noteBatch(run, at)
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
    const pinned = files.pin(this.path)
    try {
      return await pinned.file.read(target, position)
    } finally {
      pinned.unpin()
    }
  }

  readNow(target: Uint8Array, position: number): number {
    const { files } = this.#options
    this.#refuseRemoved()
    const pinned = files.pin(this.path)
    try {
      return pinned.file.readNow(target, position)
    } finally {
      pinned.unpin()
    }
  }

  /** The index, loaded from its file; what that does not describe yet, or all of it, is made from the batch headers. */
  index(): SegmentIndex {
    return this.#index ?? this.#makeIndex(this.#summary.bytes)
  }

  /** Writes the index file of a segment that is complete and frees the memory of the index; once. */
  async storeIndexOnce(): Promise<void> {
    if (this.#indexStored || this.#removed) return
    await this.storeIndex()
    this.#indexStored = true
    this.#index = undefined
  }

  /** Writes the index file; durable after it resolves. */
  async storeIndex(): Promise<void> {
    const { disk } = this.#options
    const file = disk.open(this.indexPath, 'write')
    try {
      const bytes = this.index().encode(this.#summary)
      file.write([bytes], 0)
      file.truncate(bytes.length)
      await file.sync()
    } finally {
      file.close()
    }
  }

  /**
   * Forgets everything from the first batch on that reaches `offset`. The file is cut only by `cutFile`, once a
   * checkpoint says so.
   */
  truncate(offset: number): void {
    const position = this.#positionOf(offset)
    this.#summary.endOffset = offset
    this.#makeIndex(position)
    this.#synced = { ...this.#summary }
  }

  /** Cuts the file to the bytes that are known. Durable after `sync`. */
  cutFile(): void {
    const pinned = this.#options.files.pin(this.path)
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

  #positionOf(offset: number): number {
    let { position } = this.index().floor(offset)
    const header = Buffer.allocUnsafe(batchHeaderBytes)
    while (position < this.#summary.bytes) {
      this.readNow(header, position)
      if (lastOffsetOf(header, 0) >= offset) break
      position += batchBytesOf(header, 0)
    }
    return position
  }

  /** Removes the files. Readers that have begun finish on their open handle. */
  remove(): void {
    this.#removed = true
    this.#options.disk.remove(this.path)
    this.#options.disk.remove(this.indexPath)
    this.#options.files.retire(this.path)
  }

  /** Opening the file would make a new, empty one. */
  #refuseRemoved(): void {
    if (this.#removed) throw new DiskError('not-found', this.path, 'the segment was removed')
  }

  #makeIndex(end: number): SegmentIndex {
    const { sparse, endOffset } = this.#summary
    const stored = this.#loadIndex(end)
    const index = stored?.index ?? new SegmentIndex(this.baseOffset, this.#options.indexIntervalBytes)
    this.#index = index
    this.#summary = { ...(stored?.summary ?? emptySummary(this.baseOffset)), sparse }
    this.#walkHeaders(this.#summary.bytes, end)
    this.#summary.endOffset = endOffset
    return index
  }

  /** Undefined if the file is missing, damaged, or describes more than the first `end` bytes. */
  #loadIndex(end: number): { index: SegmentIndex; summary: SegmentSummary } | undefined {
    const { disk, indexIntervalBytes } = this.#options
    const size = disk.sizeOf(this.indexPath)
    if (size === undefined) return undefined
    const file = disk.open(this.indexPath, 'read')
    try {
      const bytes = Buffer.allocUnsafe(size)
      const count = file.readNow(bytes, 0)
      const decoded = SegmentIndex.decode(bytes.subarray(0, count), this.baseOffset, indexIntervalBytes)
      return decoded && decoded.summary.bytes <= end ? decoded : undefined
    } finally {
      file.close()
    }
  }

  /** Notes the batches between two positions, reading headers only where batches are larger than the window. */
  #walkHeaders(start: number, end: number): void {
    const window = Buffer.allocUnsafe(Math.min(walkWindowBytes, Math.max(end - start, 0)))
    for (let at = start; at + batchHeaderBytes <= end; ) {
      const filled = this.readNow(window, at)
      let inWindow = 0
      while (inWindow + batchHeaderBytes <= filled && at + inWindow < end) {
        const bytes = batchBytesOf(window, inWindow)
        if (bytes < batchHeaderBytes || at + inWindow + bytes > end) return
        this.#noteBatch(window, inWindow)
        inWindow += bytes
      }
      if (inWindow === 0) return
      at += inWindow
    }
  }

  /** Takes up the batch whose header stands at `at`. */
  #noteBatch(bytes: Uint8Array, at: number): void {
    const summary = this.#summary
    this.#index?.note(baseOffsetOf(bytes, at), summary.bytes, summary.maxTimestampMs)
    const timestampMs = maxTimestampOf(bytes, at)
    // Compaction leaves batches without records behind; nobody finds a record by their timestamp.
    if (timestampMs > summary.maxTimestampMs && recordCountOf(bytes, at) > 0) {
      summary.maxTimestampMs = timestampMs
      summary.maxTimestampOffset = lastOffsetOf(bytes, at)
    }
    summary.endOffset = lastOffsetOf(bytes, at) + 1
    summary.bytes += batchBytesOf(bytes, at)
  }
}

function emptySummary(baseOffset: number): SegmentSummary {
  return { bytes: 0, endOffset: baseOffset, maxTimestampMs: -Infinity, maxTimestampOffset: baseOffset, sparse: false }
}
