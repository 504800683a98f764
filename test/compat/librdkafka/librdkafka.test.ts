import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { BrokerProcess } from '../../system/broker-process.ts'
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

const notBuilt = "librdkafka's tests are not built; node test/compat/librdkafka/run.ts builds and runs them all"

function skipUnlessBuilt(t: TestContext): boolean {
  if (isBuilt()) return false
  console.error(`SKIPPED: ${notBuilt}`)
  t.skip(notBuilt)
  return true
}

test("a sample of librdkafka's own tests passes", { timeout: 180_000 }, async (t) => {
  if (skipUnlessBuilt(t)) return
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

test('a broker that is not as the suite needs it is noticed', { timeout: 60_000 }, async (t) => {
  if (skipUnlessBuilt(t)) return
  // Topics get one partition here, and the test writes to the second.
  await using broker = await BrokerProcess.start()
  const [outcome] = await runLibrdkafka(['0012'], { broker: broker.address, log: undefined }, () => {})
  assert.equal(outcome?.state, 'failed')
  assert.match(outcome.reason, /Unknown partition/)
})
