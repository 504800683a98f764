import { strictEqual as equal, match, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renewCrc } from './batch.ts'
import { buildBatch } from './build.ts'
import type { BatchFault } from './validate.ts'
import { findCrcFault, findProducerBatchFault, isPlausibleBatch } from './validate.ts'

const batchBytesMax = 1000

function sound(): Buffer {
  const record = { key: Buffer.from('k'), value: Buffer.from('value') }
  return buildBatch([record, record], { baseTimestampMs: 1000 })
}

function changed(change: (batch: Buffer) => void): Buffer {
  const batch = sound()
  change(batch)
  renewCrc(batch, 0)
  return batch
}

describe('findProducerBatchFault', () => {
  it('finds nothing wrong with a sound batch, also one of exactly the largest size', () => {
    equal(findProducerBatchFault(sound(), batchBytesMax), undefined)
    equal(findProducerBatchFault(sound(), sound().length), undefined)
  })

  const cases: [string, () => Uint8Array, BatchFault['code'], RegExp][] = [
    ['nothing at all', () => Buffer.alloc(0), 'corrupt-batch', /at least 61 bytes, not 0/],
    ['less than a header', () => sound().subarray(0, 60), 'corrupt-batch', /at least 61/],
    ['format 1, short', () => changed((b) => (b[16] = 1)).subarray(0, 40), 'unsupported-format', /format 1 /],
    ['format 0', () => changed((b) => (b[16] = 0)), 'unsupported-format', /format 0 /],
    ['format 3', () => changed((b) => (b[16] = 3)), 'unsupported-format', /format 3 /],
    ['a byte too few', () => sound().subarray(0, -1), 'corrupt-batch', /arrived/],
    ['a second batch', () => Buffer.concat([sound(), sound()]), 'invalid-record', /exactly one batch/],
    ['a length below the header', () => sound().fill(0, 8, 12), 'corrupt-batch', /12 bytes/],
    ['a negative length', () => sound().fill(255, 8, 12), 'corrupt-batch', /11 bytes/],
    ['no records', () => changed((b) => b.writeInt32BE(0, 57)), 'invalid-record', /record count 0/],
    ['a negative count', () => changed((b) => b.fill(255, 57, 61)), 'invalid-record', /record count -1/],
    ['a count that does not fit', () => changed((b) => b.writeInt32BE(9, 57)), 'invalid-record', /last offset delta/],
    [
      'a count that cannot be',
      () => changed((b) => (b.writeInt32BE(1000, 57), b.writeInt32BE(999, 23))),
      'invalid-record',
      /do not fit/,
    ],
    ['an unknown codec', () => changed((b) => b.writeInt16BE(5, 21)), 'unsupported-compression', /codec 5/],
    ['a control batch', () => changed((b) => b.writeInt16BE(0x20, 21)), 'invalid-record', /control/],
    ['a delete horizon', () => changed((b) => b.writeInt16BE(0x40, 21)), 'invalid-record', /tombstones/],
    [
      'a producer without a sequence',
      () => changed((b) => b.writeBigInt64BE(7n, 43)),
      'invalid-record',
      /needs a base sequence/,
    ],
    ['a wrong CRC', () => sound().fill(1, 64, 65), 'corrupt-batch', /CRC-32C is [0-9a-f]+, the batch says/],
  ]
  for (const [name, make, code, detail] of cases) {
    it(`refuses ${name}`, () => {
      const fault = findProducerBatchFault(make(), batchBytesMax)
      equal(fault?.code, code)
      match(fault.detail, detail)
    })
  }

  it('refuses a batch larger than the limit by its header, before it has arrived', () => {
    const fault = findProducerBatchFault(
      changed((b) => b.writeInt32BE(989, 8)),
      batchBytesMax,
    )
    equal(fault?.code, 'message-too-large')
    match(fault.detail, /1001 bytes, max.message.bytes is 1000/)
  })

  it('refuses a batch with any bit of its covered part turned', () => {
    for (let bit = 16 * 8; bit < sound().length * 8; bit++) {
      const batch = sound()
      batch[bit >> 3] = batch[bit >> 3]! ^ (1 << (bit & 7))
      ok(findProducerBatchFault(batch, batchBytesMax), `bit ${bit} may be turned`)
    }
  })
})

describe('isPlausibleBatch', () => {
  it('takes whole and cut batches, wherever they start, and nothing else', () => {
    const at3 = Buffer.concat([Buffer.alloc(3), sound()])
    equal(isPlausibleBatch(at3, 3, batchBytesMax), true)
    equal(isPlausibleBatch(at3.subarray(0, 70), 3, batchBytesMax), true)
    equal(isPlausibleBatch(at3.subarray(0, 63), 3, batchBytesMax), false)
    equal(isPlausibleBatch(at3, 2, batchBytesMax), false)
    equal(isPlausibleBatch(sound(), 0, sound().length - 13), false)
    equal(isPlausibleBatch(sound().fill(0, 16, 17), 0, batchBytesMax), false)
    equal(isPlausibleBatch(sound().fill(255, 57, 61), 0, batchBytesMax), false)
    equal(isPlausibleBatch(sound().fill(255, 23, 27), 0, batchBytesMax), false)
  })

  it('takes batches that compaction has emptied', () => {
    const empty = buildBatch([], { baseTimestampMs: 0, lastOffsetDelta: 4 })
    equal(isPlausibleBatch(empty, 0, batchBytesMax), true)
    equal(findCrcFault(empty, 0), undefined)
  })
})
