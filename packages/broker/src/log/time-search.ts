import { batchBytesOf, lastOffsetOf, leaderEpochOf, maxTimestampOf, recordCountOf } from '../record/batch.ts'
import { firstRecordAtOrAfter } from '../record/records.ts'
import type { Log } from './log.ts'

/** A record found by its timestamp. */
export interface FoundOffset {
  offset: number
  timestampMs: number
  leaderEpoch: number
}

const readBytes = 64 * 1024

/**
 * The first record, in offset order, whose timestamp is >= `timestampMs` and whose batch lies below `limitOffset`.
 * Segments and index positions whose largest timestamp is smaller are passed over without reading.
 * @throws LogDamageError, DiskError
 */
export async function findByTimestamp(
  log: Log,
  timestampMs: number,
  limitOffset: number,
): Promise<FoundOffset | undefined> {
  const start = await searchStart(log, timestampMs)
  for (let offset = Math.max(start, log.startOffset); offset < limitOffset; ) {
    const read = await log.read(offset, limitOffset, readBytes, true)
    try {
      if (read.bytes === 0) return undefined
      for (const chunk of read.chunks) {
        for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
          if (maxTimestampOf(chunk, at) >= timestampMs) {
            const found = await firstRecordAtOrAfter(chunk, at, timestampMs, log.startOffset)
            if (found) return { ...found, leaderEpoch: leaderEpochOf(chunk, at) }
          }
          offset = lastOffsetOf(chunk, at) + 1
        }
      }
    } finally {
      read.release()
    }
  }
  return undefined
}

/** The first record with the largest timestamp below `limitOffset`; undefined if there is no record. */
export async function findMaxTimestamp(log: Log, limitOffset: number): Promise<FoundOffset | undefined> {
  let largestMs = -Infinity
  // What the files say of segments counts, except where the largest timestamp lies outside of what is visible.
  for (const segment of log.segments) {
    const { baseOffset, endOffset, maxTimestampMs, maxTimestampOffset } = segment
    if (maxTimestampMs <= largestMs || baseOffset >= limitOffset || endOffset <= log.startOffset) continue
    const isVisible = maxTimestampOffset >= log.startOffset && maxTimestampOffset < limitOffset
    const visibleMs = isVisible
      ? maxTimestampMs
      : await largestBetween(log, baseOffset, Math.min(endOffset, limitOffset))
    largestMs = Math.max(largestMs, visibleMs)
  }
  // The part that is only in memory has no summary.
  largestMs = Math.max(largestMs, await largestBetween(log, log.tail.flushedOffset, limitOffset))
  return largestMs === -Infinity ? undefined : findByTimestamp(log, largestMs, limitOffset)
}

/** The largest timestamp of the batches between two offsets, -Infinity if there are none. Reads all of them. */
async function largestBetween(log: Log, startOffset: number, endOffset: number): Promise<number> {
  let largestMs = -Infinity
  for (let offset = Math.max(startOffset, log.startOffset); offset < endOffset; ) {
    const read = await log.read(offset, endOffset, readBytes, true)
    if (read.bytes === 0) break
    for (const chunk of read.chunks) {
      for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
        if (recordCountOf(chunk, at) > 0) largestMs = Math.max(largestMs, maxTimestampOf(chunk, at))
        offset = lastOffsetOf(chunk, at) + 1
      }
    }
    read.release()
  }
  return largestMs
}

async function searchStart(log: Log, timestampMs: number): Promise<number> {
  for (const segment of log.segments) {
    if (segment.maxTimestampMs >= timestampMs) return (await segment.loadIndex()).floorByTime(timestampMs).offset
  }
  return log.tail.flushedOffset
}
