import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf, readAllowList } from '../allow-list.ts'
import { isBuilt } from './build.ts'
import { directory, runLibrdkafka } from './run.ts'
import { numberOf } from './suite.ts'

/** Quick tests that together touch producing, consuming, groups, offsets, compression, idempotence and admin. */
const sample = [
  '0001',
  '0002',
  '0003',
  '0005',
  '0007',
  '0008',
  '0012',
  '0013',
  '0017',
  '0022',
  '0036',
  '0044',
  '0057',
  '0073',
  '0085',
]

test('the lists are in order', () => assert.deepEqual(faultsOf(directory), []))

test("a sample of librdkafka's own tests passes", { timeout: 180_000 }, async (t) => {
  if (!isBuilt()) {
    const reason = "librdkafka's tests are not built; node test/compat/librdkafka/run.ts builds and runs them all"
    console.error(`SKIPPED: ${reason}`)
    t.skip(reason)
    return
  }
  const allowed = readAllowList(directory).filter((name) => sample.includes(numberOf(name)))
  const outcomes = await runLibrdkafka(sample, { broker: undefined, log: undefined }, () => {})
  const passed = new Set(outcomes.filter(({ state }) => state === 'passed').map(({ name }) => name))
  const lost = outcomes.filter(({ state }) => state === 'failed').map(({ name, reason }) => `${name}: ${reason}`)
  assert.deepEqual(lost, [])
  assert.deepEqual(
    allowed.filter((name) => !passed.has(name)),
    [],
  )
})
