import { deepEqual, equal } from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Delivery } from './delivery.ts'
import { HeldMessages } from './held-messages.ts'

function delivery(key: string, offset: number): Delivery {
  return { key, record: { offset } } as Delivery
}

describe('messages that are held', () => {
  it('are found by their places, one for each', () => {
    const held = new HeldMessages()
    const [first, again, other] = [delivery('a/0', 5), delivery('a/0', 5), delivery('a/1', 5)]
    for (const one of [first, other, first]) held.put(one)
    equal(held.size, 2)
    equal(held.sameAs(again), first)
    held.put(again)
    equal(held.sameAs(first), again)
    deepEqual([...held.values()], [again, other])
    held.delete(delivery('b/0', 5))
    held.delete(delivery('a/0', 6))
    equal(held.size, 2)
    held.delete(first)
    equal(held.sameAs(again), undefined)
    equal(held.size, 1)
  })
})
