import { deepEqual, equal } from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  actualCrcOf,
  baseOffsetOf,
  batchBytesOf,
  lastOffsetOf,
  recordCountOf,
  renewCrc,
  stampBatch,
  storedCrcOf,
} from './batch.ts'
import { buildBatch } from './build.ts'
import { forEachRecord, openRecords } from './records.ts'
import { sliceBatch } from './slice.ts'

const base = 1000

function batchOf(count: number): Uint8Array {
  const records = Array.from({ length: count }, (_, i) => ({ key: null, value: Buffer.from(`value ${i}`) }))
  const batch = buildBatch(records, { baseTimestampMs: 5 })
  stampBatch(batch, 0, base, 3)
  return batch
}

function valuesOf(batch: Uint8Array): [number, string][] {
  const values: [number, string][] = []
  forEachRecord(openRecords(batch, 0), recordCountOf(batch, 0), ({ offsetDelta, value }) => {
    values.push([baseOffsetOf(batch, 0) + offsetDelta, Buffer.from(value!).toString()])
    return true
  })
  return values
}

describe('a slice of a batch', () => {
  it('is a whole batch of the records asked for, with their offsets', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(220), fc.nat(220), fc.nat(90), (count, from, length, at) => {
        const batch = batchOf(count)
        const bytes = Buffer.concat([Buffer.alloc(at, 0xff), batch, batch])
        const slice = sliceBatch(bytes, at, base + from, base + from + length)
        const expected = valuesOf(batch).slice(from, from + length + 1)
        if (expected.length === 0) return equal(slice, undefined)
        deepEqual(valuesOf(slice!), expected)
        equal(batchBytesOf(slice!, 0), slice!.length)
        equal(actualCrcOf(slice!, 0), storedCrcOf(slice!, 0))
        equal(lastOffsetOf(slice!, 0), expected.at(-1)![0])
      }),
    )
  })

  it('is not made of a batch that is compressed or damaged', () => {
    const compressed = batchOf(10)
    compressed[22]! |= 1
    renewCrc(compressed, 0)
    equal(sliceBatch(compressed, 0, base, base + 3), undefined)
    const whole = batchOf(10)
    for (let position = 21; position < whole.length; position++) {
      const damaged = Uint8Array.from(whole)
      damaged[position]! ^= 0x10
      equal(sliceBatch(damaged, 0, base, base + 3), undefined, `byte ${position}`)
    }
  })
})
