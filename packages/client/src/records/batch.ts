/**
 * Kafka's record batch v2, the only form in which records travel and are stored. The header is described in
 * kafka.apache.org/documentation/#recordbatch; batch length counts from byte 12, the CRC covers byte 21 to the end.
 */
import {
  RecordCursor,
  RecordError,
  compress,
  compressionNames,
  compressionOf,
  crc32cTables as crc32c,
  decompress,
  putVarint,
  varintSize,
} from '@polylog/wire/records'
import type { Compression } from '@polylog/wire/records'
import { ClientError } from '../client-error.ts'
import type { Bytes, OutgoingRecord, ReceivedRecord, RecordHeader } from './record.ts'

/** Most bytes a batch may open to; a peer must not be able to fill our memory with a few bytes of zeroes. */
export const openedBytesMax = 64 * 1024 * 1024

export const batchHeaderBytes = 61
const lengthStart = 8
const lengthOverhead = 12
const crcStart = 21
const logAppendTimeBit = 0x08
const controlBit = 0x20

/** What an idempotent producer puts into a batch; all -1 without idempotence. */
export interface ProducerMark {
  producerId: number
  producerEpoch: number
  baseSequence: number
}

const noProducer: ProducerMark = { producerId: -1, producerEpoch: -1, baseSequence: -1 }

/**
 * Encodes records, at least one, as one batch.
 * @param nowMs time of records that have none
 * @throws ClientError 'unsupported' if the package of the codec is not installed
 */
export function encodeBatch(
  records: readonly OutgoingRecord[],
  compression: Compression,
  nowMs: number,
  mark: ProducerMark = noProducer,
): Buffer {
  const baseTimestamp = records[0]!.timestampMs ?? nowMs
  let maxTimestamp = baseTimestamp
  const sizes: number[] = []
  let plainSize = 0
  for (let i = 0; i < records.length; i++) {
    const timestamp = records[i]!.timestampMs ?? nowMs
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    const size = sizeOfRecord(records[i]!, i, timestamp - baseTimestamp)
    sizes.push(size)
    plainSize += varintSize(size) + size
  }
  // One buffer for all: a buffer per record is what encoding small records would cost most.
  let batch = Buffer.allocUnsafe(batchHeaderBytes + plainSize)
  let at = batchHeaderBytes
  for (let i = 0; i < records.length; i++) {
    const timestampDelta = (records[i]!.timestampMs ?? nowMs) - baseTimestamp
    at = putRecord(batch, putVarint(batch, at, sizes[i]!), records[i]!, i, timestampDelta)
  }
  if (compression !== 'none') {
    const body = inClientTerms(() => compress(compression, batch.subarray(batchHeaderBytes)))
    batch = Buffer.allocUnsafe(batchHeaderBytes + body.length)
    batch.set(body, batchHeaderBytes)
  }
  batch.writeBigInt64BE(0n, 0)
  batch.writeInt32BE(batch.length - lengthOverhead, lengthStart)
  batch.writeInt32BE(-1, 12)
  batch[16] = 2
  batch.writeInt16BE(compressionNames.indexOf(compression), 21)
  batch.writeInt32BE(records.length - 1, 23)
  batch.writeBigInt64BE(BigInt(baseTimestamp), 27)
  batch.writeBigInt64BE(BigInt(maxTimestamp), 35)
  batch.writeBigInt64BE(BigInt(mark.producerId), 43)
  batch.writeInt16BE(mark.producerEpoch, 51)
  batch.writeInt32BE(mark.baseSequence, 53)
  batch.writeInt32BE(records.length, 57)
  batch.writeUInt32BE(crc32c(batch.subarray(crcStart)), 17)
  return batch
}

/** Bytes that a record takes in a batch, uncompressed; a little too high at most. */
export function recordBytesOf(record: OutgoingRecord): number {
  const { key, value, headers } = record
  let size = 32 + (key === undefined || key === null ? 0 : lengthOf(key)) + (value === null ? 0 : lengthOf(value))
  if (headers === undefined) return size
  for (const header of headers) size += 10 + lengthOf(header.key) + (header.value === null ? 0 : lengthOf(header.value))
  return size
}

function sizeOfRecord(record: OutgoingRecord, offsetDelta: number, timestampDelta: number): number {
  const headers = record.headers ?? noOutgoingHeaders
  let size = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + varintSize(headers.length)
  size += fieldSize(record.key ?? null) + fieldSize(record.value)
  for (const header of headers) size += fieldSize(header.key) + fieldSize(header.value)
  return size
}

function putRecord(
  target: Buffer,
  start: number,
  record: OutgoingRecord,
  offsetDelta: number,
  timestampDelta: number,
): number {
  const headers = record.headers ?? noOutgoingHeaders
  target[start] = 0
  let at = putVarint(target, start + 1, timestampDelta)
  at = putVarint(target, at, offsetDelta)
  at = putField(target, putField(target, at, record.key ?? null), record.value)
  at = putVarint(target, at, headers.length)
  for (const header of headers) at = putField(target, putField(target, at, header.key), header.value)
  return at
}

const noOutgoingHeaders: NonNullable<OutgoingRecord['headers']> = []

/** For names of headers, ids and the like a loop is faster than a call of the runtime. */
const shortTextMax = 40

function lengthOf(bytes: Uint8Array | string): number {
  if (typeof bytes !== 'string') return bytes.length
  return isShortAscii(bytes) ? bytes.length : Buffer.byteLength(bytes)
}

function isShortAscii(text: string): boolean {
  if (text.length > shortTextMax) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false
  return true
}

function fieldSize(bytes: Bytes): number {
  if (bytes === null) return 1
  const length = lengthOf(bytes)
  return varintSize(length) + length
}

function putField(target: Buffer, position: number, bytes: Bytes): number {
  if (bytes === null) return putVarint(target, position, -1)
  const length = lengthOf(bytes)
  const at = putVarint(target, position, length)
  if (typeof bytes !== 'string') target.set(bytes, at)
  else if (length > shortTextMax || length !== bytes.length) target.write(bytes, at)
  else for (let i = 0; i < length; i++) target[at + i] = bytes.charCodeAt(i)
  return at + length
}

/** The records of an answer, and where to read on. */
export interface DecodedRecords {
  records: ReceivedRecord[]
  /** Offset after the last batch, `fromOffset` if there was none; control batches move it too. */
  nextOffset: number
}

/**
 * Decodes the batches of a Fetch answer: CRC checked, records below `fromOffset` left out (the first batch may begin
 * earlier), control batches skipped, a last batch that is cut short ignored.
 * @throws ClientError 'corrupt', 'unsupported' (a codec whose package is missing)
 */
export function decodeRecords(
  bytes: Buffer,
  source: { topic: string; partition: number },
  fromOffset: number,
): DecodedRecords {
  return inClientTerms(() => decodeBatches(bytes, source, fromOffset))
}

function decodeBatches(
  bytes: Buffer,
  source: { topic: string; partition: number },
  fromOffset: number,
): DecodedRecords {
  const decoded: DecodedRecords = { records: [], nextOffset: fromOffset }
  for (let at = 0; bytes.length - at >= batchHeaderBytes; ) {
    const size = bytes.readInt32BE(at + lengthStart) + lengthOverhead
    if (size < batchHeaderBytes) throw damaged(`it says it has ${size} bytes`)
    if (at + size > bytes.length) break
    const batch = bytes.subarray(at, at + size)
    const compression = checkBatch(batch)
    decodeBatch(batch, compression, source, fromOffset, decoded)
    at += size
  }
  return decoded
}

function checkBatch(batch: Buffer): Compression {
  if (batch[16] !== 2) throw damaged(`message format ${batch[16]} is not supported`)
  if (batch.readUInt32BE(17) !== crc32c(batch.subarray(crcStart))) throw damaged('its CRC is wrong')
  return compressionOf(batch.readInt16BE(21) & 7)
}

function decodeBatch(
  batch: Buffer,
  compression: Compression,
  source: { topic: string; partition: number },
  fromOffset: number,
  decoded: DecodedRecords,
): void {
  const baseOffset = Number(batch.readBigInt64BE(0))
  const nextOffset = baseOffset + batch.readInt32BE(23) + 1
  const attributes = batch.readInt16BE(21)
  if (nextOffset > decoded.nextOffset) decoded.nextOffset = nextOffset
  if (attributes & controlBit || nextOffset <= fromOffset) return
  const baseTimestamp = Number(batch.readBigInt64BE(27))
  const maxTimestamp = Number(batch.readBigInt64BE(35))
  const opened = decompress(compression, batch.subarray(batchHeaderBytes), openedBytesMax)
  const cursor = new RecordCursor(opened)
  const count = batch.readInt32BE(57)
  for (let i = 0; i < count; i++) {
    const length = cursor.varint()
    if (length < 0 || length > cursor.remaining)
      throw damaged(`a record of ${length} bytes, ${cursor.remaining} are left`)
    const end = cursor.position + length
    cursor.int8()
    const timestamp = baseTimestamp + cursor.varint()
    const offset = baseOffset + cursor.varint()
    const key = cursor.view(cursor.varint())
    const value = cursor.view(cursor.varint())
    const headers = decodeHeaders(cursor)
    if (cursor.position !== end) throw damaged('a record does not fill its length')
    if (offset < fromOffset) continue
    const timestampMs = attributes & logAppendTimeBit ? maxTimestamp : timestamp
    decoded.records.push({ topic: source.topic, partition: source.partition, offset, timestampMs, key, value, headers })
  }
}

const noHeaders: readonly RecordHeader[] = []

function decodeHeaders(cursor: RecordCursor): readonly RecordHeader[] {
  const count = cursor.varint()
  if (count === 0) return noHeaders
  // Two bytes are the least a header takes.
  if (count < 0 || count * 2 > cursor.remaining) throw damaged(`${count} headers in ${cursor.remaining} bytes`)
  const headers: RecordHeader[] = []
  for (let i = 0; i < count; i++) {
    const key = cursor.view(cursor.varint())
    if (key === null) throw damaged('a header has no name')
    headers.push({ key: key.toString(), value: cursor.view(cursor.varint()) })
  }
  return headers
}

function damaged(detail: string): RecordError {
  return new RecordError('damaged', detail)
}

/** Turns failures of records into those of the client. */
function inClientTerms<T>(body: () => T): T {
  try {
    return body()
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    if (error.kind === 'missing-codec') throw new ClientError('unsupported', error.message, { cause: error })
    throw new ClientError('corrupt', `the broker sent a damaged record batch: ${error.message}`, { cause: error })
  }
}
