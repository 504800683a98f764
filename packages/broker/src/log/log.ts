import type { Clock } from '../host/clock.ts'
import type { Disk } from '../host/disk.ts'
import type { FramePool, Ownership } from '../host/frame-memory.ts'
import {
  baseOffsetOf,
  batchBytesOf,
  lastOffsetDeltaOf,
  lastOffsetOf,
  leaderEpochOf,
  producerIdOf,
  stampBatch,
} from '../record/batch.ts'
import type { RunFault } from './append-run.ts'
import { findRunFault } from './append-run.ts'
import type { BufferPool } from './buffer-pool.ts'
import { readCold } from './cold-read.ts'
import type { ColdRun } from './cold-read.ts'
import type { EpochCache } from './epoch-cache.ts'
import type { FileBudget } from './file-budget.ts'
import type { LogSettings } from './log-settings.ts'
import { rollAgeMs } from './log-settings.ts'
import type { LastingDamage } from './log-damage.ts'
import { ProducerState } from './producer-state.ts'
import { Segment } from './segment.ts'
import type { LogRead } from './tail.ts'
import { Tail } from './tail.ts'

export type { Durability, LogSettings } from './log-settings.ts'

/** What the logs of one store share. */
export interface LogSurroundings {
  disk: Disk
  clock: Clock
  files: FileBudget
  pool: BufferPool
  /** Memory of tails. */
  chunks: FramePool
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
  /** Replaced as a whole when the log is cut. */
  producers: ProducerState
  readonly tail: Tail
  settings: LogSettings
  /** Why nothing can be appended: damage found by recovery or a failed sync. Reads of intact parts go on. */
  damage: string | undefined
  /** The damage that recovery has found in the files. It stays; a failed sync is over with the process. */
  lastingDamage: LastingDamage | undefined
  /** Called after `durableOffset` or `startOffset` has grown or `damage` has been set. */
  onChange: () => void = nothingToRelease
  /**
   * What replicas have agreed on ends here; nothing at or above it may be deleted or compacted, it might be cut off.
   * Infinity where this broker has the only replica.
   */
  highWatermark = Infinity
  readonly #surroundings: LogSurroundings
  #segments: Segment[]
  #startOffset: number
  #plannedStartOffset: number
  #durableOffset: number
  #syncedOffset: number
  /** Segments with bytes that no sync has covered yet. */
  readonly #unsynced: Set<Segment>
  #activeSinceMs: number
  #cutCount = 0

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
    this.#plannedStartOffset = state.startOffset
    this.#durableOffset = state.endOffset
    this.#syncedOffset = state.endOffset
    this.tail = new Tail(state.endOffset, surroundings.chunks)
    this.#activeSinceMs = surroundings.clock.nowMs()
  }

  /** First readable offset. Durable: no crash moves it back. */
  get startOffset(): number {
    return this.#startOffset
  }

  /** Where the log is to start once a checkpoint says so; `startOffset` if nothing is to be deleted. */
  get plannedStartOffset(): number {
    return this.#plannedStartOffset
  }

  /** Offset the next record will get. */
  get endOffset(): number {
    return this.tail.endOffset
  }

  /** Everything below survives what `settings.durability` promises. */
  get durableOffset(): number {
    return this.#durableOffset
  }

  /** Everything below is durable here and on all replicas that count. */
  get committedOffset(): number {
    return Math.min(this.highWatermark, this.#durableOffset)
  }

  /** How often something was cut off the end: what was read of a segment before may not be in it any more. */
  get cutCount(): number {
    return this.#cutCount
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
  append(batch: Uint8Array, owned: Ownership, leaderEpoch: number): number {
    const baseOffset = this.endOffset
    this.#rollIfDue(batch.length, baseOffset + lastOffsetDeltaOf(batch, 0))
    stampBatch(batch, 0, baseOffset, leaderEpoch)
    this.#take(batch, owned)
    return baseOffset
  }

  /**
   * Takes a checked batch that has its offset, as recovery finds it in the journal. There may be a gap before it.
   * @throws DiskError as `append`
   */
  appendStamped(batch: Uint8Array, owned: Ownership): void {
    const lastOffset = lastOffsetOf(batch, 0)
    const isFirst = this.endOffset === this.#startOffset && lastOffset >= this.endOffset
    if (baseOffsetOf(batch, 0) < this.endOffset && !isFirst) throw new Error(`invariant broken: ${this.name} goes back`)
    this.#rollIfDue(batch.length, lastOffset)
    this.#take(batch, owned)
  }

  /**
   * Takes whole batches that have their offsets, as a follower has fetched them from its leader; there may be gaps before
   * and between them, and the first may begin before the start of a log without batches. All or, if there is a fault,
   * nothing.
   * @param owned whether the memory under `run` may be kept
   * @throws DiskError if a full segment must be written out and cannot; then the batches before `endOffset` are taken
   */
  appendRun(run: Uint8Array, owned: Ownership): RunFault | undefined {
    const { endOffset } = this
    const epoch = this.epochs.entryBefore(endOffset)?.[0] ?? -1
    const isEmpty = this.tail.unflushedBytes === 0 && this.#segments.length === 0
    const fault = findRunFault(run, { endOffset, epoch, isEmpty })
    if (fault || run.length === 0) return fault
    // Epochs in which this broker was to lead and wrote nothing: others wrote before they knew of them.
    this.epochs.truncateEnd(endOffset)
    let from = 0
    for (let at = 0; at < run.length; ) {
      const bytes = batchBytesOf(run, at)
      const lastOffset = lastOffsetOf(run, at)
      if (at > from && this.#isRollDue(at - from, bytes, lastOffset)) {
        this.#take(run.subarray(from, at), owned)
        from = at
      }
      if (at === from) this.#rollIfDue(bytes, lastOffset)
      at += bytes
    }
    this.#take(run.subarray(from), owned)
    return undefined
  }

  /** @param run one batch or more */
  #take(run: Uint8Array, owned: Ownership): void {
    const { stored, grownBytes } = this.tail.append(run, owned)
    for (let at = 0; at < run.length; at += batchBytesOf(run, at)) {
      const epoch = leaderEpochOf(run, at)
      if (epoch > this.epochs.latest) this.epochs.assign(epoch, Math.max(baseOffsetOf(run, at), this.#startOffset))
      if (producerIdOf(run, at) >= 0) this.producers.apply(run, at)
    }
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
    return this.tail.read(offset, limitOffset, bytesMax, atLeastOne)
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
    return this.tail.read(from, limitOffset, bytesMax, atLeastOne)
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
    let active = this.#segments.at(-1)
    // A cut may have left a compacted segment as the last one; what comes now is still to be compacted.
    if (active === undefined || active.sparse) active = this.#addSegment(this.tail.flushedOffset)
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

  /** Writes the index files of segments that have none that fits, so that nobody who reads them later must scan them. */
  async storeIndexes(): Promise<void> {
    for (const segment of this.#segments) {
      if (segment === this.#segments.at(-1)) await segment.storeGrownIndex()
      else if (!this.#unsynced.has(segment)) await segment.storeIndexOnce()
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
  setDamaged(damage: LastingDamage): void {
    this.lastingDamage = damage
    this.damage = damage.what
  }

  /** Stops appends until the next start. */
  fail(reason: string): void {
    this.damage ??= reason
    this.onChange()
  }

  /**
   * Wants the log to start at `offset`, `committedOffset` at most. Readers see the old start until `publishStart`: what they
   * have seen deleted must not come back.
   */
  planStart(offset: number): void {
    if (offset > this.committedOffset)
      throw new Error(`invariant broken: ${this.name} starts behind its high watermark`)
    this.#plannedStartOffset = Math.max(this.#plannedStartOffset, offset)
  }

  /** The oldest segments, as far as nothing of them is needed from the planned start on. */
  obsoleteSegments(): Segment[] {
    const start = this.#plannedStartOffset
    // The active segment stays, whatever the start: it is where the next batch goes.
    const kept = this.#segments.findIndex((segment, i) => {
      const next = this.#segments[i + 1]
      return next === undefined || next.baseOffset > start || segment.endOffset > start
    })
    return this.#segments.slice(0, Math.max(kept, 0))
  }

  /**
   * A durable checkpoint has the log start at `offset` and does not name the segments in `obsolete`: they are forgotten.
   * @returns those that the log still had, whose files the caller may remove
   */
  publishStart(offset: number, obsolete: readonly Segment[]): Segment[] {
    const going = new Set(obsolete)
    // Compaction may have replaced some of them meanwhile.
    const removed = this.#segments.filter((segment) => going.has(segment))
    if (removed.length > 0) this.#segments = this.#segments.filter((segment) => !going.has(segment))
    for (const segment of removed) this.#unsynced.delete(segment)
    if (offset > this.#startOffset) {
      this.#startOffset = offset
      this.epochs.truncateStart(offset)
      this.onChange()
    }
    return removed
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
    return new Segment({ disk, files, directory: this.directory, baseOffset, generation, indexIntervalBytes })
  }

  /**
   * Forgets all batches from the first one on that reaches `offset`; the log then ends where those left do. If none is
   * left it ends at its start. The caller writes a checkpoint, then removes and cuts the files returned, then syncs.
   * @param producers what is known of producers below `offset`
   */
  truncate(offset: number, producers: ProducerState): { removed: Segment[]; cut: Segment | undefined } {
    if (offset < this.#plannedStartOffset) throw new Error(`invariant broken: ${this.name} cut before its start`)
    this.flush()
    const removed: Segment[] = []
    while (this.#segments.length > 1 && this.#segments.at(-1)!.baseOffset >= offset) removed.push(this.#segments.pop()!)
    let cut = this.#segments.at(-1)
    if (cut && cut.endOffset <= offset) cut = undefined
    cut?.truncate(offset)
    let endOffset = this.#segments.at(-1)?.endOffset ?? offset
    if (endOffset <= this.#plannedStartOffset) {
      endOffset = this.#plannedStartOffset
      removed.push(...this.#segments.splice(0))
      cut = undefined
    }
    for (const segment of removed) this.#unsynced.delete(segment)
    this.#endAt(endOffset, producers)
    this.#durableOffset = Math.min(this.#durableOffset, endOffset)
    this.#syncedOffset = Math.min(this.#syncedOffset, endOffset)
    return { removed, cut }
  }

  /**
   * Forgets everything and goes on at `offset`. Readers see the old start until `publishStart`, unless it lies behind
   * `offset`. The caller writes a checkpoint, then removes the segments returned.
   */
  restart(offset: number): Segment[] {
    const removed = this.#segments
    this.#segments = []
    this.#unsynced.clear()
    this.#endAt(offset, new ProducerState())
    this.epochs.truncateEnd(0)
    this.#plannedStartOffset = offset
    this.#startOffset = Math.min(this.#startOffset, offset)
    this.#durableOffset = offset
    this.#syncedOffset = offset
    return removed
  }

  #endAt(offset: number, producers: ProducerState): void {
    this.#cutCount++
    this.#surroundings.freed(this.tail.reset(offset))
    this.epochs.truncateEnd(offset)
    this.producers = producers
    if (this.highWatermark > offset && this.highWatermark !== Infinity) this.highWatermark = offset
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

  /** @param lastOffset of the batch to come; its distance to the base must fit the index's four bytes */
  #rollIfDue(batchBytes: number, lastOffset: number): void {
    const active = this.#segments.at(-1)
    const bytes = (active?.bytes ?? 0) + this.tail.unflushedBytes
    if (bytes === 0) this.#activeSinceMs = this.#surroundings.clock.nowMs()
    else if (this.#isRollDue(0, batchBytes, lastOffset)) this.roll()
  }

  /** @param pendingBytes that the active segment will get before the batch; with others before it, it is not empty */
  #isRollDue(pendingBytes: number, batchBytes: number, lastOffset: number): boolean {
    const active = this.#segments.at(-1)
    const bytes = (active?.bytes ?? 0) + this.tail.unflushedBytes + pendingBytes
    const baseOffset = active?.baseOffset ?? this.#startOffset
    const tooLarge = bytes + batchBytes > this.settings.segmentBytes || lastOffset - baseOffset > 0x7fffffff
    const isIndexFull = active !== undefined && active.indexBytes >= this.settings.segmentIndexBytes
    return tooLarge || isIndexFull || this.activeAgeMs() >= rollAgeMs(this.settings, this.id, baseOffset)
  }
}
