import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { putUuid, uuidText } from './uuid.ts'

test('uuids have the text form of base64url and survive a round trip', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64url')
      assert.equal(uuidText(Uint8Array.from([7, ...bytes]), 1), text)
      const target = new Uint8Array(18)
      assert.equal(putUuid(target, 1, text), true)
      assert.deepEqual(target, Uint8Array.from([0, ...bytes, 0]))
    }),
  )
})

test('what is not 22 characters of base64url is refused', () => {
  const refused = ['', 'A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)}=`, `${'A'.repeat(21)}+`, `é${'A'.repeat(21)}`]
  for (const text of refused) assert.equal(putUuid(new Uint8Array(16), 0, text), false, text)
  for (let index = 0; index < 22; index++) {
    const text = `${'A'.repeat(index)}.${'A'.repeat(21 - index)}`
    assert.equal(putUuid(new Uint8Array(16), 0, text), false, text)
  }
})
