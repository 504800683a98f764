import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { spreadLeaders } from './leader-spread.ts'

function countLeaders(targets: readonly (readonly number[])[], brokers: readonly number[]): Map<number, number> {
  return new Map(brokers.map((id) => [id, targets.filter(([leader]) => leader === id).length]))
}

/** The least that the fullest broker can lead, by trying every choice of leaders. */
function bestMax(targets: readonly (readonly number[])[], counts: Map<number, number>, at = 0): number {
  if (at === targets.length) return Math.max(...counts.values())
  let best = Number.POSITIVE_INFINITY
  for (const id of targets[at]!) {
    counts.set(id, counts.get(id)! + 1)
    best = Math.min(best, bestMax(targets, counts, at + 1))
    counts.set(id, counts.get(id)! - 1)
  }
  return best
}

it('leaders are as even as the replicas allow, which stay where they are', () => {
  const brokers = [1, 2, 3, 4]
  const replicas = fc.shuffledSubarray(brokers, { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(fc.array(replicas, { maxLength: 6 }), (before) => {
      const targets: (readonly number[])[] = [...before]
      const leaders = countLeaders(targets, brokers)
      const changed = spreadLeaders(targets, leaders, brokers, Number.POSITIVE_INFINITY)
      assert.deepEqual(leaders, countLeaders(targets, brokers))
      for (const [i, target] of targets.entries()) {
        assert.deepEqual(
          target.toSorted((a, b) => a - b),
          before[i]!.toSorted((a, b) => a - b),
        )
        if (!changed.has(i)) assert.deepEqual(target, before[i])
      }
      const zero = new Map(brokers.map((id) => [id, 0]))
      assert.equal(Math.max(...leaders.values()), bestMax(before, zero))
    }),
    { numRuns: 300 },
  )
})

it('a limit on changes is kept to within one path', () => {
  const targets: (readonly number[])[] = Array.from({ length: 20 }, () => [1, 2])
  const leaders = new Map([
    [1, 20],
    [2, 0],
  ])
  assert.equal(spreadLeaders(targets, leaders, [1, 2], 3).size, 3)
  assert.equal(leaders.get(2), 3)
})
