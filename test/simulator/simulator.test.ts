import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeResult } from './report.ts'
import { Run } from './run.ts'
import type { FaultName, Plan } from './world/plan.ts'
import { describePlan, faultNames, planOf } from './world/plan.ts'

/** The short form of `npm run simulate`: fixed seeds, so that a change of the broker is what makes a test fail. */
const seedCount = 30
const rerunCount = 20
const clusterSeedCount = 20
const clusterRerunCount = 3

function shortPlan(seed: number): Plan {
  const plan = planOf(seed, undefined, 1)
  return { ...plan, durationMs: 6000, calmMs: Math.min(plan.calmMs, 600) }
}

async function assertSound(plan: Plan, note: (text: string) => void): Promise<ReadonlyMap<FaultName, number>> {
  note(describePlan(plan))
  const startMs = performance.now()
  const result = await new Run(plan).result()
  const report = describeResult(result, performance.now() - startMs)
  note(report)
  assert.deepEqual(result.findings, [], `${describePlan(plan)}\n${report}`)
  assert.equal(result.invalid, undefined)
  return result.hits
}

function shortCluster(seed: number): Plan {
  const plan = planOf(seed, undefined, seed % 5 === 0 ? 5 : 3)
  return { ...plan, durationMs: 4000, calmMs: 600 }
}

describe('a cluster in the simulated world', () => {
  for (let seed = 1; seed <= clusterSeedCount; seed += 1) {
    it(`keeps its promises with seed ${seed}`, async (t) => {
      await assertSound(shortCluster(seed), (text) => t.diagnostic(text))
    })
  }
})

describe('a broker in the simulated world', () => {
  const hits = new Set<string>()
  for (let seed = 1; seed <= seedCount; seed += 1) {
    it(`keeps its promises with seed ${seed}`, async (t) => {
      const hit = await assertSound(shortPlan(seed), (text) => t.diagnostic(text))
      for (const name of hit.keys()) hits.add(name)
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

  it('does the same with the same seed as a cluster too', async () => {
    const plan = { ...shortCluster(4), durationMs: 1500, calmMs: 300 }
    const first = await new Run(plan).result()
    assert.ok(first.acknowledgedCount > 20 && first.hits.size > 0, JSON.stringify([...first.hits]))
    for (let rerun = 0; rerun < clusterRerunCount; rerun += 1) {
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
