import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedRandom } from '../../../packages/broker/src/host/simulated/simulated-random.ts'
import { check } from './check.ts'
import { cleanHistory, cleanLog, compactedHistory, deletedHistory, replicatedHistory } from './clean-history.ts'
import type { Draw } from './clean-history.ts'
import { corruptions } from './corruptions.ts'
import { Timeline } from './timeline.ts'

/** Tests of the tests. Seeds are printed with each failure; `drawOf(seed)` gives the same history again. */
function drawOf(seed: number): Draw {
  const random = new SimulatedRandom(seed)
  return () => random.next()
}

const cleanCount = 350
const corruptedCount = 5
/** No errors where another leader may answer. */
const leaderKinds: ReadonlySet<string> = new Set(['stale-watermark', 'stale-start', 'deleted-topic'])

describe('the checkers', () => {
  for (const [name, make] of Object.entries({ cleanHistory, compactedHistory, deletedHistory, replicatedHistory })) {
    it(`pass ${cleanCount} of ${cleanCount}: ${name}`, () => {
      for (let seed = 0; seed < cleanCount; seed += 1) assert.deepEqual(check(make(drawOf(seed))), [], `seed ${seed}`)
    })
  }

  for (const { kind, name, apply } of corruptions) {
    const histories = leaderKinds.has(kind) ? [cleanHistory] : [cleanHistory, replicatedHistory]
    it(`find ${kind}: ${name}`, () => {
      for (const make of histories) {
        for (let seed = 0; seed < corruptedCount; seed += 1) {
          const draw = drawOf(seed)
          const history = make(draw)
          apply(history, draw)
          const kinds = check(history).map((finding) => finding.kind)
          assert.ok(kinds.includes(kind), `${make.name}, seed ${seed}: ${kinds.join(', ') || 'nothing found'}`)
        }
      }
    })
  }

  it('find a newest record that compaction took away', () => {
    for (let seed = 0; seed < corruptedCount; seed += 1) {
      const history = compactedHistory(drawOf(seed))
      for (const read of history.finalReads) read.records.pop()
      assert.ok(
        check(history).some(({ kind }) => kind === 'lost-write'),
        `seed ${seed}`,
      )
    }
  })

  it('allow a log whose files were damaged on purpose to refuse, but not to be wrong', () => {
    const history = cleanHistory(drawOf(1))
    history.logs.set(cleanLog, { cleanup: 'none', rotten: true, replicated: false })
    for (const read of history.finalReads) read.complete = false
    assert.deepEqual(check(history), [])
    const poll = history.polls.find(({ records }) => records.length > 0)!
    poll.records[0] = { ...poll.records[0]!, value: 'rotten' }
    assert.ok(check(history).some(({ kind }) => kind === 'unexpected-value'))
  })

  it('know the largest value before any moment', () => {
    const line = new Timeline()
    for (const [at, value] of [
      [5, 2],
      [1, 7],
      [9, 8],
      [3, 1],
      [Infinity, 99],
    ] as const)
      line.add(at, value)
    assert.deepEqual(
      [1, 2, 6, 9, 10].map((at) => line.before(at)),
      [-1, 7, 7, 7, 8],
    )
  })
})
