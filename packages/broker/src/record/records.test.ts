import { deepStrictEqual, strictEqual as equal, match, ok, rejects, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compressionNames } from '@polylog/wire/records'
import type { Compression } from '@polylog/wire/records'
import fc from 'fast-check'
import { batchBytesOf, baseOffsetOf, hasDeleteHorizon, lastOffsetOf, maxTimestampOf, recordCountOf } from './batch.ts'
import { buildBatch } from './build.ts'
import type { BatchOptions, RecordInput } from './build.ts'
import {
  findKeylessRecord,
  firstRecordAtOrAfter,
  forEachRecord,
  openedBytesMax,
  openRecords,
  RecordError,
  RecordReader,
} from './records.ts'
import { rewriteBatch, withTimestampDelta } from './rewrite.ts'
import { findCrcFault, findProducerBatchFault } from './validate.ts'

/** A batch as a producer that compresses makes it. */
function closedBatch(
  records: readonly RecordInput[],
  compression: Compression,
  options: Partial<BatchOptions> = {},
): Buffer {
  const plain = buildBatch(records, { baseTimestampMs: 1000, ...options })
  plain.writeInt16BE(plain.readInt16BE(21) | compressionNames.indexOf(compression), 21)
  const kept = { count: records.length, maxTimestampMs: maxTimestampOf(plain, 0), deleteHorizonMs: undefined }
  return rewriteBatch(plain, { ...kept, records: plain.subarray(61) })
}

function read(batch: Uint8Array, at = 0): unknown[] {
  const found: unknown[] = []
  forEachRecord(openRecords(batch, at), recordCountOf(batch, at), ({ key, value, offsetDelta, timestampDelta }) => {
    found.push([offsetDelta, timestampDelta, key && Buffer.from(key).toString('hex'), value && value.length])
    return true
  })
  return found
}

const field = fc.option(fc.uint8Array({ maxLength: 200 }))
const recordArbitrary = fc.record({
  key: field,
  value: field,
  headers: fc.array(fc.record({ key: fc.uint8Array({ maxLength: 9 }), value: field }), { maxLength: 3 }),
  timestampMs: fc.nat(2 ** 31 - 1),
})

describe('records of a batch', () => {
  for (const compression of compressionNames) {
    it(`are read as they were built, with ${compression}`, () => {
      fc.assert(
        fc.property(fc.array(recordArbitrary, { minLength: 1, maxLength: 20 }), fc.nat(9), (records, at) => {
          const batch = closedBatch(records, compression)
          equal(findProducerBatchFault(batch, 1 << 20), undefined)
          const shifted = Buffer.concat([Buffer.alloc(at, 1), batch, Buffer.alloc(5, 2)])
          equal(batchBytesOf(shifted, at), batch.length)
          const expected = records.map((r, i) => [
            i,
            r.timestampMs - 1000,
            r.key && Buffer.from(r.key).toString('hex'),
            r.value && r.value.length,
          ])
          deepStrictEqual(read(shifted, at), expected)
        }),
        { numRuns: 25 },
      )
    })
  }

  it('have the offsets that they are given, and those of the original', () => {
    const record = { key: Buffer.from('k'), value: null }
    const batch = buildBatch([record, record], {
      baseTimestampMs: 1,
      baseOffset: 100,
      offsetDeltas: [3, 70],
      lastOffsetDelta: 80,
      leaderEpoch: 4,
      producerId: 9,
      producerEpoch: 2,
      baseSequence: 5,
    })
    deepStrictEqual([baseOffsetOf(batch, 0), lastOffsetOf(batch, 0)], [100, 180])
    deepStrictEqual(
      read(batch).map((r) => (r as number[])[0]),
      [3, 70],
    )
  })

  it('are refused with a reason where they are not what the header says', () => {
    const batch = buildBatch([{ key: null, value: Buffer.from('abc') }], { baseTimestampMs: 0 })
    const records = Buffer.from(openRecords(batch, 0))
    const broken = (bytes: Uint8Array, count: number, reason: RegExp): void => {
      const error: unknown = (() => {
        try {
          forEachRecord(bytes, count, () => true)
        } catch (thrown) {
          return thrown
        }
        return undefined
      })()
      ok(error instanceof RecordError)
      match(error.message, reason)
    }
    broken(records, 2, /ends inside a number/)
    broken(records, 0, /goes on behind/)
    broken(records.subarray(0, -1), 1, /longer than its batch/)
    broken(Buffer.concat([records, Buffer.from([0])]), 1, /goes on behind/)
    // The record says it has 4 bytes; its value goes on behind that.
    broken(Buffer.concat([Buffer.from([8]), records.subarray(1)]), 1, /shorter than its fields/)
    broken(Buffer.from([1, 0]), 1, /longer than its batch/)
  })

  it('never make the reader do anything but refuse, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(10), (bytes, count) => {
        const reader = new RecordReader(bytes, count)
        try {
          for (let record = reader.next(); record; record = reader.next()) ok(record.end <= bytes.length)
        } catch (error) {
          ok(error instanceof RecordError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('do not open without limit, and not with an unknown codec', () => {
    const bomb = closedBatch([{ key: null, value: Buffer.alloc(openedBytesMax) }], 'zstd')
    ok(bomb.length < openedBytesMax / 1000)
    throws(() => openRecords(bomb, 0), { name: 'RecordError', kind: 'too-large' })
    match(findKeylessRecord(bomb)?.detail ?? '', /cannot be opened: .*more than 67108864 bytes/)
    const unknown = buildBatch([{ key: null, value: null }], { baseTimestampMs: 0, attributes: 7 })
    throws(() => openRecords(unknown, 0), /unknown codec/)
  })
})

describe('findKeylessRecord', () => {
  const withKey = { key: Buffer.from('k'), value: Buffer.from('v') }

  it('wants a key on each record, an empty one will do', () => {
    for (const compression of compressionNames) {
      equal(findKeylessRecord(closedBatch([withKey, { key: Buffer.alloc(0), value: null }], compression)), undefined)
      match(
        findKeylessRecord(closedBatch([withKey, { key: null, value: null }], compression))?.detail ?? '',
        /with a key/,
      )
    }
  })

  it('names every record that lacks a key', () => {
    const keyless = { key: null, value: null }
    deepStrictEqual(findKeylessRecord(closedBatch([keyless, withKey, keyless], 'gzip'))?.recordIndexes, [0, 2])
  })

  it('wants offsets that count, without which compaction could drop the wrong record', () => {
    const batch = buildBatch([withKey, withKey], { baseTimestampMs: 0, offsetDeltas: [0, 0], lastOffsetDelta: 1 })
    match(findKeylessRecord(batch)?.detail ?? '', /do not count from 0/)
  })

  it('says what is wrong with compressed bytes that are none', () => {
    const batch = buildBatch([withKey], { baseTimestampMs: 0, attributes: 1 })
    match(findKeylessRecord(batch)?.detail ?? '', /the records cannot be opened/)
  })
})

describe('firstRecordAtOrAfter', () => {
  const records = [20, 10, 30].map((timestampMs) => ({ key: null, value: null, timestampMs }))

  it('finds the first in offset order, not before the start of the log', async () => {
    const batch = closedBatch(records, 'lz4', { baseOffset: 50, baseTimestampMs: 20 })
    deepStrictEqual(await firstRecordAtOrAfter(batch, 0, 15, 0), { offset: 50, timestampMs: 20 })
    deepStrictEqual(await firstRecordAtOrAfter(batch, 0, 10, 51), { offset: 51, timestampMs: 10 })
    deepStrictEqual(await firstRecordAtOrAfter(batch, 0, 21, 0), { offset: 52, timestampMs: 30 })
    equal(await firstRecordAtOrAfter(batch, 0, 31, 0), undefined)
  })

  it('goes by the time of the append where that counts', async () => {
    const batch = buildBatch(records, { baseTimestampMs: 0, baseOffset: 7, attributes: 8 })
    deepStrictEqual(await firstRecordAtOrAfter(batch, 0, 30, 8), { offset: 8, timestampMs: 30 })
  })

  it('rejects what cannot be opened', async () => {
    await rejects(
      firstRecordAtOrAfter(buildBatch(records, { baseTimestampMs: 0, attributes: 1 }), 0, 0, 0),
      RecordError,
    )
  })
})

describe('a rewritten batch', () => {
  it('is empty without compression, and keeps offsets, sequence and epoch', () => {
    const original = closedBatch([{ key: null, value: Buffer.from('v') }], 'zstd', {
      baseOffset: 40,
      leaderEpoch: 3,
      producerId: 8,
      producerEpoch: 1,
      baseSequence: 6,
    })
    const empty = rewriteBatch(original, {
      records: new Uint8Array(0),
      count: 0,
      maxTimestampMs: 77,
      deleteHorizonMs: undefined,
    })
    equal(empty.length, 61)
    equal(findCrcFault(empty, 0), undefined)
    equal(empty.readInt16BE(21), 0)
    deepStrictEqual(empty.subarray(0, 8), original.subarray(0, 8))
    deepStrictEqual(empty.subarray(12, 17), original.subarray(12, 17))
    deepStrictEqual(empty.subarray(23, 35), original.subarray(23, 35))
    deepStrictEqual(empty.subarray(43, 57), original.subarray(43, 57))
    deepStrictEqual([maxTimestampOf(empty, 0), recordCountOf(empty, 0)], [77, 0])
    deepStrictEqual(read(empty), [])
  })

  it('has its records relative to the delete horizon, and all else of them as before', () => {
    fc.assert(
      fc.property(recordArbitrary, fc.constantFrom(...compressionNames), (input, compression) => {
        const original = closedBatch([input], compression)
        const opened = openRecords(original, 0)
        const record = new RecordReader(opened, 1).next()!
        const deleteHorizonMs = 1_800_000_000_000
        const moved = withTimestampDelta(opened, record, input.timestampMs - deleteHorizonMs)
        const kept = { records: moved, count: 1, maxTimestampMs: input.timestampMs, deleteHorizonMs }
        const batch = rewriteBatch(original, kept)
        equal(hasDeleteHorizon(batch, 0), true)
        const expected = buildBatch([input], { baseTimestampMs: deleteHorizonMs })
        deepStrictEqual(Buffer.from(openRecords(batch, 0)), Buffer.from(openRecords(expected, 0)))
      }),
    )
  })
})
