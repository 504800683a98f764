import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedRandom } from '../../../../packages/broker/src/host/simulated/simulated-random.ts'
import { check } from '../check.ts'
import type { Draw } from '../clean-history.ts'
import { cleanQueues, queueLog } from './clean-queues.ts'
import { queueCorruptions } from './queue-corruptions.ts'

/** Tests of the tests, as in checkers.test.ts. */
function drawOf(seed: number): Draw {
  const random = new SimulatedRandom(seed)
  return () => random.next()
}

const cleanCount = 200
const corruptedCount = 4

describe('the checker of queues', () => {
  it(`passes ${cleanCount} of ${cleanCount}`, () => {
    for (let seed = 0; seed < cleanCount; seed += 1)
      assert.deepEqual(check(cleanQueues(drawOf(seed))), [], `seed ${seed}`)
  })

  for (const { kind, name, apply } of queueCorruptions) {
    it(`finds ${kind}: ${name}`, () => {
      for (let seed = 0; seed < corruptedCount; seed += 1) {
        const draw = drawOf(seed)
        const history = cleanQueues(draw)
        apply(history, draw)
        const kinds = check(history).map((finding) => finding.kind)
        assert.ok(kinds.includes(kind), `seed ${seed}: ${kinds.join(', ') || 'nothing found'}`)
      }
    })
  }

  it('knows three ways at least in which each of its kinds comes about', () => {
    const ways = Map.groupBy(queueCorruptions, ({ kind }) => kind)
    assert.equal(ways.size, 15)
    for (const [kind, list] of ways) assert.ok(list.length >= 3, kind)
  })

  it('allows a fetch that was lost to have asked for a partition whose making was lost as well (seed 9006149)', () => {
    const history = cleanQueues(drawOf(1))
    const last = history.queues.fetches.at(-1)!
    history.queues.fetches.push({ ...last, outcome: 'unknown', end: Infinity, logs: [queueLog, 'q-9'], lent: [] })
    assert.deepEqual(check(history), [])
  })

  it('allows what is documented: a copy among the dead letters of what its leader could not archive any more', () => {
    const history = cleanQueues(drawOf(1))
    const accepted = history.queues.acknowledgings.find(
      ({ outcome, words }) => outcome === 'ok' && words[0]!.word === 'accept',
    )!
    const { offset } = accepted.words[0]!
    const before = {
      ...accepted,
      begin: 0,
      end: Infinity,
      outcome: 'unknown' as const,
      words: [{ offset, word: 'reject' as const }],
    }
    history.queues.acknowledgings.push({ ...before, group: 'g' })
    const value = `p.${offset}#v`
    for (const { letters } of history.queues.deadReads) {
      letters.push({ group: 'g', log: queueLog, offset, reason: 'rejected', deliveryCount: 1, value })
    }
    assert.deepEqual(check(history), [])
  })
})
