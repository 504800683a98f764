import type { Clock } from '../host/clock.ts'
import type { Disk } from '../host/disk.ts'
import { baseOffsetOf, lastOffsetDeltaOf, leaderEpochOf, producerIdOf, stampBatch } from '../record/batch.ts'
import type { BufferPool } from './buffer-pool.ts'
import { readCold } from './cold-read.ts'
import type { ColdRun } from './cold-read.ts'
import type { EpochCache } from './epoch-cache.ts'
import type { FileBudget } from './file-budget.ts'
import type { ProducerState } from './producer-state.ts'
import { Segment } from './segment.ts'
import { Tail } from './tail.ts'

/** `fsync`: acknowledged means on disk. `os`: in the page cache. `memory`: the directory is in memory anyway. */
export type Durability = 'fsync' | 'os' | 'memory'

export interface LogSettings {
  durability: Durability
  /** A segment is followed by a new one before it grows beyond this. */
  segmentBytes: number
  /** … or when its first batch is this old. */
  segmentMs: number
  /** Segments are closed up to this much earlier, each by another time, so that not all logs roll at once. */
  segmentJitterMs: number
  /** … or when its index is this large. */
  segmentIndexBytes: number
  indexIntervalBytes: number
}

/** What the logs of one store share. */
export interface LogSurroundings {
  disk: Disk
  clock: Clock
  files: FileBudget
  pool: BufferPool
  /** A batch has got its place at the end of `log`; `stored` are its bytes, which do not change any more. */
  appended: (log: Log, stored: Uint8Array, grownBytes: number) => void
  /** Memory of the log's tail was freed. */
  freed: (bytes: number) => void
  /** Everything below `log.durableOffset` is durable now. */
  durable: (log: Log) => void
}

export interface LogState {
  id: number
  /** Also the name of its folder. */
  name: string
  directory: string
  startOffset: number
  segments: Segment[]
  epochs: EpochCache
  producers: ProducerState
  endOffset: number
  /** Segments with bytes that no sync of this process has covered. */
  unsynced: Set<Segment>
}

export interface LogRead {
  chunks: readonly Uint8Array[]
  bytes: number
  release: () => void
}

const nothingToRelease = (): void => undefined
const emptyRead: LogRead = { chunks: [], bytes: 0, release: nothingToRelease }

/**
 * An ordered sequence of record batches. The newest are in memory (`Tail`) and in the journal, all others in segment
 * files; the store decides when which bytes move. Knows no topic and no protocol.
 *
 * Offsets: startOffset <= tail.startOffset <= tail.flushedOffset <= endOffset; durableOffset <= endOffset.
 */
export class Log {
  readonly id: number
  readonly name: string
  readonly directory: string
  readonly epochs: EpochCache
  readonly producers: ProducerState
  readonly tail: Tail
  settings: LogSettings
  /** Why nothing can be appended: damage found by recovery or a failed sync. Reads of intact parts go on. */
  damage: string | undefined
  /** The damage that recovery has found in the files. It stays; a failed sync is over with the process. */
  lastingDamage: string | undefined
  /** Called after `durableOffset` has grown or `damage` has been set. */
  onChange: () => void = nothingToRelease
  readonly #surroundings: LogSurroundings
  #segments: Segment[]
  #startOffset: number
  #durableOffset: number
  #syncedOffset: number
  /** Segments with bytes that no sync has covered yet. */
  readonly #unsynced: Set<Segment>
  #activeSinceMs: number

  constructor(surroundings: LogSurroundings, settings: LogSettings, state: LogState) {
    this.id = state.id
    this.name = state.name
    this.directory = state.directory
    this.epochs = state.epochs
    this.producers = state.producers
    this.settings = settings
    this.#surroundings = surroundings
    this.#segments = state.segments
    this.#unsynced = state.unsynced
    this.#startOffset = state.startOffset
    this.#durableOffset = state.endOffset
    this.#syncedOffset = state.endOffset
    this.tail = new Tail(state.endOffset)
    this.#activeSinceMs = surroundings.clock.nowMs()
  }

  get startOffset(): number {
    return this.#startOffset
  }

  /** Offset the next record will get. */
  get endOffset(): number {
    return this.tail.endOffset
  }

  /** Everything below survives what `settings.durability` promises. */
  get durableOffset(): number {
    return this.#durableOffset
  }

  /** Everything below is in synced segments: what recovery need not look at. */
  get syncedOffset(): number {
    return this.#syncedOffset
  }

  /** Oldest first; the last one is written. Empty until the first flush. */
  get segments(): readonly Segment[] {
    return this.#segments
  }

  get sizeBytes(): number {
    let bytes = this.tail.unflushedBytes
    for (const segment of this.#segments) bytes += segment.bytes
    return bytes
  }

  /** Bytes written to segments that no sync has covered. */
  get isDirty(): boolean {
    return this.#unsynced.size > 0
  }

  /**
   * Stamps a checked batch with the next offset and takes it. What it needs of the disk is page cache only.
   * @throws DiskError if a full segment must be written out first and cannot; then nothing has changed
   * @returns the base offset
   */
  append(batch: Uint8Array, owned: boolean, leaderEpoch: number): number {
    const baseOffset = this.endOffset
    this.#rollIfDue(batch.length, baseOffset + lastOffsetDeltaOf(batch, 0))
    stampBatch(batch, 0, baseOffset, leaderEpoch)
    this.#take(batch, owned)
    return baseOffset
  }

  /** Takes a batch that has its offset: from the journal at recovery, later from a leader. It must fit the end. */
  appendStamped(batch: Uint8Array, owned: boolean): void {
    if (baseOffsetOf(batch, 0) < this.endOffset) throw new Error(`invariant broken: ${this.name} goes back`)
    this.#rollIfDue(batch.length, baseOffsetOf(batch, 0) + lastOffsetDeltaOf(batch, 0))
    this.#take(batch, owned)
  }

  #take(batch: Uint8Array, owned: boolean): void {
    const { stored, grownBytes } = this.tail.append(batch, owned)
    this.epochs.assign(leaderEpochOf(batch, 0), baseOffsetOf(batch, 0))
    if (producerIdOf(batch, 0) >= 0) this.producers.apply(stored, 0)
    this.#surroundings.appended(this, stored, grownBytes)
  }

  /**
   * Whole batches from the one that holds `offset`, all below `limitOffset`; empty if there is none yet.
   * `offset` must lie within startOffset and endOffset. From memory at once, else a promise.
   * @throws LogDamageError, DiskError (by the promise)
   */
  read(offset: number, limitOffset: number, bytesMax: number, atLeastOne: boolean): LogRead | Promise<LogRead> {
    if (offset >= limitOffset) return emptyRead
    if (offset < this.tail.startOffset) return this.#readCold(offset, limitOffset, bytesMax, atLeastOne)
    const { chunks, bytes } = this.tail.read(offset, limitOffset, bytesMax, atLeastOne)
    return { chunks, bytes, release: nothingToRelease }
  }

  async #readCold(offset: number, limitOffset: number, bytesMax: number, atLeastOne: boolean): Promise<LogRead> {
    const { pool } = this.#surroundings
    // Compaction and retention may replace or remove segments while this waits, so each step looks for its segment anew.
    for (let from = offset; ; ) {
      const segment = this.#segmentAtOrAfter(from)
      if (segment === undefined) break
      if (segment.baseOffset >= limitOffset) return emptyRead
      let run: ColdRun | 'stopped' | undefined
      try {
        run = await readCold({ segment, epochs: this.epochs, pool, offset, limitOffset, bytesMax, atLeastOne })
      } catch (error) {
        if (this.#segments.includes(segment)) throw error
        continue
      }
      if (run === 'stopped') return emptyRead
      if (run) return { chunks: [run.bytes], bytes: run.bytes.length, release: run.release }
      if (this.#segments.includes(segment)) from = segment.endOffset
    }
    // Nothing in the files from `offset` on; what is newer is in memory.
    const from = Math.max(offset, this.tail.startOffset)
    const { chunks, bytes } = this.tail.read(from, limitOffset, bytesMax, atLeastOne)
    return { chunks, bytes, release: nothingToRelease }
  }

  /** The segment that holds `offset`, or the first behind it; undefined if what comes is only in memory. */
  #segmentAtOrAfter(offset: number): Segment | undefined {
    for (let i = this.segmentIndexOf(offset); i < this.#segments.length; i++) {
      const segment = this.#segments[i]!
      if (segment.endOffset > offset) return segment
    }
    return undefined
  }

  /** Index of the last segment that starts at or before `offset`; 0 if none does. */
  segmentIndexOf(offset: number): number {
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#segments[middle]!.baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(low - 1, 0)
  }

  /** Writes everything in memory to the active segment: page cache, not durable. @throws DiskError, changing nothing */
  flush(): void {
    if (this.tail.unflushedBytes === 0) return
    const active = this.#segments.at(-1) ?? this.#addSegment(this.tail.flushedOffset)
    active.append(this.tail.unflushed())
    this.tail.markFlushed()
    this.#unsynced.add(active)
  }

  /**
   * Syncs the segments as far as they are written. Resolves once everything below the offset that was flushed at the
   * call is durable; rejects with DiskError, and then the log takes no more appends.
   */
  async sync(): Promise<void> {
    const target = this.tail.flushedOffset
    const segments = [...this.#unsynced]
    this.#unsynced.clear()
    for (const segment of segments) await segment.sync()
    this.#syncedOffset = Math.max(this.#syncedOffset, target)
  }

  /** Writes the index files of closed segments that have none yet, so that no later start must scan them. */
  async storeSealedIndexes(): Promise<void> {
    for (const segment of this.#segments) {
      if (segment !== this.#segments.at(-1) && !this.#unsynced.has(segment)) await segment.storeIndexOnce()
    }
  }

  /** Writes the index of the active segment, at a clean stop, unless nothing was written to it since the start. */
  async storeActiveIndex(): Promise<void> {
    const active = this.#segments.at(-1)
    if (active && active.bytes > 0 && active.isIndexLoaded) await active.storeIndex()
  }

  /** The promise of `settings.durability` holds for everything below `offset`. */
  markDurable(offset: number): void {
    if (offset <= this.#durableOffset) return
    this.#durableOffset = offset
    this.#surroundings.durable(this)
  }

  /** Recovery has found the files damaged. */
  setDamaged(damage: string): void {
    this.lastingDamage = damage
    this.damage = damage
  }

  /** Stops appends until the next start. */
  fail(reason: string): void {
    this.damage ??= reason
    this.onChange()
  }

  /** Moves the start, to `durableOffset` at most; whole segments below it are returned and forgotten, for the caller to remove. */
  moveStart(offset: number): Segment[] {
    if (offset > this.#durableOffset) throw new Error(`invariant broken: ${this.name} starts behind its durable end`)
    if (offset > this.#startOffset) {
      this.#startOffset = offset
      this.epochs.truncateStart(offset)
    }
    const removed: Segment[] = []
    while (this.#segments.length > 0 && this.#canRemoveFirst(this.#startOffset)) removed.push(this.#segments.shift()!)
    for (const segment of removed) this.#unsynced.delete(segment)
    return removed
  }

  #canRemoveFirst(startOffset: number): boolean {
    const first = this.#segments[0]!
    const next = this.#segments[1]
    // The active segment stays, whatever the start: it is where the next batch goes.
    return next !== undefined && next.baseOffset <= startOffset && first.endOffset <= startOffset
  }

  /** Closes the active segment; the next batch opens a new one. @throws DiskError */
  roll(): void {
    this.flush()
    const active = this.#segments.at(-1)
    if (!active || active.bytes === 0) return
    this.#addSegment(this.endOffset)
  }

  /** Age of the active segment in milliseconds, 0 while it is empty. */
  activeAgeMs(): number {
    const active = this.#segments.at(-1)
    const empty = (active?.bytes ?? 0) + this.tail.unflushedBytes === 0
    return empty ? 0 : this.#surroundings.clock.nowMs() - this.#activeSinceMs
  }

  /** Puts compacted segments in the place of those they were made from. */
  replaceSegments(replaced: readonly Segment[], replacements: readonly Segment[]): void {
    const first = this.#segments.indexOf(replaced[0]!)
    if (first < 0) throw new Error(`invariant broken: ${this.name} does not have the replaced segment`)
    this.#segments.splice(first, replaced.length, ...replacements)
    for (const segment of replaced) this.#unsynced.delete(segment)
    this.tail.hideBelow(replaced.at(-1)!.endOffset)
  }

  /** A new segment that is not part of the log yet, for compaction to fill. */
  makeSegment(baseOffset: number, generation: number): Segment {
    const { disk, files } = this.#surroundings
    const { indexIntervalBytes } = this.settings
    const { directory } = this
    return new Segment({ disk, files, directory, baseOffset, generation, indexIntervalBytes })
  }

  /**
   * Forgets everything from `offset` on, a batch boundary. The caller writes a checkpoint, then removes and cuts the
   * files returned, then syncs.
   */
  truncate(offset: number): { removed: Segment[]; cut: Segment | undefined } {
    if (offset < this.#startOffset) throw new Error(`invariant broken: ${this.name} cut before its start`)
    this.flush()
    const removed: Segment[] = []
    while (this.#segments.length > 1 && this.#segments.at(-1)!.baseOffset >= offset) {
      const segment = this.#segments.pop()!
      this.#unsynced.delete(segment)
      removed.push(segment)
    }
    const last = this.#segments.at(-1)
    const cut = last && last.endOffset > offset ? last : undefined
    cut?.truncate(offset)
    this.#surroundings.freed(this.tail.reset(offset))
    this.epochs.truncateEnd(offset)
    this.producers.truncateEnd(offset)
    this.#durableOffset = Math.min(this.#durableOffset, offset)
    this.#syncedOffset = Math.min(this.#syncedOffset, offset)
    return { removed, cut }
  }

  /** Cuts the file of a segment that `truncate` has given; durable after the next sync. */
  cutFile(segment: Segment): void {
    segment.cutFile()
    this.#unsynced.add(segment)
  }

  #addSegment(baseOffset: number): Segment {
    const { disk, clock } = this.#surroundings
    if (this.#segments.length === 0) disk.makeDirectory(this.directory)
    const segment = this.makeSegment(baseOffset, 0)
    this.#segments.push(segment)
    this.#unsynced.add(segment)
    this.#activeSinceMs = clock.nowMs()
    return segment
  }

  /** `segmentMs` less a jitter that is the same whenever it is asked for: a hash of log and segment. */
  #rollAgeMs(baseOffset: number): number {
    const { segmentMs, segmentJitterMs } = this.settings
    if (segmentJitterMs === 0) return segmentMs
    const share = (Math.imul(this.id + 1, 0x9e3779b1) ^ Math.imul(baseOffset + 1, 0x85ebca6b)) >>> 0
    return Math.max(segmentMs - (share / 2 ** 32) * segmentJitterMs, 1)
  }

  /** @param lastOffset of the batch to come; its distance to the base must fit the index's four bytes */
  #rollIfDue(batchBytes: number, lastOffset: number): void {
    const active = this.#segments.at(-1)
    const bytes = (active?.bytes ?? 0) + this.tail.unflushedBytes
    if (bytes === 0) {
      this.#activeSinceMs = this.#surroundings.clock.nowMs()
      return
    }
    const baseOffset = active?.baseOffset ?? this.#startOffset
    const tooLarge = bytes + batchBytes > this.settings.segmentBytes || lastOffset - baseOffset > 0x7fffffff
    const isIndexFull = active !== undefined && active.indexBytes >= this.settings.segmentIndexBytes
    if (tooLarge || isIndexFull || this.activeAgeMs() >= this.#rollAgeMs(baseOffset)) this.roll()
  }
}
