import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Random } from '../../packages/broker/src/host/random.ts'

/** What every Random must do. The bounds are so wide that a fair source fails less than once in 10^12 runs. */
export function describeRandomContract(name: string, make: () => Random): void {
  describe(`Random: ${name}`, () => {
    it('draws floats evenly from [0, 1)', () => {
      const random = make()
      const buckets = new Array<number>(10).fill(0)
      for (let count = 0; count < 10_000; count += 1) {
        const value = random.next()
        assert.ok(value >= 0 && value < 1)
        buckets[Math.floor(value * 10)]! += 1
      }
      for (const count of buckets) assert.ok(count > 750 && count < 1250, buckets.join())
    })

    it('draws as many bytes as asked, of all values', () => {
      const random = make()
      assert.equal(random.bytes(0).length, 0)
      assert.equal(random.bytes(16).length, 16)
      assert.equal(new Set(random.bytes(16_384)).size, 256)
    })

    it('does not repeat itself', () => {
      const random = make()
      const drawn = new Set<string>()
      for (let count = 0; count < 1000; count += 1) drawn.add(random.bytes(16).join())
      assert.equal(drawn.size, 1000)
    })

    it('gives bytes that are the caller’s own', () => {
      const random = make()
      const first = random.bytes(8)
      const copy = first.slice()
      random.bytes(8).fill(0)
      assert.deepEqual(first, copy)
      assert.equal(first.buffer.byteLength, 8)
    })
  })
}
