import assert from 'node:assert/strict'
import { test } from 'node:test'
import { untidyFolders, untidyLines } from './tidy.ts'

test('each banned text is found, with file and line', () => {
  const banned = [
    '// TO' + 'DO: later',
    'import { type Clock } from "./clock.ts"',
    "import { a, type B } from './b.ts'",
    "export { type Clock } from './clock.ts'",
    '// @ts-' + 'ignore',
    'test.' + "only('x', () => {})",
    'mock.' + "module('node:fs')",
    'beforeEach(() => undefined)',
    "import { a } from './a'",
    "export * from '../schema/schema.js'",
  ]
  for (const line of banned) {
    const found = untidyLines('a.ts', `const a = 1\n${line}\n`)
    assert.equal(found.length, 1, line)
    assert.match(found[0]!, /^a\.ts:2 /)
  }
})

test('what looks like it but is allowed is not found', () => {
  const allowed = [
    "import type { Clock } from './clock.ts'",
    "import { typeOf } from './layout.ts'",
    "export type { Clock } from './clock.ts'",
    "import facts from './facts.json' with { type: 'json' }",
    "import { test } from 'node:test'",
    '// A hackney carriage is no hack.',
  ]
  assert.deepEqual(untidyLines('a.ts', allowed.join('\n')), [])
})

test('a folder or file whose name says nothing is found', () => {
  const files = [
    'packages/broker/src/utils/a.ts',
    'packages/broker/src/log/helpers.ts',
    'packages/broker/src/log/log.ts',
  ]
  assert.equal(untidyFolders(files).length, 2)
})
