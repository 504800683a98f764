import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { baseOffsetOf, batchBytesOf } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import { Tail } from './tail.ts'

function batchAt(baseOffset: number, count: number, bytes: number): Buffer {
  const records = Array.from({ length: count }, () => ({ key: null, value: Buffer.alloc(bytes / count, 'x') }))
  return buildBatch(records, { baseTimestampMs: 1, baseOffset })
}

function offsetsIn(chunks: readonly Uint8Array[]): number[] {
  const offsets: number[] = []
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) offsets.push(baseOffsetOf(chunk, at))
  }
  return offsets
}

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), bytes: fc.nat(3000), gap: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('append' as const), bytes: fc.constant(40_000), gap: fc.nat(1) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('drop' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const) }) },
)

interface Model {
  /** Base offset and end offset of each batch in memory or dropped. */
  batches: { baseOffset: number; endOffset: number }[]
  flushed: number
}

describe('Tail', () => {
  it('gives everything to the segment once and in order, and serves what it still has', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const tail = new Tail(5)
        const model: Model = { batches: [], flushed: 0 }
        let endOffset = 5
        for (const each of operations) {
          if (each.kind === 'append') {
            const baseOffset = endOffset + each.gap
            tail.append(batchAt(baseOffset, 2, each.bytes + 2), each.bytes >= 32_768)
            endOffset = baseOffset + 2
            model.batches.push({ baseOffset, endOffset })
          } else if (each.kind === 'flush') {
            const due = model.batches.slice(model.flushed).map((batch) => batch.baseOffset)
            assert.deepEqual(offsetsIn(tail.unflushed()), due)
            tail.markFlushed()
            model.flushed = model.batches.length
          } else if (each.kind === 'drop') {
            tail.dropOldest()
          } else {
            tail.reset(endOffset)
            model.batches = []
            model.flushed = 0
          }
          checkReads(tail, model, endOffset)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('keeps the place of what is not flushed when a chunk before it is dropped behind a gap of offsets', () => {
    const tail = new Tail(0)
    tail.append(batchAt(0, 1, 600), false)
    tail.markFlushed()
    tail.append(batchAt(10, 1, 40_000), true)
    assert.ok(tail.dropOldest() > 0)
    assert.deepEqual(offsetsIn(tail.unflushed()), [10])
  })

  it('never drops what is only in memory', () => {
    const tail = new Tail(0)
    tail.append(batchAt(0, 1, 100), false)
    assert.equal(tail.dropOldest(), 0)
    tail.markFlushed()
    assert.ok(tail.dropOldest() > 0)
    assert.equal(tail.startOffset, 1)
  })

  it('returns the first batch however large, and others within the bytes', () => {
    const tail = new Tail(0)
    for (let i = 0; i < 10; i++) tail.append(batchAt(i, 1, 500), false)
    const size = batchAt(0, 1, 500).length
    assert.deepEqual(offsetsIn(tail.read(3, 10, 1, true).chunks), [3])
    assert.deepEqual(offsetsIn(tail.read(3, 10, 1, false).chunks), [])
    assert.deepEqual(offsetsIn(tail.read(3, 10, size * 2 + 5, true).chunks), [3, 4])
    assert.deepEqual(offsetsIn(tail.read(3, 5, 1e6, true).chunks), [3, 4])
  })
})

function checkReads(tail: Tail, model: Model, endOffset: number): void {
  assert.equal(tail.endOffset, endOffset)
  const held = model.batches.filter((batch) => batch.endOffset > tail.startOffset)
  for (const at of [0, Math.floor(held.length / 2), held.length - 1]) {
    const batch = held[at]
    if (!batch) continue
    const { chunks } = tail.read(batch.endOffset - 1, endOffset, 1e9, true)
    assert.deepEqual(
      offsetsIn(chunks),
      held.slice(at).map((each) => each.baseOffset),
    )
  }
}
