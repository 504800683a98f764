import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEtcdAddress } from './etcd-address.ts'

test('addresses name members and a prefix', () => {
  assert.deepEqual(parseEtcdAddress('etcd://localhost'), { endpoints: ['http://localhost:2379'], prefix: '/polylog/' })
  assert.deepEqual(parseEtcdAddress('etcds://H1:2379,h2.example,[::1]:1/team/broker'), {
    endpoints: ['https://h1:2379', 'https://h2.example:2379', 'https://[::1]:1'],
    prefix: '/team/broker/',
  })
  assert.equal(parseEtcdAddress('etcd://h/').prefix, '/polylog/')
  assert.equal(parseEtcdAddress('etcd://h/p/').prefix, '/p/')
})

test('what is no address is told in one sentence', () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ['', /must look like etcd:\/\/HOST/],
    ['http://h:2379', /must look like/],
    ['etcd:h', /must look like/],
    ['etcd://', /"" is not HOST or HOST:PORT/],
    ['etcd://h1,,h2', /"" is not HOST/],
    ['etcd://h:x', /"h:x" is not HOST/],
    ['etcd://h:0', /port 0 is not between/],
    ['etcd://h:65536', /port 65536/],
    ['etcd://[1:2:3]', /\[1:2:3\] is no host/],
    ['etcd://h,H:2379', /same member twice/],
    ['etcd://h//p', /single slashes/],
    ['etcd://h/ü', /letters, digits/],
    ['etcd://h/p?x=1', /letters, digits/],
    [`etcd://h/${'p'.repeat(300)}`, /longer than 200/],
    [`etcd://${Array.from({ length: 33 }, (_, index) => `h${index}`).join()}`, /more than 32 members/],
  ]
  for (const [text, pattern] of bad) {
    assert.throws(
      () => parseEtcdAddress(text),
      (error: unknown) => error instanceof TypeError && pattern.test(error.message) && !error.message.includes('\n'),
      text,
    )
  }
})

test('a password in an address is not repeated', () => {
  assert.throws(
    () => parseEtcdAddress('etcd://me:secret@h:1'),
    (error: unknown) =>
      error instanceof TypeError && /settings of their own/.test(error.message) && !/secret/.test(error.message),
  )
})
