import type { Disk } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'
import { batchCoveredBytes, EntryKind } from '../journal/format.ts'
import type { ReplayedEntry } from '../journal/replay.ts'
import {
  baseOffsetOf,
  batchBytesOf,
  batchHeaderBytes,
  lastOffsetOf,
  leaderEpochOf,
  producerIdOf,
} from '../record/batch.ts'
import { crc32c } from '../record/crc32c.ts'
import { findCrcFault, isPlausibleBatch } from '../record/validate.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { StoredLog } from './checkpoint.ts'
import { summaryOf } from './checkpoint.ts'
import { isDirectory } from './durable-directory.ts'
import { EpochCache } from './epoch-cache.ts'
import type { FileBudget } from './file-budget.ts'
import type { LogState } from './log.ts'
import { ProducerState } from './producer-state.ts'
import { parseSegmentFileName, Segment, segmentFileName } from './segment.ts'
import { decodeSyncedOffset } from './synced-offset.ts'
import type { SyncedOffset } from './synced-offset.ts'

const scanWindowBytes = 1 << 20

export interface RecoveryOptions {
  disk: Disk
  files: FileBudget
  logger: Logger
  logsDirectory: string
  indexIntervalBytes: number
}

/** A log as recovery has rebuilt it so far. */
export interface RecoveringLog {
  state: LogState
  stored: StoredLog
  /** A sync beyond the checkpoint is on record up to here: less than this in the end is damage, not a torn tail. */
  provenOffset: number
  /** What is on record of the log goes up to here, whether it was synced or can be read or not. */
  reachedOffset: number
  damage: string | undefined
  /** Where the valid bytes of the last segment end although its file goes on. */
  torn: { segment: Segment; fileBytes: number } | undefined
  /** Files behind a hole. They must be out of the way before the log grows to where they start. */
  strays: string[]
  /** CRC of what the batch's own CRC does not cover, by base offset, for batches taken up from the files. */
  heads: Map<number, number>
  /**
   * Set if the last batch of the files comes behind a gap: no batch behind it shows that its offset, which no CRC covers,
   * is right. If damage is found, nothing from here on is served.
   */
  doubtfulOffset: number | undefined
  /** Where batches end that were taken up from files and journal. A sync ends at one of them. */
  ends: Set<number>
}

/** Folder of a log. The id keeps apart what two logs of one name leave, of which the first was deleted. */
export function logDirectory(logsDirectory: string, log: { id: number; name: string }): string {
  return `${logsDirectory}/${log.name}.${log.id}`
}

/** The log as the checkpoint has it, without a look at its files. */
export function fromCheckpoint(options: RecoveryOptions, stored: StoredLog): RecoveringLog {
  const directory = logDirectory(options.logsDirectory, stored)
  const { disk, files, indexIntervalBytes } = options
  const segments = stored.segments.map(
    (s) =>
      new Segment({ disk, files, directory, baseOffset: s[0], generation: s[1], indexIntervalBytes }, summaryOf(s)),
  )
  const state: LogState = {
    id: stored.id,
    name: stored.name,
    directory,
    startOffset: stored.startOffset,
    segments,
    epochs: new EpochCache(stored.epochs),
    producers: ProducerState.restore(stored.producers),
    endOffset: stored.syncedOffset,
    unsynced: new Set(),
  }
  const damage = stored.damage ?? undefined
  const provenOffset = stored.syncedOffset
  const reachedOffset = Math.max(provenOffset, stored.reachedOffset ?? 0)
  const nothing = {
    torn: undefined,
    strays: [],
    doubtfulOffset: undefined,
    heads: new Map<number, number>(),
    ends: new Set<number>(),
  }
  return { state, stored, provenOffset, reachedOffset, damage, ...nothing }
}

/** After a clean stop: the files are there in the sizes they had. Their contents are checked when they are read. */
export function checkFiles(options: RecoveryOptions, log: RecoveringLog): void {
  for (const segment of log.state.segments) {
    const bytes = options.disk.sizeOf(segment.path)
    if (bytes === segment.bytes) continue
    log.damage ??= `${segment.path} has ${bytes ?? 'no'} bytes, it had ${segment.bytes} at the clean stop`
  }
}

/**
 * After a crash: takes up what the segment files hold beyond the checkpoint, as far as it is whole, and removes
 * leftovers that the checkpoint proves to be such. What it takes up it writes again in its place: it may stand in the
 * page cache only, and even be thought clean there after a failed sync; the next sync must cover it.
 */
export function scanFiles(options: RecoveryOptions, log: RecoveringLog): void {
  const { state, stored } = log
  const { disk, files, indexIntervalBytes } = options
  // What was above the synced offset in the checkpoint's memory comes back from files and journal, or is gone.
  state.epochs.truncateEnd(stored.syncedOffset)
  for (const segment of state.segments) {
    const bytes = disk.sizeOf(segment.path)
    if (bytes === undefined || bytes < segment.bytes) {
      log.damage ??= `${segment.path} has ${bytes ?? 'no'} bytes, ${segment.bytes} were synced`
    }
  }
  if (log.damage !== undefined) return
  const last = state.segments.at(-1)
  if (last) scanSegment(log, last)
  for (const { baseOffset, generation, name } of foreignFiles(options, log)) {
    if (generation > 0 || baseOffset < stored.syncedOffset) {
      options.logger.info('leftover segment removed', { file: `${state.directory}/${name}` })
      disk.remove(`${state.directory}/${name}`)
      disk.remove(`${state.directory}/${name.replace(/\.log$/, '.index')}`)
      continue
    }
    const { directory } = state
    const segment = new Segment({ disk, files, directory, baseOffset, generation, indexIntervalBytes })
    if (baseOffset !== state.endOffset || log.torn) {
      // Written but never synced, behind a hole: the journal has what was promised of it.
      log.strays.push(segment.path)
      continue
    }
    state.segments.push(segment)
    scanSegment(log, segment)
  }
}

/**
 * Removes what a log has left behind that began anew: a crash came before it was all gone, or gone for good.
 * @returns whether the folder must be synced before anybody forgets what was in it
 */
export function removeLeaving({ disk }: RecoveryOptions, { state, stored }: RecoveringLog): boolean {
  if (stored.leaving === undefined || !isDirectory(disk, state.directory)) return false
  for (const [baseOffset, generation] of stored.leaving) {
    disk.remove(`${state.directory}/${segmentFileName(baseOffset, generation, 'log')}`)
    disk.remove(`${state.directory}/${segmentFileName(baseOffset, generation, 'index')}`)
  }
  return true
}

/** Data files in the log's folder that the checkpoint does not name, by offset. */
function foreignFiles(
  options: RecoveryOptions,
  log: RecoveringLog,
): { baseOffset: number; generation: number; name: string }[] {
  const names = listIfThere(options.disk, log.state.directory)
  const known = new Set(log.state.segments.map((segment) => segment.path))
  const found: { baseOffset: number; generation: number; name: string }[] = []
  for (const name of names) {
    const parsed = parseSegmentFileName(name)
    if (parsed && !known.has(`${log.state.directory}/${name}`)) found.push({ ...parsed, name })
  }
  return found.toSorted((a, b) => a.baseOffset - b.baseOffset)
}

/** A log that was never flushed has no folder. */
function listIfThere(disk: Disk, directory: string): string[] {
  try {
    return disk.list(directory)
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'not-found') return []
    throw error
  }
}

/** Takes up whole batches behind the segment's known bytes; stops at the first that is not. */
function scanSegment(log: RecoveringLog, segment: Segment): void {
  const { state } = log
  const fileBytes = segment.fileBytes()
  let window = Buffer.allocUnsafe(Math.min(scanWindowBytes, fileBytes - segment.bytes))
  while (segment.bytes < fileBytes) {
    const filled = segment.readNow(window, segment.bytes)
    const valid = validPrefix(log, window.subarray(0, filled))
    if (valid === 0) {
      const needed = filled >= batchHeaderBytes ? batchBytesOf(window, 0) : 0
      if (needed <= filled || needed > fileBytes - segment.bytes) break
      window = Buffer.allocUnsafe(needed)
      continue
    }
    const run = window.subarray(0, valid)
    segment.append([run])
    state.unsynced.add(segment)
    noteBatches(log, run)
  }
  if (segment.bytes < fileBytes) log.torn = { segment, fileBytes }
}

/** Length of the whole and intact batches at the start of `bytes` that follow each other. */
function validPrefix({ state }: RecoveringLog, bytes: Uint8Array): number {
  let at = 0
  let offset = state.endOffset
  /** Start of the last batch, if there is a gap before it. */
  let behindGap: number | undefined
  while (isPlausibleBatch(bytes, at, bytes.length)) {
    const size = batchBytesOf(bytes, at)
    const isFirst = offset === state.startOffset
    if (at + size > bytes.length || findCrcFault(bytes, at)) break
    // Two batches that overlap: the gap was none, the offset in front of it is wrong.
    if (!isNext(bytes, at, offset, isFirst)) return behindGap ?? at
    behindGap = baseOffsetOf(bytes, at) > offset ? at : undefined
    offset = lastOffsetOf(bytes, at) + 1
    at += size
  }
  return at
}

/**
 * Whether a batch may be the one behind `due`. A follower gets what compaction has left at its leader; and of a log that
 * it began anew, the first batch may begin before the start.
 */
function isNext(bytes: Uint8Array, at: number, due: number, isFirst: boolean): boolean {
  const baseOffset = baseOffsetOf(bytes, at)
  return baseOffset >= due || (isFirst && lastOffsetOf(bytes, at) >= due)
}

function noteBatches(log: RecoveringLog, run: Uint8Array): void {
  const { state, heads, ends } = log
  for (let at = 0; at < run.length; at += batchBytesOf(run, at)) {
    log.doubtfulOffset = baseOffsetOf(run, at) > state.endOffset ? state.endOffset : undefined
    state.epochs.assign(leaderEpochOf(run, at), Math.max(baseOffsetOf(run, at), state.startOffset))
    if (producerIdOf(run, at) >= 0) state.producers.apply(run, at)
    state.endOffset = lastOffsetOf(run, at) + 1
    ends.add(state.endOffset)
    heads.set(baseOffsetOf(run, at), headCrc(run, at))
  }
}

function headCrc(bytes: Uint8Array, at: number): number {
  return crc32c(bytes.subarray(at, at + batchCoveredBytes))
}

/** What one journal entry of this log means for it; `take` appends a batch to the log's memory. */
export function applyEntry(log: RecoveringLog, entry: ReplayedEntry, take: (batch: Buffer) => void): void {
  if (entry.sequence <= log.stored.sequence) return
  log.reachedOffset = Math.max(log.reachedOffset, reachedBy(entry))
  if (log.damage !== undefined) return
  if (entry.kind === EntryKind.syncedOffset) {
    checkProof(log, decodeSyncedOffset(entry.payload))
    return
  }
  const baseOffset = baseOffsetOf(entry.payload, 0)
  const { startOffset, endOffset } = log.state
  // The journal lacks nothing that segments did not have: before a batch, what went around the journal has been proven.
  const isMissing = endOffset < log.provenOffset
  if (!isNext(entry.payload, 0, endOffset, endOffset === startOffset)) checkTwin(log, entry, baseOffset)
  else if (!entry.intact) log.damage = `${entry.file} is damaged at byte ${entry.position} (offset ${baseOffset})`
  else if (isMissing) log.damage = `offsets ${endOffset} to ${baseOffset - 1} are missing`
  else {
    take(entry.payload)
    log.ends.add(lastOffsetOf(entry.payload, 0) + 1)
  }
}

/** The offset that a log must have reached for this entry to be made. */
function reachedBy({ kind, payload, intact }: ReplayedEntry): number {
  if (kind === EntryKind.syncedOffset) return decodeSyncedOffset(payload).offset
  // The journal's own CRC covers no more than the start of a batch: how many records it has is not known if it is broken.
  return intact ? lastOffsetOf(payload, 0) + 1 : baseOffsetOf(payload, 0) + 1
}

/** The file has this batch too. Its own CRC was checked; offset and epoch, which that does not cover, are checked here. */
function checkTwin(log: RecoveringLog, entry: ReplayedEntry, baseOffset: number): void {
  if (
    lastOffsetOf(entry.payload, 0) < log.stored.syncedOffset ||
    log.heads.get(baseOffset) === headCrc(entry.payload, 0)
  )
    return
  setEpoch(log, leaderEpochOf(entry.payload, 0), baseOffset)
  log.damage = `segment and journal (${entry.file} at byte ${entry.position}) differ at offset ${baseOffset}`
}

/** Large batches are in the segment only; the epochs they had when they were synced are on record. */
function checkProof(log: RecoveringLog, proof: SyncedOffset): void {
  const { state } = log
  log.provenOffset = Math.max(log.provenOffset, proof.offset)
  if (state.endOffset < proof.offset || proof.offset <= state.startOffset) return
  if (proof.offset > log.stored.syncedOffset && !log.ends.has(proof.offset)) {
    log.damage = `no batch ends before offset ${proof.offset}, up to where the log had been synced`
    return
  }
  const found = state.epochs.entryBefore(proof.offset)
  const epoch = found?.[0] ?? -1
  const startFits = !found || proof.epochStart < 0 || found[1] === Math.max(proof.epochStart, state.startOffset)
  if (epoch === proof.epoch && startFits) return
  setEpoch(log, proof.epoch, Math.max(proof.epochStart, state.startOffset))
  log.damage = `leader epoch ${epoch} before offset ${proof.offset}, it was ${proof.epoch}`
}

/** The cache was made from the damaged batch itself; only with the true epoch in it will reads refuse that batch. */
function setEpoch({ state }: RecoveringLog, epoch: number, startOffset: number): void {
  state.epochs.truncateEnd(startOffset)
  state.epochs.assign(epoch, startOffset)
}
