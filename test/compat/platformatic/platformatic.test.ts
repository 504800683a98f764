import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from '../allow-list.ts'
import { findCheckout, missingOf } from '../checkout-suite.ts'
import { platformatic } from './run.ts'

/** Files of the suite that take a few seconds. */
const sample = ['test/clients/producer/producer-stream.test.ts', 'test/clients/base/base.test.ts']

test('the lists are in order', () => assert.deepEqual(faultsOf(platformatic.directory), []))

test('a sample of the suite passes', { timeout: 180_000 }, async (t) => {
  const { checkout, trouble } = findCheckout(platformatic)
  if (trouble !== undefined) {
    console.error(`SKIPPED: ${trouble}`)
    t.skip(trouble)
    return
  }
  assert.deepEqual(await missingOf(platformatic, sample, checkout), [])
})
