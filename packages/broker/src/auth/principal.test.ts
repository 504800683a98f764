import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { anonymous, formatPrincipal, parsePrincipal } from './principal.ts'

describe('principal', () => {
  test('is written as in rules and read again', () => {
    assert.equal(formatPrincipal(anonymous), 'User:ANONYMOUS')
    for (const principal of [anonymous, { type: 'User', name: 'CN=a:b,O=c' }, { type: 'Broker', name: '1' }]) {
      assert.deepEqual(parsePrincipal(formatPrincipal(principal)), principal)
    }
  })

  test('a text that names nobody is none', () => {
    for (const text of ['', ':', 'User', 'User:', ':alice']) assert.equal(parsePrincipal(text), undefined)
  })
})
