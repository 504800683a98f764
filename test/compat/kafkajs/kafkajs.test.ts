import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from '../allow-list.ts'
import { findCheckout, missingOf } from '../checkout-suite.ts'
import { kafkajs } from './run.ts'

/** Files of the suite that take a few seconds. */
const sample = [
  'src/broker/__tests__/fetch.spec.js',
  'src/admin/__tests__/createTopics.spec.js',
  'src/admin/__tests__/createAcls.spec.js',
]

test('the lists are in order', () => assert.deepEqual(faultsOf(kafkajs.directory), []))

test('a sample of the suite passes', { timeout: 180_000 }, async (t) => {
  const { checkout, trouble } = findCheckout(kafkajs)
  if (trouble !== undefined) {
    console.error(`SKIPPED: ${trouble}`)
    t.skip(trouble)
    return
  }
  assert.deepEqual(await missingOf(kafkajs, sample, checkout), [])
})
