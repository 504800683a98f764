import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FramePool } from '../host/frame-memory.ts'
import type { FrameMemory } from '../host/frame-memory.ts'
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
        const tail = new Tail(5, new FramePool(1 << 20, true))
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
            tail.dropOldest(tail.flushedOffset)
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
    const tail = new Tail(0, new FramePool(1 << 20, true))
    tail.append(batchAt(0, 1, 600), false)
    tail.markFlushed()
    tail.append(batchAt(10, 1, 40_000), true)
    assert.ok(tail.dropOldest(tail.flushedOffset) > 0)
    assert.deepEqual(offsetsIn(tail.unflushed()), [10])
  })

  it('never drops what is only in memory', () => {
    const tail = new Tail(0, new FramePool(1 << 20, true))
    tail.append(batchAt(0, 1, 100), false)
    assert.equal(tail.dropOldest(tail.flushedOffset), 0)
    tail.markFlushed()
    assert.ok(tail.dropOldest(tail.flushedOffset) > 0)
    assert.equal(tail.startOffset, 1)
  })

  it('returns the first batch however large, and others within the bytes', () => {
    const tail = new Tail(0, new FramePool(1 << 20, true))
    for (let i = 0; i < 10; i++) tail.append(batchAt(i, 1, 500), false)
    const size = batchAt(0, 1, 500).length
    assert.deepEqual(offsetsIn(tail.read(3, 10, 1, true).chunks), [3])
    assert.deepEqual(offsetsIn(tail.read(3, 10, 1, false).chunks), [])
    assert.deepEqual(offsetsIn(tail.read(3, 10, size * 2 + 5, true).chunks), [3, 4])
    assert.deepEqual(offsetsIn(tail.read(3, 5, 1e6, true).chunks), [3, 4])
  })
})

describe('memory of chunks', () => {
  it('is used again once the chunk is dropped and every reader is done', () => {
    const pool = new FramePool(1 << 20, true)
    const tail = new Tail(0, pool)
    let offset = 0
    // Chunks double up to 256 KiB, and those of the smallest logs are not worth keeping.
    while (offset < 200) tail.append(batchAt(offset++, 1, 4000), false)
    const read = tail.read(0, offset, 1e7, true)
    tail.markFlushed()
    while (tail.dropOldest(tail.flushedOffset) > 0);
    assert.equal(pool.idleBytes, 0)
    assert.deepEqual(
      offsetsIn(read.chunks),
      Array.from({ length: 200 }, (_, i) => i),
    )
    read.release()
    const { idleBytes } = pool
    assert.ok(idleBytes >= 512 * 1024)
    while (pool.idleBytes === idleBytes) tail.append(batchAt(offset++, 1, 4000), false)
    assert.deepEqual(offsetsIn(tail.unflushed()).at(-1), offset - 1)
  })
})

describe('memory of received frames', () => {
  /** Two batches in one frame, as a request for two partitions has them, each kept by a log of its own. */
  function twoTails(): { pool: FramePool; memory: FrameMemory; first: Tail; second: Tail } {
    const pool = new FramePool(1 << 20, true)
    const batch = batchAt(0, 1, 40_000)
    const memory = pool.make(2 * batch.length)
    const tails = [0, batch.length].map((at) => {
      memory.bytes.set(batch, at)
      const tail = new Tail(0, new FramePool(1 << 20, true))
      tail.append(memory.bytes.subarray(at, at + batch.length), memory)
      tail.markFlushed()
      return tail
    })
    memory.letGo()
    return { pool, memory, first: tails[0]!, second: tails[1]! }
  }

  it('goes back once every log has dropped its batch and every reader is done', () => {
    const { pool, memory, first, second } = twoTails()
    const read = first.read(0, 1, 1e6, true)
    first.dropOldest(1)
    second.dropOldest(1)
    assert.deepEqual(offsetsIn(read.chunks), [0])
    assert.equal(pool.idleBytes, 0)
    read.release()
    read.release()
    assert.equal(pool.idleBytes, memory.bytes.length)
    assert.ok(memory.bytes.every((byte) => byte === 0xdb))
    assert.throws(() => memory.hold(), /after its return/)
    assert.throws(() => memory.letGo(), /returned twice/)
  })

  it('is left to the garbage collector if the way of a batch to the disk may not have ended', () => {
    const { pool, first, second } = twoTails()
    first.dropOldest(1)
    assert.ok(second.dropOldest(0) > 0)
    assert.equal(pool.idleBytes, 0)
  })

  it('is not kept by a log that is reset, nor ever used again', () => {
    const { pool, first, second } = twoTails()
    first.dropOldest(1)
    second.reset(1)
    assert.equal(pool.idleBytes, 0)
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
