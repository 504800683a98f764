import { compressionNames, decompress, RecordCursor, RecordError } from '@polylog/wire/records'
import {
  baseOffsetOf,
  baseTimestampOf,
  batchBytesOf,
  batchHeaderBytes,
  compressionOf,
  hasLogAppendTime,
  maxTimestampOf,
  recordCountOf,
} from './batch.ts'

export { RecordError } from '@polylog/wire/records'

/** Most bytes that the records of one batch may open to: the largest `max.message.bytes` there can be. */
export const openedBytesMax = 64 * 1024 * 1024

/** One record of an opened batch; key and value are views. */
export interface StoredRecord {
  /** Place in the batch, from 0 on. */
  index: number
  offsetDelta: number
  timestampDelta: number
  key: Uint8Array | null
  value: Uint8Array | null
  /** Where the record, its length included, starts and ends in the opened records. */
  start: number
  end: number
  /** Where its offset delta stands: everything from there on stays when the timestamp is written anew. */
  offsetDeltaStart: number
  /** Where its headers stand, their number first: headers.ts reads them. */
  headersStart: number
}

/** The records section of the batch at `at`, opened. @throws RecordError */
export function openRecords(bytes: Uint8Array, at: number): Uint8Array {
  const section = bytes.subarray(at + batchHeaderBytes, at + batchBytesOf(bytes, at))
  const compression = compressionNames[compressionOf(bytes, at)]
  if (compression === undefined) throw new RecordError('damaged', 'the records are compressed with an unknown codec')
  try {
    return decompress(compression, section, openedBytesMax)
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    throw new RecordError(error.kind, `the records cannot be opened: ${error.message}`, { cause: error })
  }
}

/** Reads the records of an opened batch one after the other. Headers are passed over. */
export class RecordReader {
  readonly #cursor: RecordCursor
  readonly #count: number
  #index = 0

  /** @param records what `openRecords` returned @param count of the batch's header */
  constructor(records: Uint8Array, count: number) {
    this.#cursor = new RecordCursor(records)
    this.#count = count
  }

  /** Undefined behind the last one. @throws RecordError if the records are not what the header says */
  next(): StoredRecord | undefined {
    const cursor = this.#cursor
    if (this.#index >= this.#count) {
      if (cursor.remaining === 0) return undefined
      throw new RecordError('damaged', 'the batch goes on behind its last record')
    }
    const start = cursor.position
    const length = cursor.varint()
    const end = cursor.position + length
    if (length < 0 || length > cursor.remaining) {
      throw new RecordError('damaged', 'a record is longer than its batch')
    }
    cursor.int8()
    const timestampDelta = cursor.varint()
    const offsetDeltaStart = cursor.position
    const offsetDelta = cursor.varint()
    const key = cursor.view(cursor.varint())
    const value = cursor.view(cursor.varint())
    const headersStart = cursor.position
    if (headersStart >= end) throw new RecordError('damaged', 'a record is shorter than its fields')
    cursor.position = end
    const place = { start, end, offsetDeltaStart, headersStart }
    return { index: this.#index++, offsetDelta, timestampDelta, key, value, ...place }
  }
}

/** Visits the records of an opened batch in order; stops when `visit` returns false. @throws RecordError */
export function forEachRecord(records: Uint8Array, count: number, visit: (record: StoredRecord) => boolean): void {
  const reader = new RecordReader(records, count)
  for (let record = reader.next(); record !== undefined; record = reader.next()) if (!visit(record)) return
}

/** Why a batch is refused for what its records are. */
export interface RecordsFault {
  detail: string
  /** Places in the batch of the records that are to blame, the first `blamedRecordsMax`; empty if it is the batch. */
  recordIndexes: readonly number[]
}

/** A producer that forgets its keys forgets them for every record; naming some of them is enough. */
const blamedRecordsMax = 1000

/**
 * What is wrong with a producer's batch for a compacted topic, where every record needs a key and compaction must be able
 * to tell the records apart; undefined if nothing is. All keyless records are named, because a client fails only those
 * for good and may send the others again (KIP-467).
 */
export function findKeylessRecord(batch: Uint8Array): RecordsFault | undefined {
  const keyless: number[] = []
  let counted = true
  try {
    forEachRecord(openRecords(batch, 0), recordCountOf(batch, 0), (record) => {
      if (record.offsetDelta !== record.index) counted = false
      if (record.key === null && keyless.length < blamedRecordsMax) keyless.push(record.index)
      return counted
    })
  } catch (error) {
    if (error instanceof RecordError) return { detail: error.message, recordIndexes: [] }
    throw error
  }
  if (!counted) return { detail: 'the offsets of the records do not count from 0', recordIndexes: [] }
  if (keyless.length === 0) return undefined
  return { detail: 'a compacted topic takes only records with a key', recordIndexes: keyless }
}

/** The first record of the batch at `at` with a timestamp >= `timestampMs` and an offset >= `startOffset`. @throws RecordError */
export async function firstRecordAtOrAfter(
  bytes: Uint8Array,
  at: number,
  timestampMs: number,
  startOffset: number,
): Promise<{ offset: number; timestampMs: number } | undefined> {
  const base = { offset: baseOffsetOf(bytes, at), timestampMs: baseTimestampOf(bytes, at) }
  const appendTimeMs = hasLogAppendTime(bytes, at) ? maxTimestampOf(bytes, at) : undefined
  let found: { offset: number; timestampMs: number } | undefined
  forEachRecord(openRecords(bytes, at), recordCountOf(bytes, at), (record) => {
    const offset = base.offset + record.offsetDelta
    const recordMs = appendTimeMs ?? base.timestampMs + record.timestampDelta
    if (recordMs >= timestampMs && offset >= startOffset) found = { offset, timestampMs: recordMs }
    return found === undefined
  })
  return found
}
