import { putVarint, varintSize } from '@polylog/wire/records'
import { batchHeaderBytes, batchOverheadBytes, renewCrc, stampBatch } from './batch.ts'

export interface RecordInput {
  key: Uint8Array | null
  value: Uint8Array | null
  headers?: readonly { key: Uint8Array; value: Uint8Array | null }[]
  /** Default: the batch's base timestamp. */
  timestampMs?: number
}

export interface BatchOptions {
  /** Default 0; the log stamps its own. */
  baseOffset?: number
  baseTimestampMs: number
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
  /** Kept as given, for instance LogAppendTime. Compression bits must be 0. */
  attributes?: number
  /** Offsets relative to the base where they are not 0, 1, 2, …: batches that compaction rewrites. */
  offsetDeltas?: readonly number[]
  /** Default: the delta of the last record. Compaction keeps that of the original batch. */
  lastOffsetDelta?: number
  leaderEpoch?: number
}

/** Builds one uncompressed batch, CRC included. `records` may be empty only where `lastOffsetDelta` is given. */
export function buildBatch(records: readonly RecordInput[], options: BatchOptions): Buffer {
  const deltas = options.offsetDeltas ?? records.map((_, i) => i)
  const timestamps = records.map((record) => record.timestampMs ?? options.baseTimestampMs)
  const bodies = records.map((record, i) => bodyBytes(record, deltas[i]!, timestamps[i]! - options.baseTimestampMs))
  let size = batchHeaderBytes
  for (const body of bodies) size += varintSize(body) + body
  const batch = Buffer.alloc(size)
  batch.writeInt32BE(size - batchOverheadBytes, 8)
  batch[16] = 2
  batch.writeInt16BE(options.attributes ?? 0, 21)
  batch.writeInt32BE(options.lastOffsetDelta ?? deltas.at(-1)!, 23)
  batch.writeBigInt64BE(BigInt(options.baseTimestampMs), 27)
  batch.writeBigInt64BE(BigInt(timestamps.reduce((a, b) => Math.max(a, b), options.baseTimestampMs)), 35)
  batch.writeBigInt64BE(BigInt(options.producerId ?? -1), 43)
  batch.writeInt16BE(options.producerEpoch ?? -1, 51)
  batch.writeInt32BE(options.baseSequence ?? -1, 53)
  batch.writeInt32BE(records.length, 57)
  let at = batchHeaderBytes
  for (const [i, record] of records.entries()) {
    at = writeRecord(batch, at, record, bodies[i]!, deltas[i]!, timestamps[i]! - options.baseTimestampMs)
  }
  stampBatch(batch, 0, options.baseOffset ?? 0, options.leaderEpoch ?? -1)
  renewCrc(batch, 0)
  return batch
}

function bodyBytes(record: RecordInput, offsetDelta: number, timestampDelta: number): number {
  const headers = record.headers ?? []
  let size = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + varintSize(headers.length)
  size += fieldBytes(record.key) + fieldBytes(record.value)
  for (const header of headers) size += fieldBytes(header.key) + fieldBytes(header.value)
  return size
}

function fieldBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length
}

function writeRecord(
  target: Buffer,
  start: number,
  record: RecordInput,
  size: number,
  offsetDelta: number,
  timestampDelta: number,
): number {
  let at = putVarint(target, start, size)
  target[at++] = 0
  at = putVarint(target, at, timestampDelta)
  at = putVarint(target, at, offsetDelta)
  at = writeField(target, at, record.key)
  at = writeField(target, at, record.value)
  const headers = record.headers ?? []
  at = putVarint(target, at, headers.length)
  for (const header of headers) at = writeField(target, writeField(target, at, header.key), header.value)
  return at
}

function writeField(target: Buffer, start: number, bytes: Uint8Array | null): number {
  if (bytes === null) return putVarint(target, start, -1)
  const at = putVarint(target, start, bytes.length)
  target.set(bytes, at)
  return at + bytes.length
}
