import { strictEqual as equal } from 'node:assert/strict'
import { test } from 'node:test'
import { crc32cTables } from '@polylog/wire/records'
import fc from 'fast-check'
import { crc32c } from './crc32c.ts'

test('the check values of RFC 3720 come out, natively and from tables', () => {
  equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
})

test('native code and tables agree on both sides of the size where one takes over, from any seed', () => {
  for (const size of [0, 1, 511, 512, 513, 5000]) {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: size, maxLength: size }), fc.nat(0xffffffff), (bytes, seed) => {
        equal(crc32c(bytes, seed), crc32cTables(bytes, seed))
      }),
      { numRuns: 10 },
    )
  }
})
