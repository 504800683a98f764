import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeResult } from './report.ts'
import { Run } from './run.ts'
import type { Plan } from './world/plan.ts'
import { describePlan, faultNames, planOf } from './world/plan.ts'

/** The short form of `npm run simulate`: fixed seeds, so that a change of the broker is what makes a test fail. */
const seedCount = 30
const rerunCount = 20

function shortPlan(seed: number): Plan {
  const plan = planOf(seed)
  return { ...plan, durationMs: 6000, calmMs: Math.min(plan.calmMs, 600) }
}

describe('a broker in the simulated world', () => {
  const hits = new Set<string>()
  for (let seed = 1; seed <= seedCount; seed += 1) {
    it(`keeps its promises with seed ${seed}`, async (t) => {
      const plan = shortPlan(seed)
      t.diagnostic(describePlan(plan))
      const startMs = performance.now()
      const result = await new Run(plan).result()
      const report = describeResult(result, performance.now() - startMs)
      t.diagnostic(report)
      for (const name of result.hits.keys()) hits.add(name)
      assert.deepEqual(result.findings, [], `${describePlan(plan)}\n${report}`)
      assert.equal(result.invalid, undefined)
    })
  }

  it('was hit by every kind of fault in these seeds', () => {
    assert.deepEqual([...hits].sort(), [...faultNames].sort())
  })

  it(`does the same with the same seed, ${rerunCount} of ${rerunCount} times`, async () => {
    const plan = { ...shortPlan(9), durationMs: 1500, calmMs: 300 }
    const first = await new Run(plan).result()
    assert.ok(first.acknowledgedCount > 20 && first.hits.size > 0, JSON.stringify([...first.hits]))
    for (let rerun = 0; rerun < rerunCount; rerun += 1) {
      const again = await new Run(plan).result()
      assert.equal(again.eventHash, first.eventHash)
      assert.deepEqual(again.history, first.history)
    }
  })

  it('does something else with another seed', async () => {
    const hashes = new Set<string>()
    for (let seed = 1; seed <= 5; seed += 1) {
      hashes.add((await new Run({ ...shortPlan(seed), durationMs: 300 }).result()).eventHash)
    }
    assert.equal(hashes.size, 5)
  })
})
