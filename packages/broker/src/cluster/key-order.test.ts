import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareText, orderHolds } from './key-order.ts'

const text = fc.string({
  unit: fc.constantFrom('a', 'b', '\u0000', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1f600}', '\u{10ffff}'),
  maxLength: 6,
})

test('text is ordered as its UTF-8 bytes are', () => {
  fc.assert(
    fc.property(text, text, (left, right) => {
      const expected = Buffer.compare(Buffer.from(left), Buffer.from(right))
      assert.equal(Math.sign(compareText(left, right)), expected)
    }),
    { numRuns: 2000 },
  )
})

test('operators', () => {
  const held = (['=', '!=', '<', '>'] as const).map((operator) =>
    [-3, 0, 3].map((order) => orderHolds(order, operator)),
  )
  assert.deepEqual(held, [
    [false, true, false],
    [true, false, true],
    [true, false, false],
    [false, false, true],
  ])
})
