import { deepStrictEqual, strictEqual as equal } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as header from './batch.ts'
import { buildBatch } from './build.ts'

/** What the fixed header says, read with Node's own functions instead of ours. */
function expectedHeader(b: Buffer): Record<string, number> {
  return {
    baseOffset: Number(b.readBigInt64BE(0)),
    bytes: b.readInt32BE(8) + 12,
    leaderEpoch: b.readInt32BE(12),
    magic: b.readUInt8(16),
    crc: b.readUInt32BE(17),
    attributes: b.readInt16BE(21),
    lastOffsetDelta: b.readInt32BE(23),
    baseTimestamp: Number(b.readBigInt64BE(27)),
    maxTimestamp: Number(b.readBigInt64BE(35)),
    producerId: Number(b.readBigInt64BE(43)),
    producerEpoch: b.readInt16BE(51),
    baseSequence: b.readInt32BE(53),
    recordCount: b.readInt32BE(57),
  }
}

function actualHeader(b: Uint8Array, at: number): Record<string, number> {
  return {
    baseOffset: header.baseOffsetOf(b, at),
    bytes: header.batchBytesOf(b, at),
    leaderEpoch: header.leaderEpochOf(b, at),
    magic: header.magicOf(b, at),
    crc: header.storedCrcOf(b, at),
    attributes: header.attributesOf(b, at),
    lastOffsetDelta: header.lastOffsetDeltaOf(b, at),
    baseTimestamp: header.baseTimestampOf(b, at),
    maxTimestamp: header.maxTimestampOf(b, at),
    producerId: header.producerIdOf(b, at),
    producerEpoch: header.producerEpochOf(b, at),
    baseSequence: header.baseSequenceOf(b, at),
    recordCount: header.recordCountOf(b, at),
  }
}

test('every field of the header is read where it stands, whatever its sign and wherever the batch starts', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 61, maxLength: 61 }), fc.nat(20), (bytes, at) => {
      const shifted = Buffer.concat([Buffer.alloc(at, 0xaa), bytes])
      deepStrictEqual(actualHeader(shifted, at), expectedHeader(Buffer.from(bytes)))
    }),
  )
})

test('the bits of the attributes mean what they should', () => {
  const bits = (attributes: number): unknown[] => {
    const batch = Buffer.alloc(61)
    batch.writeInt16BE(attributes, 21)
    return [
      header.compressionOf(batch, 0),
      header.hasLogAppendTime(batch, 0),
      header.isTransactional(batch, 0),
      header.isControl(batch, 0),
      header.hasDeleteHorizon(batch, 0),
    ]
  }
  deepStrictEqual(bits(0x04), [4, false, false, false, false])
  deepStrictEqual(bits(0x08), [0, true, false, false, false])
  deepStrictEqual(bits(0x10), [0, false, true, false, false])
  deepStrictEqual(bits(0x20), [0, false, false, true, false])
  deepStrictEqual(bits(0x40), [0, false, false, false, true])
})

test('stamping an offset leaves the CRC true, and is exact up to 2^53', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(0x7fffffff), (offset, epoch) => {
      const batch = buildBatch([{ key: null, value: Buffer.from('v') }], { baseTimestampMs: 5 })
      header.stampBatch(batch, 0, offset, epoch)
      equal(header.baseOffsetOf(batch, 0), offset)
      equal(header.leaderEpochOf(batch, 0), epoch)
      equal(header.actualCrcOf(batch, 0), header.storedCrcOf(batch, 0))
    }),
  )
})

test('LogAppendTime is stamped with a new CRC', () => {
  const batch = buildBatch([{ key: null, value: null }], { baseTimestampMs: 5 })
  const before = header.storedCrcOf(batch, 0)
  header.stampLogAppendTime(batch, 0, 1_750_000_000_000)
  equal(header.hasLogAppendTime(batch, 0), true)
  equal(header.maxTimestampOf(batch, 0), 1_750_000_000_000)
  equal(header.baseTimestampOf(batch, 0), 5)
  equal(header.actualCrcOf(batch, 0), header.storedCrcOf(batch, 0))
  equal(header.storedCrcOf(batch, 0) === before, false)
})

test('sequence numbers wrap behind 2^31 - 1, and -1 stays -1', () => {
  const last = (baseSequence: number): number => {
    const records = Array.from({ length: 3 }, () => ({ key: null, value: null }))
    return header.lastSequenceOf(buildBatch(records, { baseTimestampMs: 0, baseSequence }), 0)
  }
  deepStrictEqual([0, 2147483645, 2147483646, 2147483647, -1].map(last), [2, 2147483647, 0, 1, -1])
})
