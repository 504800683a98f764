import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import {
  baseOffsetOf,
  baseTimestampOf,
  batchBytesOf,
  batchHeaderBytes,
  compressionNames,
  compressionOf,
  hasLogAppendTime,
  maxTimestampOf,
  recordCountOf,
} from './batch.ts'

/** Most bytes that the records of one batch may open to. */
const openedBytesMax = 64 * 1024 * 1024

/** The records of a batch are not what its header says. */
export class RecordError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RecordError'
  }
}

/** One record of an opened batch; key and value are views. */
export interface StoredRecord {
  offsetDelta: number
  timestampDelta: number
  key: Uint8Array | null
  value: Uint8Array | null
}

/** The records section of the batch at `at`, opened. @throws RecordError */
export function openRecords(bytes: Uint8Array, at: number): Uint8Array {
  const section = bytes.subarray(at + batchHeaderBytes, at + batchBytesOf(bytes, at))
  const codec = compressionOf(bytes, at)
  try {
    if (codec === 0) return section
    if (codec === 1) return gunzipSync(section, { maxOutputLength: openedBytesMax })
    if (codec === 4) return zstdDecompressSync(section, { maxOutputLength: openedBytesMax })
  } catch (error) {
    throw new RecordError(`the records cannot be opened: ${String(error)}`)
  }
  throw new RecordError(`records compressed with ${compressionNames[codec] ?? codec} cannot be opened here`)
}

/** Visits the records of an opened batch in order; stops when `visit` returns false. @throws RecordError */
export function forEachRecord(records: Uint8Array, count: number, visit: (record: StoredRecord) => boolean): void {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = records[at++]
      if (byte === undefined || factor > 2 ** 63) throw new RecordError('a number in a record is broken')
      value += (byte & 127) * factor
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
  }
  const field = (): Uint8Array | null => {
    const length = varint()
    if (length < 0) return null
    if (length > records.length - at) throw new RecordError('a field is longer than its record')
    at += length
    return records.subarray(at - length, at)
  }
  for (let i = 0; i < count; i++) {
    const length = varint()
    const end = at + length
    if (length < 0 || end > records.length) throw new RecordError('a record is longer than its batch')
    at++
    const record = { timestampDelta: varint(), offsetDelta: varint(), key: field(), value: field() }
    if (at > end) throw new RecordError('a record is shorter than its fields')
    at = end
    if (!visit(record)) return
  }
  if (at !== records.length) throw new RecordError('the batch goes on behind its last record')
}

/** What is wrong with a batch for a compacted topic, where every record needs a key; undefined if nothing is. */
export function findKeylessRecord(batch: Uint8Array): string | undefined {
  try {
    let fault: string | undefined
    forEachRecord(openRecords(batch, 0), recordCountOf(batch, 0), (record) => {
      if (record.key === null) fault = 'a compacted topic takes only records with a key'
      return fault === undefined
    })
    return fault
  } catch (error) {
    if (error instanceof RecordError) return error.message
    throw error
  }
}

/** The first record of the batch at `at` with a timestamp >= `timestampMs` and an offset >= `startOffset`. */
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
