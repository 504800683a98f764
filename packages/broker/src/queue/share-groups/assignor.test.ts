import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assignPartitions, memberPartitionsWanted } from './assignor.ts'
import type { Assignment } from './assignor.ts'

const nobody = new Map<string, Assignment>()

function everybody(count: number, topicIds: readonly string[]) {
  return new Map(Array.from({ length: count }, (_, index) => [`m${index}`, topicIds]))
}

/** How many partitions each member has, and how many members each partition has. */
function loads(assignments: ReadonlyMap<string, Assignment>) {
  const byMember = [...assignments.values()].map((topics) => [...topics.values()].flat().length)
  const owners = new Map<string, number>()
  for (const topics of assignments.values()) {
    for (const [topicId, partitions] of topics) {
      for (const partition of partitions) {
        const place = `${topicId}:${partition}`
        owners.set(place, (owners.get(place) ?? 0) + 1)
      }
    }
  }
  return { byMember, owners }
}

function spreadOf(values: Iterable<number>): number {
  const all = [...values]
  return Math.max(...all) - Math.min(...all)
}

test('a few partitions belong to all members, however many there are', () => {
  for (const count of [1, 2, 5, 40]) {
    const task = { subscriptions: everybody(count, ['t']), partitionCounts: new Map([['t', 3]]), present: nobody }
    const outcome = assignPartitions(task)
    assert.equal(outcome.size, count)
    for (const assignment of outcome.values()) assert.deepEqual(assignment, new Map([['t', [0, 1, 2]]]))
  }
})

test('many partitions have two members each: whoever hangs is not the only one', () => {
  const task = { subscriptions: everybody(4, ['t']), partitionCounts: new Map([['t', 1000]]), present: nobody }
  const { byMember, owners } = loads(assignPartitions(task))
  assert.deepEqual(byMember, [500, 500, 500, 500])
  assert.ok([...owners.values()].every((count) => count === 2))
  const alone = loads(assignPartitions({ ...task, subscriptions: everybody(1, ['t']) }))
  assert.deepEqual(alone.byMember, [1000])
})

test('of partitions in between everybody has as many as is wanted', () => {
  const task = { subscriptions: everybody(20, ['t']), partitionCounts: new Map([['t', 50]]), present: nobody }
  const { byMember, owners } = loads(assignPartitions(task))
  assert.ok(byMember.every((count) => count === memberPartitionsWanted))
  assert.ok(spreadOf(owners.values()) <= 2 && Math.min(...owners.values()) >= 5)
})

test('a member that comes takes its part, and nothing else moves', () => {
  for (const [members, partitions] of [
    [3, 12],
    [10, 50],
    [40, 50],
  ] as const) {
    const topic = { partitionCounts: new Map([['t', partitions]]) }
    const before = assignPartitions({ ...topic, subscriptions: everybody(members, ['t']), present: nobody })
    const after = assignPartitions({ ...topic, subscriptions: everybody(members + 1, ['t']), present: before })
    for (const [member, assignment] of before) assert.deepEqual(after.get(member), assignment)
    assert.ok(after.get(`m${members}`)!.get('t')!.length >= Math.min(partitions, memberPartitionsWanted))
  }
})

test('members without topics have nothing', () => {
  const task = { subscriptions: new Map([['m', []]]), partitionCounts: new Map(), present: nobody }
  assert.deepEqual(assignPartitions(task), new Map([['m', new Map()]]))
})

test('whoever subscribes to the same has the same load, and nothing moves without need', () => {
  const partitionCounts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 })
  const holds = (counts: number[], before: number, after: number): void => {
    const topicIds = counts.map((_, index) => `t${index}`)
    const byId = new Map(counts.map((count, index) => [`t${index}`, count]))
    const first = assignPartitions({
      subscriptions: everybody(before, topicIds),
      partitionCounts: byId,
      present: nobody,
    })
    const again = { subscriptions: everybody(before, topicIds), partitionCounts: byId, present: first }
    assert.deepEqual(assignPartitions(again), first)
    const second = assignPartitions({ ...again, subscriptions: everybody(after, topicIds) })
    const { byMember, owners } = loads(second)
    const partitionCount = counts.reduce((sum, count) => sum + count, 0)
    assert.equal(owners.size, partitionCount)
    assert.ok(spreadOf(byMember) <= 1)
    assert.ok(Math.min(...byMember) >= Math.min(memberPartitionsWanted, partitionCount))
    assert.ok(Math.min(...owners.values()) >= Math.min(2, after))
  }
  const sizes = fc.integer({ min: 1, max: 20 })
  fc.assert(fc.property(partitionCounts, sizes, sizes, holds), { numRuns: 200 })
})

test('with subscriptions of all kinds nobody is left out and nobody gets what it did not ask for', () => {
  const topics = ['a', 'b', 'c', 'd']
  const partitionCounts = new Map(topics.map((topicId, index) => [topicId, index * 2 + 1]))
  const subscription = fc.uniqueArray(fc.constantFrom(...topics), { maxLength: 4 })
  const members = fc.array(subscription, { minLength: 1, maxLength: 12 })
  const holds = (given: string[][], earlier: string[][]): void => {
    const named = (each: string[][]) => new Map(each.map((topicIds, index) => [`m${index}`, topicIds]))
    const present = assignPartitions({ subscriptions: named(earlier), partitionCounts, present: nobody })
    const outcome = assignPartitions({ subscriptions: named(given), partitionCounts, present })
    const wanted = new Set(given.flat())
    const { owners } = loads(outcome)
    assert.equal(
      owners.size,
      [...wanted].reduce((sum, topicId) => sum + partitionCounts.get(topicId)!, 0),
    )
    for (const [member, topicIds] of named(given)) {
      const has = [...outcome.get(member)!.keys()]
      assert.ok(has.every((topicId) => topicIds.includes(topicId)))
      assert.equal(has.length > 0, topicIds.length > 0)
    }
    for (const [place, ownerCount] of owners) {
      const subscriberCount = given.filter((topicIds) => topicIds.includes(place.split(':')[0]!)).length
      assert.ok(ownerCount >= Math.min(2, subscriberCount), place)
    }
  }
  fc.assert(fc.property(members, members, holds), { numRuns: 200 })
})
