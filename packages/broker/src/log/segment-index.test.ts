import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { SegmentSummary } from './segment-index.ts'
import { SegmentIndex } from './segment-index.ts'

const summary: SegmentSummary = {
  bytes: 9000,
  endOffset: 120,
  maxTimestampMs: 77,
  maxTimestampOffset: 110,
  sparse: false,
  gapped: false,
}

const batches = fc.array(
  fc.record({ span: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 70, max: 6000 }) }),
  {
    minLength: 1,
    maxLength: 80,
  },
)

describe('SegmentIndex', () => {
  it('leads to a batch at or before any offset, and never far before it', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 5000 }), (list, intervalBytes) => {
        const index = new SegmentIndex(1000, intervalBytes)
        const starts: { offset: number; position: number }[] = []
        let offset = 1000
        let position = 0
        for (const { span, bytes } of list) {
          index.note(offset, position, offset, 1)
          starts.push({ offset, position })
          offset += span
          position += bytes
        }
        for (let sought = 1000; sought < offset; sought++) {
          const found = index.floor(sought)
          const holder = starts.findLast((start) => start.offset <= sought)!
          assert.ok(starts.some((start) => start.offset === found.offset && start.position === found.position))
          assert.ok(found.offset <= holder.offset && holder.position - found.position <= intervalBytes + 6000)
        }
        assert.equal(index.last.position, starts.at(-1)!.position)
      }),
      { numRuns: 100 },
    )
  })

  it('is what it was after it was stored, and refuses every other file', () => {
    const index = new SegmentIndex(100, 500)
    for (let i = 0; i < 40; i++) index.note(100 + i, i * 300, i * 10, i + 1)
    const bytes = index.encode(summary)
    const decoded = SegmentIndex.decode(bytes, 100, 500)!
    assert.deepEqual(decoded.summary, summary)
    assert.deepEqual(decoded.index.last, { position: 39 * 300, crc: 40 })
    for (let offset = 100; offset < 140; offset++) assert.deepEqual(decoded.index.floor(offset), index.floor(offset))
    assert.equal(SegmentIndex.decode(bytes, 101, 500), undefined, 'of another segment')
    for (let size = 0; size < bytes.length; size++) {
      assert.equal(SegmentIndex.decode(bytes.subarray(0, size), 100, 500), undefined)
    }
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(SegmentIndex.decode(bytes, 100, 500), undefined, `bit ${bit}`)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
  })

  it('begins a search by time before the first batch that may have the time', () => {
    const index = new SegmentIndex(0, 100)
    for (let i = 0; i < 10; i++) index.note(i, i * 100, i === 0 ? -Infinity : i * 10, 1)
    assert.deepEqual(index.floorByTime(35), { offset: 3, position: 300 })
    assert.deepEqual(index.floorByTime(30), { offset: 2, position: 200 })
    assert.deepEqual(index.floorByTime(0), { offset: 0, position: 0 })
    assert.deepEqual(index.floorByTime(1e9), { offset: 9, position: 900 })
  })
})
