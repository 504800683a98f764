import { batchBytesOf, maxTimestampOf, recordCountOf } from '../record/batch.ts'
import type { Log } from './log.ts'
import type { Segment } from './segment.ts'
import type { LogStore } from './store.ts'

export interface RetentionSettings {
  /** False for topics that are only compacted: then age and size delete nothing. */
  cleanupDelete: boolean
  /** -1: for ever. */
  retentionMs: number
  /** -1: no limit. */
  retentionBytes: number
}

/**
 * Deletes the oldest segments of `log` as far as all their records are too old, the log is too large, or a client has
 * moved the start of the log behind them. The active segment is rolled, and goes too, when all of it has expired.
 * Nothing goes that is not committed yet. Durable when it resolves.
 * @returns the number of segments deleted
 * @throws DiskError
 */
export async function applyRetention(
  store: LogStore,
  log: Log,
  settings: RetentionSettings,
  nowMs: number,
): Promise<number> {
  const expired = countExpired(log, settings, nowMs)
  if (expired === 0 || log.damage !== undefined) return 0
  if (expired >= log.segments.length) log.roll()
  const target = log.segments[expired]!.baseOffset
  // The log must not end before its start after a crash.
  if (log.syncedOffset < target || expired === log.segments.length - 1) await store.syncLog(log)
  if (store.get(log.name) !== log || log.damage !== undefined) return 0
  const segments = log.segments.length
  await store.moveStart(log, Math.max(target, log.startOffset))
  return segments - log.segments.length
}

/** Segments to delete, from the oldest on. Counts the active one, and memory without a segment as one. */
function countExpired(log: Log, settings: RetentionSettings, nowMs: number): number {
  const { segments, startOffset, committedOffset } = log
  const { cleanupDelete, retentionBytes } = settings
  let excessBytes = cleanupDelete && retentionBytes >= 0 ? log.sizeBytes - retentionBytes : -1
  for (let i = 0; ; i++) {
    const segment = segments[i]
    const isActive = i >= segments.length - 1
    const bytes = (segment?.bytes ?? 0) + (isActive ? log.tail.unflushedBytes : 0)
    const endOffset = isActive ? log.endOffset : segment!.endOffset
    if (endOffset > committedOffset || (isActive && bytes === 0)) return i
    const isExpired =
      endOffset <= startOffset || excessBytes >= bytes || isTooOld(log, settings, segment, isActive, nowMs)
    if (!isExpired) return i
    if (isActive) return i + 1
    excessBytes -= bytes
  }
}

function isTooOld(
  log: Log,
  { cleanupDelete, retentionMs }: RetentionSettings,
  segment: Segment | undefined,
  isActive: boolean,
  nowMs: number,
): boolean {
  if (!cleanupDelete || retentionMs < 0) return false
  let newestMs = segment?.maxTimestampMs ?? -Infinity
  if (newestMs >= 0 && nowMs - newestMs <= retentionMs) return false
  if (isActive) newestMs = Math.max(newestMs, newestUnflushedMs(log))
  // Records without a timestamp (-1) have no age. What compaction has emptied (-Infinity) is of no use to anybody.
  return newestMs === -Infinity || (newestMs >= 0 && nowMs - newestMs > retentionMs)
}

function newestUnflushedMs(log: Log): number {
  let newestMs = -Infinity
  for (const run of log.tail.unflushed()) {
    for (let at = 0; at < run.length; at += batchBytesOf(run, at)) {
      if (recordCountOf(run, at) > 0) newestMs = Math.max(newestMs, maxTimestampOf(run, at))
    }
  }
  return newestMs
}
