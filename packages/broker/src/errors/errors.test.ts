import { deepEqual, equal, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { assert, BrokerError, errorTable } from './errors.ts'

test('docs/errors.md has exactly one section for each code', () => {
  const page = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8')
  const sections = [...page.matchAll(/^## (.+)$/gm)].map((match) => match[1])
  deepEqual(sections, Object.keys(errorTable))
})

test('an error without detail carries the text of its code', () => {
  equal(new BrokerError('storage').message, errorTable.storage.message)
  equal(new BrokerError('storage', 'the disk is full').message, 'the disk is full')
  equal(new BrokerError('storage').retriable, true)
})

test('a broken invariant throws what no handler takes for an expected failure', () => {
  throws(() => assert(false, 'one is two'), /^Error: invariant broken: one is two$/)
})
