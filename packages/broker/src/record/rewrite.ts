import { compress, compressionNames, putVarint, RecordCursor, varintSize } from '@polylog/wire/records'
import { batchHeaderBytes, batchOverheadBytes, compressionOf, renewCrc } from './batch.ts'
import type { StoredRecord } from './records.ts'

const compressionMask = 0x07
const deleteHorizonBit = 0x40

/** What is left of a batch when compaction has taken records out. */
export interface KeptRecords {
  /** Whole records, one after the other, uncompressed. */
  records: Uint8Array
  count: number
  maxTimestampMs: number
  /** When tombstones among them may go (KIP-534): becomes the base timestamp, to which the records must be relative. */
  deleteHorizonMs: number | undefined
}

/**
 * The batch `original` with fewer records: offsets, sequence numbers, leader epoch and codec stay (reference: kafka.md
 * §2.4). Without any record it is only a header, which keeps the last sequence number of its producer known.
 */
export function rewriteBatch(original: Uint8Array, kept: KeptRecords): Buffer {
  const compression = compressionNames[kept.count === 0 ? 0 : compressionOf(original, 0)]!
  const section = compress(compression, kept.records)
  const batch = Buffer.allocUnsafe(batchHeaderBytes + section.length)
  batch.set(original.subarray(0, batchHeaderBytes))
  batch.set(section, batchHeaderBytes)
  batch.writeInt32BE(batch.length - batchOverheadBytes, 8)
  let attributes = batch.readInt16BE(21)
  if (kept.count === 0) attributes &= ~compressionMask
  if (kept.deleteHorizonMs !== undefined) {
    attributes |= deleteHorizonBit
    batch.writeBigInt64BE(BigInt(kept.deleteHorizonMs), 27)
  }
  batch.writeInt16BE(attributes, 21)
  batch.writeBigInt64BE(BigInt(kept.maxTimestampMs), 35)
  batch.writeInt32BE(kept.count, 57)
  renewCrc(batch, 0)
  return batch
}

/** A record of the opened `records` with another timestamp delta. */
export function withTimestampDelta(records: Uint8Array, record: StoredRecord, timestampDelta: number): Buffer {
  const rest = records.subarray(record.offsetDeltaStart, record.end)
  const cursor = new RecordCursor(records.subarray(record.start, record.end))
  cursor.varint()
  const attributes = cursor.int8()
  const bodyBytes = 1 + varintSize(timestampDelta) + rest.length
  const written = Buffer.allocUnsafe(varintSize(bodyBytes) + bodyBytes)
  let at = putVarint(written, 0, bodyBytes)
  written[at++] = attributes & 255
  at = putVarint(written, at, timestampDelta)
  written.set(rest, at)
  return written
}
