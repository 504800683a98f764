import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { fatesPerMoment } from './fates.ts'
import { runSuite, stateTotal } from './suite.ts'
import { recordTrace } from './trace.ts'

/** Short traces of many seeds, each crashed at some random moments: fast-check prints the seed of one that fails. */
it('a store keeps every promise whatever is done to it and whenever it crashes', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1_000_000), fc.array(fc.nat(), { minLength: 30, maxLength: 30 }), async (seed, draws) => {
      const trace = await recordTrace(seed, 250)
      const states = draws.map((draw) => (draw * fatesPerMoment + (draw % 37)) % stateTotal(trace))
      const sorted = states.toSorted((a, b) => a - b)
      const { failures } = await runSuite({ trace, states: sorted, failuresMax: 1 })
      const failed = failures[0]
      if (failed) throw new Error(`seed ${seed}, state ${failed.state} of a trace of 250: ${failed.message}`)
    }),
    { numRuns: 25 },
  )
})

it('a log that begins in the middle of its first batch, and has lost that, is empty (the checker took it for cut)', async () => {
  const trace = await recordTrace(520_601, 250)
  const states = Array.from({ length: 4 * fatesPerMoment }, (_, i) => 80 * fatesPerMoment + i)
  const { failures } = await runSuite({ trace, states, failuresMax: 1 })
  assert.deepEqual(failures, [])
})
