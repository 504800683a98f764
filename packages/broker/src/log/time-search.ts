import { batchBytesOf, lastOffsetOf, leaderEpochOf, maxTimestampOf } from '../record/batch.ts'
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
  const start = searchStart(log, timestampMs)
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
  for (const segment of log.segments) largestMs = Math.max(largestMs, segment.maxTimestampMs)
  // The part in memory has no index; its batches are walked.
  for (let offset = Math.max(log.tail.startOffset, log.startOffset); offset < limitOffset; ) {
    const read = await log.read(offset, limitOffset, readBytes, true)
    if (read.bytes === 0) break
    for (const chunk of read.chunks) {
      for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
        largestMs = Math.max(largestMs, maxTimestampOf(chunk, at))
        offset = lastOffsetOf(chunk, at) + 1
      }
    }
    read.release()
  }
  return largestMs === -Infinity ? undefined : findByTimestamp(log, largestMs, limitOffset)
}

function searchStart(log: Log, timestampMs: number): number {
  for (const segment of log.segments) {
    if (segment.maxTimestampMs >= timestampMs) return segment.index().floorByTime(timestampMs).offset
  }
  return log.tail.flushedOffset
}
