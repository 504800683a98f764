import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { newPartition } from '../image/partition-state.ts'
import { FollowerStarts } from './follower-starts.ts'
import { LeaderTerm } from './leader-term.ts'

const epochs = new Map([
  [1, 101],
  [2, 102],
  [3, 103],
])

function fetchFrom(term: LeaderTerm, replicaId: number, logStartOffset: number): void {
  const place = { fetchOffset: 12, currentLeaderEpoch: 0, lastFetchedEpoch: 0, logStartOffset }
  term.note({ replicaId, replicaEpoch: 100 + replicaId, ...place }, 12, 0)
}

describe('a deletion', () => {
  it('waits for the eligible too, who may lead next (seed 4002232: deleted records came back)', async () => {
    const { scheduler, node } = world()
    const starts = new FollowerStarts(node.host.clock)
    const state = { ...newPartition(0, [1, 2, 3], epochs), inSyncReplicas: [1], eligible: [2] }
    const term = new LeaderTerm(state, { startOffset: 8, endOffset: 12 }, 0)
    let isDone = false
    const reached = starts.reached(term, 8).then(() => (isDone = true))
    fetchFrom(term, 3, 8)
    fetchFrom(term, 2, 0)
    starts.check(term)
    await scheduler.runFor(1)
    assert.equal(isDone, false)
    fetchFrom(term, 2, 8)
    starts.check(term)
    await scheduler.complete(reached)
    assert.ok(isDone)
  })

  it('says after a while that it is not done everywhere', async () => {
    const { scheduler, node } = world()
    const starts = new FollowerStarts(node.host.clock)
    const term = new LeaderTerm(newPartition(0, [1, 2], epochs), { startOffset: 8, endOffset: 12 }, 0)
    await assert.rejects(scheduler.complete(starts.reached(term, 8)), { code: 'timed-out' })
  })
})

function world(): { scheduler: SimulatedWorld['scheduler']; node: ReturnType<SimulatedWorld['node']> } {
  const simulated = new SimulatedWorld(1)
  return { scheduler: simulated.scheduler, node: simulated.node('broker') }
}
