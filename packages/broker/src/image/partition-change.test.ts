import { deepStrictEqual, ok, strictEqual as equal } from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  cancelReassignment,
  changeIsr,
  electLeader,
  finishReassignment,
  hasLeader,
  isReassigned,
  startReassignment,
  withoutLeader,
} from './partition-change.ts'
import { assertValid, decodePartition, encodePartition, newPartition } from './partition-state.ts'
import type { PartitionState } from './partition-state.ts'
import type { LiveBroker } from './records.ts'

const clean = { mayBeUnclean: false, minInsyncReplicas: 1, avoid: new Set<number>() }

function broker(id: number, epoch = 100 + id, intactSince = 0): [number, LiveBroker] {
  return [id, { id, epoch, intactSince, directoryId: '', host: '', port: 1, rack: '', version: '', status: 'serving' }]
}

const all = new Map([broker(1), broker(2), broker(3)])
const fresh = newPartition(
  0,
  [1, 2, 3],
  new Map([
    [1, 101],
    [2, 102],
    [3, 103],
  ]),
)

function only(...ids: readonly number[]): Map<number, LiveBroker> {
  return new Map([...all].filter(([id]) => ids.includes(id)))
}

describe('an election', () => {
  it('takes the first live replica of the ISR, in a new epoch, and drops who is gone', () => {
    const next = electLeader(fresh, only(2, 3), clean)!
    deepStrictEqual([next.leader, next.leaderEpoch, next.leaderBrokerEpoch, next.inSyncReplicas], [2, 1, 102, [2, 3]])
  })

  it('passes over who is to be avoided, unless nobody else is in sync', () => {
    equal(electLeader(fresh, all, { ...clean, avoid: new Set([1]) })?.leader, 2)
    equal(electLeader({ ...fresh, inSyncReplicas: [1] }, all, { ...clean, avoid: new Set([1]) })?.leader, 1)
  })

  it('never takes a replica that is out of sync', () => {
    const state = { ...fresh, leader: 1, inSyncReplicas: [1] }
    equal(electLeader(state, only(2, 3), clean), undefined)
    const lost = withoutLeader(state)
    deepStrictEqual([lost.leader, lost.leaderEpoch, lost.inSyncReplicas, lost.lastKnownLeader], [-1, 1, [1], 1])
    const unclean = electLeader(lost, only(2, 3), { ...clean, mayBeUnclean: true })!
    deepStrictEqual([unclean.leader, unclean.inSyncReplicas, unclean.recovering], [2, [2], true])
  })

  it('takes an eligible replica when the ISR is gone, and keeps what the ISR had as eligible (KIP-966)', () => {
    const rules = { ...clean, minInsyncReplicas: 2 }
    const state = { ...fresh, inSyncReplicas: [1], eligible: [2] }
    const next = electLeader(state, only(2, 3), rules)!
    deepStrictEqual([next.leader, next.inSyncReplicas, next.eligible], [2, [2], [1]])
  })

  it('takes nobody who has lost something since it joined, while another may come back with everything', () => {
    const lossy = new Map([broker(2, 202, 150), broker(3)])
    equal(electLeader({ ...fresh, inSyncReplicas: [1, 2] }, lossy, clean), undefined)
    equal(electLeader({ ...fresh, inSyncReplicas: [2, 3] }, lossy, clean)?.leader, 3)
  })

  it('takes the first of those that lost something when all of them are back', () => {
    const lossy = new Map([broker(1, 201, 150), broker(2, 202, 150)])
    const next = electLeader({ ...fresh, inSyncReplicas: [1, 2] }, lossy, clean)!
    deepStrictEqual([next.leader, next.inSyncReplicas, next.memberEpochs.get(1)], [1, [1], 201])
  })

  it('is due when the leader has been restarted, except where it is the only replica', () => {
    equal(hasLeader(fresh, all), true)
    equal(hasLeader(fresh, new Map([broker(1, 200)])), false)
    equal(hasLeader(newPartition(0, [1], new Map([[1, 101]])), new Map([broker(1, 200)])), true)
    equal(hasLeader(fresh, only(2, 3)), false)
  })
})

describe('a reassignment', () => {
  it('adds first, and drops when all that shall stay are in sync', () => {
    const moving = startReassignment({ ...fresh, replicas: [1, 2], inSyncReplicas: [1, 2] }, [2, 3])
    deepStrictEqual([moving.replicas, moving.adding, moving.removing], [[2, 3, 1], [3], [1]])
    equal(isReassigned(moving), false)
    const joined = changeIsr(moving, [1, 2, 3], new Map([[3, 103]]), 1, all)
    equal(isReassigned(joined), true)
    equal(finishReassignment(joined), joined, 'the leader leaves: another must be elected first')
    const led = electLeader(joined, all, { ...clean, avoid: new Set([1]) })!
    const done = finishReassignment(led)
    deepStrictEqual(
      [done.replicas, done.inSyncReplicas, done.leader, done.adding, done.removing],
      [[2, 3], [2, 3], 2, [], []],
    )
    ok(done.leaderEpoch > led.leaderEpoch)
  })

  it('that is replaced drops who was only coming, in a new leader epoch', () => {
    const moving = startReassignment({ ...fresh, replicas: [1, 2], inSyncReplicas: [1, 2] }, [1, 2, 3])
    const other = startReassignment(moving, [1, 2, 4])
    deepStrictEqual([other.replicas, other.adding, other.leaderEpoch], [[1, 2, 4], [4], moving.leaderEpoch + 1])
    equal(startReassignment(other, [1, 2, 4, 3]).leaderEpoch, other.leaderEpoch)
  })

  it('can be taken back', () => {
    const moving = startReassignment({ ...fresh, replicas: [1, 2], inSyncReplicas: [1, 2] }, [2, 3])
    const back = cancelReassignment(moving)!
    deepStrictEqual(
      [back.replicas.toSorted((a, b) => a - b), back.inSyncReplicas, back.adding, back.removing],
      [[1, 2], [1, 2], [], []],
    )
  })
})

describe('whatever is done to a partition', () => {
  it('its state stays valid, survives the store, and a clean election finds its leader among ISR and ELR', () => {
    const step = fc.record({
      kind: fc.constantFrom('elect', 'lose', 'isr', 'start', 'finish', 'cancel', 'unclean'),
      live: fc.subarray([1, 2, 3, 4]),
      ids: fc.shuffledSubarray([1, 2, 3, 4], { minLength: 1 }),
      lossy: fc.subarray([1, 2, 3, 4]),
      least: fc.integer({ min: 1, max: 3 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let state: PartitionState = fresh
        let epoch = 1000
        for (const { kind, live, ids, lossy, least } of steps) {
          epoch += 10
          const brokers = new Map(live.map((id) => broker(id, epoch + id, lossy.includes(id) ? epoch : 0)))
          const before = state
          const rules = { mayBeUnclean: kind === 'unclean', minInsyncReplicas: least, avoid: new Set<number>() }
          if (kind === 'elect' || kind === 'unclean') state = electLeader(state, brokers, rules) ?? state
          else if (kind === 'lose') state = withoutLeader(state)
          else if (kind === 'isr' && state.leader >= 0 && !state.recovering) {
            const isr = [state.leader, ...ids.filter((id) => id !== state.leader && state.replicas.includes(id))]
            const joined = new Map(
              isr.filter((id) => !before.inSyncReplicas.includes(id)).map((id) => [id, epoch + id]),
            )
            state = changeIsr(state, isr, joined, least, brokers)
          } else if (kind === 'start') state = startReassignment(state, ids)
          else if (kind === 'finish' && isReassigned(state)) state = finishReassignment(state)
          else if (kind === 'cancel') state = cancelReassignment(state) ?? state
          assertValid(state)
          ok(state.leaderEpoch >= before.leaderEpoch)
          ok(state.inSyncReplicas.length > 0, 'somebody always has the data')
          if (kind === 'elect' && state !== before) {
            ok(before.inSyncReplicas.includes(state.leader) || before.eligible.includes(state.leader))
            ok(state.leaderEpoch > before.leaderEpoch)
          }
          deepStrictEqual(decodePartition('/partitions/t/0', encodePartition(state), state.modRevision), state)
        }
      }),
      { numRuns: 1200 },
    )
  })
})
