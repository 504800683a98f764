import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Newcomers } from './newcomers.ts'

class Caller {
  isOpen = true
  readonly remote: { readonly host: string }

  constructor(host: string) {
    this.remote = { host }
  }

  destroy(): void {
    this.isOpen = false
  }
}

const limits = { countMax: 5, countPerAddressMax: 3, timeoutMs: 100 }

describe('connections that have not logged in', () => {
  test('the oldest makes room, of the same address first', () => {
    const newcomers = new Newcomers<Caller>(limits)
    const [a1, b1, a2, a3, a4, b2, b3] = ['a', 'b', 'a', 'a', 'a', 'b', 'b'].map((host) => new Caller(host))
    for (const caller of [a1!, b1!, a2!, a3!]) newcomers.add(caller, 0)
    newcomers.add(a4!, 0)
    assert.deepEqual([a1!.isOpen, b1!.isOpen], [false, true])
    newcomers.add(b2!, 0)
    assert.equal(newcomers.count, 5)
    newcomers.add(b3!, 0)
    assert.deepEqual([b1!.isOpen, a2!.isOpen], [false, true])
    assert.equal(newcomers.closedCount, 2)
  })

  test('those whose time is up are closed, unless they have logged in', () => {
    const newcomers = new Newcomers<Caller>(limits)
    const [early, member, late] = [new Caller('a'), new Caller('a'), new Caller('a')]
    newcomers.add(early, 0)
    newcomers.add(member, 0)
    newcomers.add(late, 50)
    newcomers.remove(member)
    newcomers.closeLate(100)
    assert.deepEqual([early.isOpen, member.isOpen, late.isOpen], [false, true, true])
    newcomers.closeLate(150)
    assert.equal(newcomers.count, 0)
  })

  test('limits hold, and who has logged in is never closed, whatever happens in which order', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), host: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ kind: fc.constantFrom('welcome' as const, 'leave' as const), pick: fc.nat() }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(60) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const newcomers = new Newcomers<Caller>(limits)
        const members: Caller[] = []
        let waiting: Caller[] = []
        let nowMs = 0
        for (const each of steps) {
          if (each.kind === 'add') {
            const caller = new Caller(each.host)
            newcomers.add(caller, nowMs)
            assert.ok(caller.isOpen)
            waiting.push(caller)
          } else if (each.kind === 'wait') {
            nowMs += each.ms
            newcomers.closeLate(nowMs)
          } else if (waiting.length > 0) {
            const [caller] = waiting.splice(each.pick % waiting.length, 1)
            newcomers.remove(caller!)
            if (each.kind === 'welcome') members.push(caller!)
          }
          waiting = waiting.filter(({ isOpen }) => isOpen)
          assert.equal(newcomers.count, waiting.length)
          assert.ok(waiting.length <= limits.countMax)
          for (const host of ['a', 'b', 'c']) {
            assert.ok(waiting.filter(({ remote }) => remote.host === host).length <= limits.countPerAddressMax)
          }
          assert.ok(members.every(({ isOpen }) => isOpen))
        }
      }),
    )
  })
})
