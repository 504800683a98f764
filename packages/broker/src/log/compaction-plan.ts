import { batchHeaderBytes, maxTimestampOf } from '../record/batch.ts'
import type { Log } from './log.ts'
import type { Segment } from './segment.ts'

export interface CompactionSettings {
  /** Share of the log that must be new since the last compaction. */
  minCleanableDirtyRatio: number
  minCompactionLagMs: number
  maxCompactionLagMs: number
  /** How long tombstones stay after the compaction that first met them. */
  deleteRetentionMs: number
  segmentBytes: number
  segmentMs: number
}

/** What a compaction of a log would go over. */
export interface CompactionPlan {
  /** From the start of the log to the last segment that may be compacted. */
  segments: readonly Segment[]
  /** The first of them that no compaction has been over; all before it are sparse, none behind it is. */
  firstDirty: number
  /** Share of bytes that are dirty. */
  dirtyRatio: number
}

/** Largest distance of offsets within a segment that its index can note, kept as Kafka does. */
const offsetSpanMax = 0x7fffffff

/**
 * Closes the active segment when it is so old that compaction should reach it. Kafka does so at an append; here it also
 * happens to a log that is written no more. @throws DiskError
 */
export function rollForCompaction(log: Log, settings: CompactionSettings, nowMs: number): void {
  const { maxCompactionLagMs, segmentMs } = settings
  const isOld = log.activeAgeMs() >= Math.min(segmentMs, maxCompactionLagMs)
  if (isOld || isOverdue(log.segments.at(-1), maxCompactionLagMs, nowMs)) log.roll()
}

/**
 * What there is to compact in `log`, undefined if it is not worth it yet: the segments from the start up to, but not
 * including, the active one, the first one younger than min.compaction.lag.ms and the first one not committed. Worth it is
 * what has enough new bytes (min.cleanable.dirty.ratio) or waits for longer than max.compaction.lag.ms.
 */
export function planCompaction(log: Log, settings: CompactionSettings, nowMs: number): CompactionPlan | undefined {
  const sealed = log.segments.slice(0, -1)
  let firstDirty = sealed.findIndex((segment) => !segment.sparse)
  if (firstDirty < 0) firstDirty = sealed.length
  let end = firstDirty
  while (end < sealed.length && isReady(log, sealed[end]!, settings, nowMs)) end++
  const segments = sealed.slice(0, end)
  const cleanBytes = bytesOf(segments.slice(0, firstDirty))
  const dirtyBytes = bytesOf(segments.slice(firstDirty))
  if (dirtyBytes === 0) return undefined
  const dirtyRatio = dirtyBytes / (cleanBytes + dirtyBytes)
  if (
    dirtyRatio < settings.minCleanableDirtyRatio &&
    !isOverdue(segments[firstDirty], settings.maxCompactionLagMs, nowMs)
  ) {
    return undefined
  }
  return { segments, firstDirty, dirtyRatio }
}

/** Neighbours that together fit into one segment, so that compaction does not leave ever more ever smaller files. */
export function groupSegments(segments: readonly Segment[], segmentBytes: number): Segment[][] {
  const groups: Segment[][] = []
  let bytes = 0
  for (const segment of segments) {
    const group = groups.at(-1)
    const fits = group && bytes + segment.bytes <= segmentBytes
    if (fits && segment.endOffset - group[0]!.baseOffset <= offsetSpanMax) {
      group.push(segment)
      bytes += segment.bytes
    } else {
      groups.push([segment])
      bytes = segment.bytes
    }
  }
  return groups
}

function isReady(log: Log, segment: Segment, { minCompactionLagMs }: CompactionSettings, nowMs: number): boolean {
  if (segment.endOffset > log.committedOffset) return false
  return minCompactionLagMs === 0 || segment.maxTimestampMs <= nowMs - minCompactionLagMs
}

/** True if the segment's first batch, with which its wait began, is older than the longest wait. */
function isOverdue(segment: Segment | undefined, maxCompactionLagMs: number, nowMs: number): boolean {
  if (segment === undefined || segment.bytes === 0 || maxCompactionLagMs > nowMs) return false
  const header = new Uint8Array(batchHeaderBytes)
  if (segment.readNow(header, 0) < header.length) return false
  const firstMs = maxTimestampOf(header, 0)
  return firstMs >= 0 && nowMs - firstMs > maxCompactionLagMs
}

function bytesOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.bytes, 0)
}
