import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compressionNames, crc32cTables as crc32c } from '@polylog/wire/records'
import fc from 'fast-check'
import { ClientError } from '../client-error.ts'
import { batchHeaderBytes, decodeRecords, encodeBatch, openedBytesMax, recordBytesOf } from './batch.ts'
import type { OutgoingRecord } from './record.ts'
import { bytesOf } from './record.ts'

const source = { topic: 't', partition: 3 }
const plain = (value: Parameters<typeof bytesOf>[0]): Buffer | null => {
  const bytes = bytesOf(value)
  return bytes === null ? null : Buffer.from(bytes)
}

const bytesArbitrary = fc.option(fc.uint8Array({ maxLength: 300 }))
const recordArbitrary: fc.Arbitrary<OutgoingRecord> = fc.record({
  key: bytesArbitrary,
  value: bytesArbitrary,
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 20 }), value: bytesArbitrary }), { maxLength: 4 }),
  timestampMs: fc.integer({ min: 0, max: 2 ** 45 }),
})

function isClientError(kind: ClientError['code'], pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ClientError && error.code === kind && pattern.test(error.message)
}

describe('record batches', () => {
  for (const compression of compressionNames) {
    it(`come back as they were sent, with ${compression}`, () => {
      fc.assert(
        fc.property(fc.array(recordArbitrary, { minLength: 1, maxLength: 20 }), (records) => {
          const batch = encodeBatch(records, compression, 5)
          const decoded = decodeRecords(batch, source, 0)
          assert.equal(decoded.nextOffset, records.length)
          assert.deepEqual(
            decoded.records.map(({ key, value, headers, timestampMs }) => ({ key, value, headers, timestampMs })),
            records.map((record) => ({
              key: plain(record.key),
              value: plain(record.value),
              headers: (record.headers ?? []).map((h) => ({ key: h.key, value: plain(h.value) })),
              timestampMs: record.timestampMs,
            })),
          )
        }),
        { numRuns: 30 },
      )
    })
  }

  it('never take more bytes than recordBytesOf says', () => {
    fc.assert(
      fc.property(recordArbitrary, (record) => {
        assert.ok(encodeBatch([record], 'none', 0).length - batchHeaderBytes <= recordBytesOf(record))
      }),
    )
  })

  it('are told apart, cut and skipped', () => {
    const first = encodeBatch([{ value: 'a' }, { value: 'b' }, { value: 'c' }], 'none', 7)
    const second = encodeBatch([{ value: 'd' }], 'gzip', 8)
    second.writeBigInt64BE(3n, 0)
    const control = encodeBatch([{ value: 'x' }], 'none', 9)
    control.writeBigInt64BE(4n, 0)
    control.writeInt16BE(0x20, 21)
    control.writeUInt32BE(crc32c(control.subarray(21)), 17)
    const cut = encodeBatch([{ value: 'never' }], 'none', 9).subarray(0, 65)
    const decoded = decodeRecords(Buffer.concat([first, second, control, cut]), source, 1)
    assert.deepEqual(
      decoded.records.map(
        (record) => `${record.partition}:${record.offset}=${record.value?.toString()} ${record.timestampMs}`,
      ),
      ['3:1=b 7', '3:2=c 7', '3:3=d 8'],
    )
    assert.equal(decoded.nextOffset, 5)
  })

  it('are refused when any bit of them is wrong', () => {
    const batch = encodeBatch([{ key: 'k', value: 'v'.repeat(40) }], 'none', 7)
    for (let bit = 16 * 8; bit < batch.length * 8; bit++) {
      const damagedBatch = Buffer.from(batch)
      damagedBatch[bit >> 3] = damagedBatch[bit >> 3]! ^ (1 << (bit & 7))
      assert.throws(() => decodeRecords(damagedBatch, source, 0), isClientError('corrupt', /damaged record batch/))
    }
  })

  it('never crash on bytes whose CRC is right', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(8), fc.nat(100), (body, attributes, count) => {
        const batch = Buffer.concat([encodeBatch([{ value: '' }], 'none', 0).subarray(0, batchHeaderBytes), body])
        batch.writeInt32BE(batch.length - 12, 8)
        batch.writeInt16BE(attributes, 21)
        batch.writeInt32BE(count, 57)
        batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
        try {
          decodeRecords(batch, source, 0)
        } catch (error) {
          assert.ok(error instanceof ClientError, String(error))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('do not open without limit', () => {
    const zeroes = Buffer.alloc(openedBytesMax + 1)
    for (const compression of ['gzip', 'zstd'] as const) {
      const batch = encodeBatch([{ value: zeroes }], compression, 0)
      assert.throws(() => decodeRecords(batch, source, 0), isClientError('corrupt', /open to more than/))
    }
  })
})
