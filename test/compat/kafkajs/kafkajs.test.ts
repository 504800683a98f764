import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf, readAllowList } from '../allow-list.ts'
import { directory, runKafkajs } from './run.ts'
import { troubleOf } from './suite.ts'

/** Files of the suite that take a few seconds. */
const sample = ['src/broker/__tests__/fetch.spec.js', 'src/admin/__tests__/createTopics.spec.js']

test('the lists are in order', () => assert.deepEqual(faultsOf(directory), []))

test('a sample of the suite passes', { timeout: 180_000 }, async (t) => {
  const checkout = process.env['KAFKAJS_CHECKOUT']
  const trouble = checkout === undefined ? 'KAFKAJS_CHECKOUT names no checkout' : troubleOf(checkout)
  if (checkout === undefined || trouble !== undefined) {
    console.error(`SKIPPED: ${trouble}`)
    t.skip(trouble)
    return
  }
  const outcomes = await runKafkajs(sample, { checkout, log: undefined }, () => {})
  const passed = new Set(outcomes.filter(({ state }) => state === 'passed').map(({ name }) => name))
  const allowed = readAllowList(directory).filter((name) => sample.some((file) => name.startsWith(`${file} > `)))
  assert.ok(allowed.length > 0)
  assert.deepEqual(
    allowed.filter((name) => !passed.has(name)),
    [],
  )
})
