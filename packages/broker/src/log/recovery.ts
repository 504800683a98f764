import type { Disk } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'
import { EntryKind } from '../journal/format.ts'
import type { ReplayedEntry } from '../journal/replay.ts'
import {
  baseOffsetOf,
  batchBytesOf,
  batchHeaderBytes,
  lastOffsetOf,
  leaderEpochOf,
  producerIdOf,
} from '../record/batch.ts'
import { findCrcFault, isPlausibleBatch } from '../record/validate.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { StoredLog } from './checkpoint.ts'
import { summaryOf } from './checkpoint.ts'
import { EpochCache } from './epoch-cache.ts'
import type { FileBudget } from './file-budget.ts'
import type { LogState } from './log.ts'
import { ProducerState } from './producer-state.ts'
import { parseSegmentFileName, Segment } from './segment.ts'

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
  damage: string | undefined
  /** Where the valid bytes of the last segment end although its file goes on. */
  torn: { segment: Segment; fileBytes: number } | undefined
}

/** The log as the checkpoint has it, without a look at its files. */
export function fromCheckpoint(options: RecoveryOptions, stored: StoredLog): RecoveringLog {
  const directory = `${options.logsDirectory}/${stored.name}`
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
  }
  return { state, stored, provenOffset: stored.syncedOffset, damage: stored.damage ?? undefined, torn: undefined }
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
 * leftovers that the checkpoint proves to be such. Changes no file that the log still has.
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
      log.torn ??= { segment, fileBytes: disk.sizeOf(segment.path) ?? 0 }
      continue
    }
    state.segments.push(segment)
    scanSegment(log, segment)
  }
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
    const valid = validPrefix(window.subarray(0, filled), state.endOffset)
    if (valid === 0) {
      const needed = filled >= batchHeaderBytes ? batchBytesOf(window, 0) : 0
      if (needed <= filled || needed > fileBytes - segment.bytes) break
      window = Buffer.allocUnsafe(needed)
      continue
    }
    const run = window.subarray(0, valid)
    segment.noteRun(run)
    noteBatches(state, run)
  }
  if (segment.bytes < fileBytes) log.torn = { segment, fileBytes }
}

/** Length of the whole, intact and gapless batches at the start of `bytes`. */
function validPrefix(bytes: Uint8Array, due: number): number {
  let at = 0
  let offset = due
  while (isPlausibleBatch(bytes, at, bytes.length)) {
    const size = batchBytesOf(bytes, at)
    if (at + size > bytes.length || baseOffsetOf(bytes, at) !== offset || findCrcFault(bytes, at)) break
    offset = lastOffsetOf(bytes, at) + 1
    at += size
  }
  return at
}

function noteBatches(state: LogState, run: Uint8Array): void {
  for (let at = 0; at < run.length; at += batchBytesOf(run, at)) {
    state.epochs.assign(leaderEpochOf(run, at), baseOffsetOf(run, at))
    if (producerIdOf(run, at) >= 0) state.producers.apply(run, at)
    state.endOffset = lastOffsetOf(run, at) + 1
  }
}

/** What one journal entry of this log means for it; `take` appends a batch to the log's memory. */
export function applyEntry(log: RecoveringLog, entry: ReplayedEntry, take: (batch: Buffer) => void): void {
  if (entry.sequence <= log.stored.sequence || log.damage !== undefined) return
  if (entry.kind === EntryKind.syncedOffset) {
    log.provenOffset = Math.max(log.provenOffset, entry.payload.readDoubleBE(0))
    return
  }
  const baseOffset = baseOffsetOf(entry.payload, 0)
  if (baseOffset < log.state.endOffset) return
  if (!entry.intact) {
    log.damage = `${entry.file} is damaged at byte ${entry.position} (offset ${baseOffset})`
  } else if (baseOffset > log.state.endOffset) {
    log.damage = `offsets ${log.state.endOffset} to ${baseOffset - 1} are missing`
  } else {
    take(entry.payload)
  }
}
