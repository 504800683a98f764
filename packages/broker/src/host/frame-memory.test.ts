import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { FramePool } from './frame-memory.ts'

it('memory is large enough, at most a quarter larger, and used again for what needs as much', () => {
  fc.assert(
    fc.property(fc.integer({ min: 65_537, max: 20_000_000 }), (bytes) => {
      const pool = new FramePool(1 << 30, false)
      assert.equal(pool.takeUsed(bytes), undefined)
      const memory = pool.make(bytes)
      assert.ok(memory.bytes.length >= bytes && memory.bytes.length <= bytes * 1.25, `${memory.bytes.length}`)
      memory.letGo()
      assert.equal(pool.takeUsed(bytes)?.bytes, memory.bytes)
      assert.equal(pool.takeUsed(bytes), undefined)
    }),
    { numRuns: 100 },
  )
})

it('no more is kept than allowed', () => {
  const pool = new FramePool(200_000, false)
  const taken = [pool.make(90_000), pool.make(90_000), pool.make(90_000)]
  for (const memory of taken) memory.letGo()
  assert.equal(pool.idleBytes, 2 * taken[0]!.bytes.length)
})
