import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { TopicPartition } from '../fetcher.ts'
import type { AssignorName, Assignments, Subscriber } from './assignors.ts'
import { assign } from './assignors.ts'

const names: AssignorName[] = ['range', 'round-robin', 'sticky', 'cooperative-sticky', 'uniform']
const text = ({ topic, partition }: TopicPartition): string => `${topic}${partition}`
const flat = (assignments: Assignments): Record<string, string> =>
  Object.fromEntries([...assignments].map(([member, held]) => [member, held.map(text).join(' ')]))
const member = (memberId: string, topics: string[], owned: TopicPartition[] = [], generation = 1): Subscriber => ({
  memberId,
  topics,
  owned,
  generation,
})
const counts = new Map([
  ['a', 3],
  ['b', 2],
])

describe('assignors', () => {
  it('range: a run of each topic to each member', () => {
    const members = [member('m2', ['a', 'b']), member('m1', ['a', 'b'])]
    assert.deepEqual(flat(assign('range', members, counts)), { m1: 'a0 a1 b0', m2: 'a2 b1' })
  })

  it('round-robin: one after the other, over all topics', () => {
    const members = [member('m1', ['a', 'b']), member('m2', ['a', 'b'])]
    assert.deepEqual(flat(assign('round-robin', members, counts)), { m1: 'a0 a2 b1', m2: 'a1 b0' })
  })

  it('cooperative-sticky: what moves is given up first, and given out the next time', () => {
    const all = ['a0', 'a1', 'a2', 'b0', 'b1'].map((name) => ({ topic: name[0]!, partition: Number(name[1]) }))
    const first = assign('cooperative-sticky', [member('m1', ['a', 'b'], all), member('m2', ['a', 'b'])], counts)
    assert.equal(first.get('m1')!.length, 3)
    assert.equal(first.get('m2')!.length, 0)
    const second = assign(
      'cooperative-sticky',
      [member('m1', ['a', 'b'], first.get('m1')), member('m2', ['a', 'b'])],
      counts,
    )
    assert.deepEqual(second.get('m1'), first.get('m1'))
    assert.equal(second.get('m2')!.length, 2)
  })

  it('of two that claim a partition, the later generation has it', () => {
    const claim = [{ topic: 'a', partition: 0 }]
    const members = [member('m1', ['a'], claim, 3), member('m2', ['a'], claim, 4)]
    assert.equal(assign('sticky', members, new Map([['a', 1]])).get('m2')!.length, 1)
  })

  it('each partition goes to one subscriber of its topic, evenly, and sticky ones do not move without need', () => {
    const topics = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
    const world = fc.record({
      counts: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 7 })),
      members: fc.array(topics, { minLength: 1, maxLength: 5 }),
      same: fc.boolean(),
    })
    const check = fc.property(world, fc.constantFrom(...names), ({ counts: given, members, same }, name) => {
      const partitionCounts = new Map(Object.entries(given))
      const subscribers = members.map((wanted, i) => member(`m${i}`, same ? ['a', 'b', 'c'] : wanted))
      const assignments = assign(name, subscribers, partitionCounts)
      const all = [...assignments.values()].flat().map(text)
      assert.equal(new Set(all).size, all.length)
      const wanted = [...partitionCounts].flatMap(([topic, count]) =>
        subscribers.some((one) => one.topics.includes(topic)) ? Array.from({ length: count }, (_, i) => topic + i) : [],
      )
      assert.deepEqual(all.toSorted(), wanted.toSorted())
      for (const { memberId, topics: own } of subscribers) {
        for (const { topic } of assignments.get(memberId)!) assert.ok(own.includes(topic))
      }
      const loads = [...assignments.values()].map(({ length }) => length)
      if (same && name !== 'range') assert.ok(Math.max(...loads) - Math.min(...loads) <= 1)
      if (name === 'range' || name === 'round-robin') return
      const again = subscribers.map((one) => ({ ...one, owned: assignments.get(one.memberId)! }))
      const sorted = (result: Assignments) => [...result].map(([id, held]) => [id, held.map(text).toSorted()])
      assert.deepEqual(sorted(assign(name, again, partitionCounts)), sorted(assignments))
    })
    fc.assert(check, { numRuns: 300 })
  })
})
