import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BrokerError } from '../errors/errors.ts'
import { assignReplicas } from './assign-replicas.ts'
import { imageOf, topicOf } from './cluster.fixture.ts'
import type { BrokerOptions } from './cluster.fixture.ts'
import type { PlacementRule } from './topic-rules.ts'

function brokers(racks: readonly string[]): Record<number, BrokerOptions> {
  return Object.fromEntries(racks.map((rack, i) => [i + 1, { rack }]))
}

function factor(count: number): PlacementRule {
  return { kind: 'count', count, isFirm: true, mayGrow: true }
}

function countOf(values: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

function differ(ids: readonly number[], values: readonly number[]): number {
  const counts = countOf(values)
  const numbers = ids.map((id) => counts.get(id) ?? 0)
  return Math.max(...numbers) - Math.min(...numbers)
}

describe('assignReplicas', () => {
  it('spreads replicas and leaders over fresh brokers so that they differ by at most one (K5)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(),
        (count, partitionCount, seed) => {
          const replicaCount = 1 + (seed % count)
          const image = imageOf(brokers(Array.from({ length: count }, () => '')))
          const assignment = assignReplicas({ image, rule: factor(replicaCount), partitionCount })
          const ids = [...image.brokers.keys()]
          assert.ok(assignment.every((replicas) => new Set(replicas).size === replicaCount))
          assert.ok(differ(ids, assignment.flat()) <= 1, 'replicas')
          assert.ok(
            differ(
              ids,
              assignment.map(([leader]) => leader!),
            ) <= 1,
            'leaders',
          )
        },
      ),
    )
  })

  it('puts the replicas of a partition into as many racks as there are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
        (racks, partitionCount, wanted) => {
          const replicaCount = Math.min(wanted, racks.length)
          const image = imageOf(brokers(racks))
          const most = Math.min(replicaCount, new Set(racks).size)
          for (const replicas of assignReplicas({ image, rule: factor(replicaCount), partitionCount })) {
            assert.equal(new Set(replicas.map((id) => racks[id - 1])).size, most)
          }
        },
      ),
    )
  })

  it('gives a new broker most of what comes, and varies who shares partitions with whom', () => {
    const image = imageOf(brokers(['', '', '']), [
      topicOf('old', [
        [1, 2],
        [2, 1],
        [1, 2],
        [2, 1],
      ]),
    ])
    const assignment = assignReplicas({ image, rule: factor(1), partitionCount: 4 })
    assert.deepEqual(assignment, [[3], [3], [3], [3]])
    const fresh = imageOf(brokers(['', '', '', '']))
    const pairs = assignReplicas({ image: fresh, rule: factor(2), partitionCount: 12 })
    assert.equal(new Set(pairs.map((pair) => pair.toSorted((a, b) => a - b).join())).size, 6, 'all pairs there are')
  })

  it('refuses what was promised and cannot be, and takes what there is otherwise', () => {
    const image = imageOf({ 1: {}, 2: { status: 'stopping' }, 3: {} }, [], { '/drains/3': { requestedAtMs: 1 } })
    const refused = (rule: PlacementRule): boolean => {
      try {
        assignReplicas({ image, rule, partitionCount: 1 })
        return false
      } catch (error) {
        return error instanceof BrokerError && error.code === 'invalid-replication-factor'
      }
    }
    assert.ok(refused(factor(2)))
    const upToThree: PlacementRule = { kind: 'count', count: 3, isFirm: false, mayGrow: true }
    assert.deepEqual(assignReplicas({ image, rule: upToThree, partitionCount: 1 }), [[1]])
    const named: PlacementRule = { kind: 'nodes', brokerIds: [3], mayGrow: false }
    assert.deepEqual(assignReplicas({ image, rule: named, partitionCount: 1 }), [[1]], 'none of the named can')
    assert.throws(() => assignReplicas({ image: imageOf({}), rule: upToThree, partitionCount: 1 }), /no broker can/)
  })

  it('follows policies, and for more partitions of an assigned topic the number of the first', () => {
    const image = imageOf({ 1: {}, 2: {}, 3: {} })
    assert.equal(assignReplicas({ image, rule: { kind: 'all', mayGrow: false }, partitionCount: 1 })[0]!.length, 3)
    const named: PlacementRule = { kind: 'nodes', brokerIds: [2, 3, 9], mayGrow: false }
    assert.deepEqual(
      assignReplicas({ image, rule: named, partitionCount: 4 }).map((replicas) => replicas.toSorted((a, b) => a - b)),
      [
        [2, 3],
        [2, 3],
        [2, 3],
        [2, 3],
      ],
    )
    const present = topicOf('t', [[1, 2]]).partitions
    assert.equal(assignReplicas({ image, rule: { kind: 'assigned' }, partitionCount: 1, present })[0]!.length, 2)
  })
})
