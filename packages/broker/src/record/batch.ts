/**
 * The stored record batch: Kafka's record batch v2, byte for byte (docs/adr/0004-record-batch.md). These functions read
 * and patch the fixed header in place; nothing here decodes a record.
 *
 * | at | size | field | inside the CRC |
 * | -- | ---- | ----- | -------------- |
 * |  0 |  8 | base offset | no |
 * |  8 |  4 | batch length, counted from byte 12 | no |
 * | 12 |  4 | partition leader epoch | no |
 * | 16 |  1 | magic, 2 | no |
 * | 17 |  4 | CRC-32C of byte 21 to the end | – |
 * | 21 |  2 | attributes | yes |
 * | 23 |  4 | last offset delta | yes |
 * | 27 |  8 | base timestamp | yes |
 * | 35 |  8 | max timestamp | yes |
 * | 43 |  8 | producer id | yes |
 * | 51 |  2 | producer epoch | yes |
 * | 53 |  4 | base sequence | yes |
 * | 57 |  4 | record count | yes |
 * | 61 |    | records | yes |
 */
import { crc32c } from './crc32c.ts'

export { compressionNames } from '@polylog/wire/records'

export const batchHeaderBytes = 61
/** The part that `batchLength` does not count. */
export const batchOverheadBytes = 12
export const crcStart = 21
export const magicSupported = 2

const compressionMask = 0x07
const timestampTypeBit = 0x08
const transactionalBit = 0x10
const controlBit = 0x20
const deleteHorizonBit = 0x40

function int16(b: Uint8Array, at: number): number {
  return (((b[at]! << 8) | b[at + 1]!) << 16) >> 16
}

function int32(b: Uint8Array, at: number): number {
  return (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!
}

/** Exact up to 2^53, beyond that rounded to the nearest double. */
function int64(b: Uint8Array, at: number): number {
  return int32(b, at) * 4294967296 + (int32(b, at + 4) >>> 0)
}

function putInt32(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 24
  b[at + 1] = value >>> 16
  b[at + 2] = value >>> 8
  b[at + 3] = value
}

function putInt64(b: Uint8Array, at: number, value: number): void {
  putInt32(b, at, Math.floor(value / 4294967296))
  putInt32(b, at + 4, value >>> 0)
}

// Each takes the buffer and the position at which the batch starts.
export const baseOffsetOf = (b: Uint8Array, at: number): number => int64(b, at)
/** Bytes of the whole batch, header included. */
export const batchBytesOf = (b: Uint8Array, at: number): number => int32(b, at + 8) + batchOverheadBytes
export const leaderEpochOf = (b: Uint8Array, at: number): number => int32(b, at + 12)
export const magicOf = (b: Uint8Array, at: number): number => b[at + 16]!
export const storedCrcOf = (b: Uint8Array, at: number): number => int32(b, at + 17) >>> 0
export const attributesOf = (b: Uint8Array, at: number): number => int16(b, at + 21)
export const lastOffsetDeltaOf = (b: Uint8Array, at: number): number => int32(b, at + 23)
export const baseTimestampOf = (b: Uint8Array, at: number): number => int64(b, at + 27)
export const maxTimestampOf = (b: Uint8Array, at: number): number => int64(b, at + 35)
export const producerIdOf = (b: Uint8Array, at: number): number => int64(b, at + 43)
export const producerEpochOf = (b: Uint8Array, at: number): number => int16(b, at + 51)
export const baseSequenceOf = (b: Uint8Array, at: number): number => int32(b, at + 53)
export const recordCountOf = (b: Uint8Array, at: number): number => int32(b, at + 57)
export const lastOffsetOf = (b: Uint8Array, at: number): number => baseOffsetOf(b, at) + lastOffsetDeltaOf(b, at)

export const compressionOf = (b: Uint8Array, at: number): number => attributesOf(b, at) & compressionMask
/** True if the timestamps are those of the append (LogAppendTime), false if the producer's (CreateTime). */
export const hasLogAppendTime = (b: Uint8Array, at: number): boolean => (attributesOf(b, at) & timestampTypeBit) !== 0
export const isTransactional = (b: Uint8Array, at: number): boolean => (attributesOf(b, at) & transactionalBit) !== 0
export const isControl = (b: Uint8Array, at: number): boolean => (attributesOf(b, at) & controlBit) !== 0
/** True if compaction has put the delete horizon of the batch's tombstones into the base timestamp (KIP-534). */
export const hasDeleteHorizon = (b: Uint8Array, at: number): boolean => (attributesOf(b, at) & deleteHorizonBit) !== 0

/** The last sequence number of the batch; sequences wrap from 2^31 - 1 to 0. */
export function lastSequenceOf(b: Uint8Array, at: number): number {
  const base = baseSequenceOf(b, at)
  return base < 0 ? base : (base + lastOffsetDeltaOf(b, at)) % 2147483648
}

/** Stamps what the broker decides. Both fields lie outside the CRC. */
export function stampBatch(b: Uint8Array, at: number, baseOffset: number, leaderEpoch: number): void {
  putInt64(b, at, baseOffset)
  putInt32(b, at + 12, leaderEpoch)
}

/** Turns the batch into LogAppendTime at `timestampMs` and renews its CRC. */
export function stampLogAppendTime(b: Uint8Array, at: number, timestampMs: number): void {
  b[at + 22] = b[at + 22]! | timestampTypeBit
  putInt64(b, at + 35, timestampMs)
  renewCrc(b, at)
}

/** Computes the CRC of the batch's present bytes and stores it. */
export function renewCrc(b: Uint8Array, at: number): void {
  putInt32(b, at + 17, crc32c(b.subarray(at + crcStart, at + batchBytesOf(b, at))))
}

/** The CRC of the batch's present bytes, to compare with `storedCrcOf`. */
export function actualCrcOf(b: Uint8Array, at: number): number {
  return crc32c(b.subarray(at + crcStart, at + batchBytesOf(b, at)))
}
