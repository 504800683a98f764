import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedRandom } from '../../../../packages/broker/src/host/simulated/simulated-random.ts'
import type { Draw } from '../clean-history.ts'
import { checkMetadata } from './check-metadata.ts'
import { cleanMetadata } from './clean-metadata.ts'
import { metadataCorruptions } from './metadata-corruptions.ts'

/** Tests of the tests. Seeds are printed with each failure; `drawOf(seed)` gives the same history again. */
function drawOf(seed: number): Draw {
  const random = new SimulatedRandom(seed)
  return () => random.next()
}

const cleanCount = 1000
const corruptedCount = 5

describe('the checkers of metadata', () => {
  it(`pass ${cleanCount} of ${cleanCount} clean histories, and leave none undecided`, (t) => {
    let unansweredCount = 0
    for (let seed = 0; seed < cleanCount; seed += 1) {
      const history = cleanMetadata(drawOf(seed))
      unansweredCount += history.operations.filter(({ answer }) => answer === undefined).length
      const { findings, undecided } = checkMetadata(history)
      assert.deepEqual(findings, [], `seed ${seed}`)
      assert.deepEqual(undecided, [], `seed ${seed}`)
    }
    t.diagnostic(`${unansweredCount} operations had no answer`)
    assert.ok(unansweredCount > cleanCount)
  })

  for (const { kind, name, apply } of metadataCorruptions) {
    it(`find ${kind}: ${name}`, () => {
      for (let seed = 0; seed < corruptedCount; seed += 1) {
        const draw = drawOf(seed)
        const history = cleanMetadata(draw)
        apply(history, draw)
        const kinds = checkMetadata(history).findings.map((finding) => finding.kind)
        assert.ok(kinds.includes(kind), `seed ${seed}: ${kinds.join(', ') || 'nothing found'}`)
      }
    })
  }

  it('say so where they give up', () => {
    const history = cleanMetadata(drawOf(1))
    assert.ok(checkMetadata(history, 3).undecided.length > 0)
  })
})
