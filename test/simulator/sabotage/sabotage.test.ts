import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Run } from '../run.ts'
import { findSabotage, sabotagePlan } from './find.ts'
import { sabotages } from './sabotages.ts'

/** Tests of the tests: bugs that peers had, put back in. The slow ones are looked for by `sabotage/main.ts` only. */
describe('the simulator finds', () => {
  for (const sabotage of sabotages) {
    const { name, seedCountMax } = sabotage
    if (seedCountMax === undefined) continue
    it(`${name}, within ${seedCountMax} seeds`, async (t) => {
      const caught = await findSabotage(sabotage, seedCountMax)
      t.diagnostic(`caught: ${JSON.stringify(caught)}`)
      assert.ok(caught !== undefined)
      const { findings } = await new Run(sabotagePlan(sabotage, caught.seed)).result()
      assert.deepEqual(findings, [], 'the broker as it is was caught too')
    })
  }
})
