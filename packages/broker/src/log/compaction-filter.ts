import {
  baseOffsetOf,
  baseTimestampOf,
  hasDeleteHorizon,
  hasLogAppendTime,
  isControl,
  isTransactional,
  lastOffsetDeltaOf,
  lastOffsetOf,
  maxTimestampOf,
  producerIdOf,
  recordCountOf,
} from '../record/batch.ts'
import { openRecords, RecordError, RecordReader } from '../record/records.ts'
import type { StoredRecord } from '../record/records.ts'
import { rewriteBatch, withTimestampDelta } from '../record/rewrite.ts'
import type { CleanerPace } from './cleaner-pace.ts'
import type { OffsetMap } from './compaction-map.ts'

/** What decides whether a record stays. */
export interface FilterRules {
  map: OffsetMap
  nowMs: number
  deleteRetentionMs: number
  /** Records below are out of everybody's reach. */
  startOffset: number
  /** The batch that ends here is the last of the log. It stays, if need be empty: a follower must come to the same end. */
  lastOffset: number
  /** Offset of the last record that an idempotent producer wrote, undefined if the producer has been forgotten. */
  lastOffsetOfProducer: (producerId: number) => number | undefined
}

/** Far enough, and still exact as a distance to any timestamp. */
const horizonDelayMsMax = 2 ** 50
const timestampMsMax = 2 ** 51

/** Batches that compaction does not look into: they belong to transactions, which decide whether their records count. */
export function isOpaque(batch: Uint8Array): boolean {
  return isControl(batch, 0) || isTransactional(batch, 0)
}

/**
 * The records of a batch, opened and checked: offsets ascend within the batch.
 * @throws RecordError
 */
export function readerOf(batch: Uint8Array): { opened: Uint8Array; next: () => StoredRecord | undefined } {
  const opened = openRecords(batch, 0)
  const reader = new RecordReader(opened, recordCountOf(batch, 0))
  const lastDelta = lastOffsetDeltaOf(batch, 0)
  let previous = -1
  const next = (): StoredRecord | undefined => {
    const record = reader.next()
    if (record === undefined) return undefined
    if (record.offsetDelta <= previous || record.offsetDelta > lastDelta) {
      throw new RecordError('damaged', `offset delta ${record.offsetDelta} comes after ${previous}`)
    }
    previous = record.offsetDelta
    return record
  }
  return { opened, next }
}

/**
 * What compaction leaves of `batch`: itself, if all its records stay; another one with fewer; or undefined. Of each key
 * the last record stays; a tombstone until its time is over. A batch that cannot be opened stays as it is.
 */
export async function filterBatch(
  batch: Uint8Array,
  rules: FilterRules,
  pace: CleanerPace,
): Promise<Uint8Array | undefined> {
  if (isOpaque(batch)) return batch
  try {
    const kept = await keptRecords(batch, rules, pace)
    if (kept.all && !needsHorizon(batch, kept.tombstones)) {
      return kept.records.length > 0 || isLast(batch, rules) ? batch : undefined
    }
    if (kept.records.length > 0) return rebuild(batch, kept, rules)
    if (!isLast(batch, rules)) return undefined
    const maxTimestampMs = maxTimestampOf(batch, 0)
    return rewriteBatch(batch, { records: new Uint8Array(0), count: 0, maxTimestampMs, deleteHorizonMs: undefined })
  } catch (error) {
    if (error instanceof RecordError) return batch
    throw error
  }
}

interface Kept {
  opened: Uint8Array
  records: StoredRecord[]
  /** True if no record has to go. */
  all: boolean
  tombstones: boolean
}

async function keptRecords(batch: Uint8Array, rules: FilterRules, pace: CleanerPace): Promise<Kept> {
  const { opened, next } = readerOf(batch)
  const baseOffset = baseOffsetOf(batch, 0)
  const isHorizonPast = hasDeleteHorizon(batch, 0) && rules.nowMs >= baseTimestampOf(batch, 0)
  const kept: Kept = { opened, records: [], all: true, tombstones: false }
  for (let record = next(); record !== undefined; record = next()) {
    if (pace.isDue) await pace.turn()
    const offset = baseOffset + record.offsetDelta
    // A record without a key is from a time when the topic was not compacted; it can have no successor.
    const isLast = offset >= rules.startOffset && record.key !== null && offset >= rules.map.find(record.key)
    const isTombstone = record.value === null
    if (!isLast || (isTombstone && isHorizonPast)) {
      kept.all = false
      continue
    }
    kept.records.push(record)
    if (isTombstone) kept.tombstones = true
  }
  return kept
}

/** The first compaction that meets a tombstone says when it may go. */
function needsHorizon(batch: Uint8Array, tombstones: boolean): boolean {
  return tombstones && !hasDeleteHorizon(batch, 0)
}

/** Whether the end of the log or of a producer's sequence would be forgotten with the batch. */
function isLast(batch: Uint8Array, rules: FilterRules): boolean {
  if (lastOffsetOf(batch, 0) === rules.lastOffset) return true
  const producerId = producerIdOf(batch, 0)
  return producerId >= 0 && rules.lastOffsetOfProducer(producerId) === lastOffsetOf(batch, 0)
}

/** @throws RecordError if a timestamp is out of all bounds, so that it could not be kept exactly */
function rebuild(batch: Uint8Array, kept: Kept, rules: FilterRules): Buffer {
  const baseMs = baseTimestampOf(batch, 0)
  const horizonMs = needsHorizon(batch, kept.tombstones)
    ? rules.nowMs + Math.min(rules.deleteRetentionMs, horizonDelayMsMax)
    : undefined
  let maxTimestampMs = -1
  const parts: Uint8Array[] = []
  for (const record of kept.records) {
    const timestampMs = baseMs + record.timestampDelta
    if (Math.abs(timestampMs) > timestampMsMax || Math.abs(baseMs) > timestampMsMax) {
      throw new RecordError('damaged', `timestamp ${timestampMs} is impossible`)
    }
    maxTimestampMs = Math.max(maxTimestampMs, timestampMs)
    if (horizonMs === undefined) parts.push(kept.opened.subarray(record.start, record.end))
    else parts.push(withTimestampDelta(kept.opened, record, timestampMs - horizonMs))
  }
  if (hasLogAppendTime(batch, 0)) maxTimestampMs = maxTimestampOf(batch, 0)
  return rewriteBatch(batch, {
    records: Buffer.concat(parts),
    count: kept.records.length,
    maxTimestampMs,
    deleteHorizonMs: horizonMs,
  })
}
