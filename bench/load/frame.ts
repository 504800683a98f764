import { crc32c } from '@node-rs/crc32'
import { randomFillSync } from 'node:crypto'
import { ByteWriter } from './bytes.ts'

/**
 * API keys and the versions spoken here: the newest non-flexible ones, which Kafka 2.3 to 4.x all accept; those of share groups
 * are flexible in all versions.
 */
export const api = {
  produce: { key: 0, version: 7 },
  fetch: { key: 1, version: 11 },
  listOffsets: { key: 2, version: 1 },
  metadata: { key: 3, version: 4 },
  apiVersions: { key: 18, version: 0 },
  createTopics: { key: 19, version: 4 },
  deleteTopics: { key: 20, version: 1 },
  createPartitions: { key: 37, version: 1 },
  shareGroupHeartbeat: { key: 76, version: 1 },
  shareFetch: { key: 78, version: 1 },
} as const

const CLIENT_ID = 'polylog-bench'
const BATCH_HEADER_BYTES = 61
/** Kafka's default `max.message.bytes`; a batch of nominally 1 MiB must stay below it. */
export const BATCH_BYTES_MAX = 1_048_588

export interface Batch {
  readonly bytes: Buffer
  readonly records: number
}

/**
 * A record batch v2 with valid CRC-32C holding as many records as fit `batchBytes` (at least one). Values are random,
 * so neither a compressing disk nor a compressing broker gains from them; records have no key and no headers.
 */
export function recordBatch(batchBytes: number, valueBytes: number): Batch {
  const value = Buffer.allocUnsafe(valueBytes)
  const records = new ByteWriter(batchBytes + valueBytes + 64)
  let count = 0
  for (;;) {
    randomFillSync(value)
    const record = encodeRecord(value, count)
    if (count > 0 && BATCH_HEADER_BYTES + records.length + record.length > batchBytes) break
    records.raw(record)
    count++
  }
  return { bytes: encodeBatch(records.bytes(), count, Date.now()), records: count }
}

/** The same with a given number of records. */
export function recordBatchOf(count: number, valueBytes: number): Batch {
  const value = Buffer.allocUnsafe(valueBytes)
  const records = new ByteWriter(count * (valueBytes + 16) + 64)
  for (let i = 0; i < count; i++) {
    randomFillSync(value)
    records.raw(encodeRecord(value, i))
  }
  return { bytes: encodeBatch(records.bytes(), count, Date.now()), records: count }
}

function encodeRecord(value: Uint8Array, offsetDelta: number): Buffer {
  const body = new ByteWriter(value.length + 32)
  body.int8(0).varint(0).varint(offsetDelta).varint(-1).varint(value.length).raw(value).varint(0)
  return new ByteWriter(value.length + 40).varint(body.length).raw(body.bytes()).bytes()
}

function encodeBatch(records: Uint8Array, count: number, timestampMs: number): Buffer {
  const checked = new ByteWriter(BATCH_HEADER_BYTES + records.length)
  checked
    .int16(0)
    .int32(count - 1)
    .int64(timestampMs)
    .int64(timestampMs)
  checked.int64(-1).int16(-1).int32(-1).int32(count).raw(records)
  // The CRC covers everything behind it; base offset, length, leader epoch and magic lie in front and are the broker's.
  const batch = new ByteWriter(BATCH_HEADER_BYTES + records.length)
  batch
    .int64(0)
    .int32(checked.length + 9)
    .int32(-1)
    .int8(2)
    .int32(crc32c(checked.bytes()) | 0)
  return batch.raw(checked.bytes()).bytes()
}

/** A complete frame with its length in front; `body` writes what follows the request header (version 1). */
export function requestFrame(
  call: { key: number; version: number },
  correlationId: number,
  body: (writer: ByteWriter) => void,
  capacity = 256,
): Buffer {
  const writer = new ByteWriter(capacity)
  writer.int32(0).int16(call.key).int16(call.version).int32(correlationId).string(CLIENT_ID)
  body(writer)
  return writer.patchInt32(0, writer.length - 4).bytes()
}

/** The same for flexible versions. */
export function flexibleFrame(
  call: { key: number; version: number },
  correlationId: number,
  body: (writer: ByteWriter) => void,
): Buffer {
  const writer = new ByteWriter()
  writer.int32(0).int16(call.key).int16(call.version).int32(correlationId).string(CLIENT_ID).uvarint(0)
  body(writer)
  return writer.patchInt32(0, writer.length - 4).bytes()
}

/** Produce, acks=-1, one batch for one partition. */
export function produceFrame(topic: string, partition: number, batch: Uint8Array, correlationId = 0): Buffer {
  return requestFrame(
    api.produce,
    correlationId,
    (writer) => {
      writer.string(null).int16(-1).int32(30_000).int32(1).string(topic)
      writer.int32(1).int32(partition).int32(batch.length).raw(batch)
    },
    batch.length + 128,
  )
}

/** Position of the error code in the answer to `produceFrame`, counted from the length field. */
export function produceErrorAt(topic: string): number {
  return 4 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4
}

/** Length of the answer to `produceFrame`, that of the length field included. */
export function produceAnswerBytes(topic: string): number {
  const behindErrorCode = 2 + 8 + 8 + 8 + 4
  return produceErrorAt(topic) + behindErrorCode
}

export interface FetchPosition {
  readonly partition: number
  readonly offset: number
}

/** Fetch without a session; waits up to 500 ms for the first byte. */
export function fetchFrame(
  topic: string,
  positions: readonly FetchPosition[],
  partitionBytesMax: number,
  correlationId: number,
): Buffer {
  return requestFrame(api.fetch, correlationId, (writer) => {
    writer.int32(-1).int32(500).int32(1).int32(52_428_800).int8(0).int32(0).int32(-1)
    writer.int32(1).string(topic).int32(positions.length)
    for (const { partition, offset } of positions) {
      writer.int32(partition).int32(-1).int64(offset).int64(-1).int32(partitionBytesMax)
    }
    writer.int32(0).string('')
  })
}
