import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FileBytes } from './file-bytes.ts'

/** Around the borders of blocks and of the first block's growth, where mistakes are. */
const position = fc.oneof(
  fc.integer({ min: 0, max: 3000 }),
  fc.integer({ min: 65_000, max: 66_000 }),
  fc.integer({ min: 130_000, max: 132_000 }),
)
const operation = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), position, length: fc.integer({ min: 0, max: 70_000 }) }),
  fc.record({ kind: fc.constant('truncate' as const), position }),
)

describe('FileBytes', () => {
  it('does what one growing array does', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
        const file = new FileBytes()
        let model = new Uint8Array(0)
        operations.forEach((each, index) => {
          if (each.kind === 'write') {
            const bytes = new Uint8Array(each.length).fill(index + 1)
            file.write(bytes, each.position)
            if (each.length > 0) model = resized(model, Math.max(model.length, each.position + each.length))
            model.set(bytes, each.length > 0 ? each.position : 0)
          } else {
            file.truncate(each.position)
            model = resized(model, each.position)
          }
        })
        assert.equal(file.size, model.length)
        assert.ok(Buffer.from(model).equals(file.toArray()))
        const part = new Uint8Array(5000).fill(99)
        const from = Math.floor(model.length / 2)
        const count = file.read(part, from)
        assert.ok(Buffer.from(model.subarray(from, from + 5000)).equals(part.subarray(0, count)))
      }),
      { numRuns: 60 },
    )
  })

  it('takes no memory for what was never written', () => {
    const file = new FileBytes()
    const before = process.memoryUsage().arrayBuffers
    file.write(new Uint8Array([1]), 2 ** 33)
    assert.equal(file.size, 2 ** 33 + 1)
    assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
    const target = new Uint8Array(3).fill(9)
    assert.equal(file.read(target, 2 ** 33 - 2), 3)
    assert.deepEqual([...target], [0, 0, 1])
  })
})

function resized(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(size)
  result.set(bytes.subarray(0, size))
  return result
}
