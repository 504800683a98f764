import { deepStrictEqual, strictEqual as equal } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newPartition } from '../image/partition-state.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { LiveBroker } from '../image/records.ts'
import { LeaderTerm } from './leader-term.ts'
import type { TermRules } from './leader-term.ts'

const rules: TermRules = { brokerId: 1, minInsyncReplicas: 1, onAllReplicas: false, lagMsMax: 1000 }

function live(...ids: readonly number[]): Map<number, LiveBroker> {
  const broker = {
    directoryId: '',
    host: '',
    port: 1,
    rack: '',
    version: '',
    status: 'serving',
    intactSince: 0,
  } as const
  return new Map(ids.map((id) => [id, { ...broker, id, epoch: 100 + id }]))
}

function inSync(...ids: readonly number[]): PartitionState {
  const state = newPartition(
    0,
    [1, 2, 3],
    new Map([
      [1, 101],
      [2, 102],
      [3, 103],
    ]),
  )
  return { ...state, inSyncReplicas: ids, modRevision: 7 }
}

function fetch(
  term: LeaderTerm,
  replicaId: number,
  fetchOffset: number,
  leaderEnd: number,
  nowMs: number,
  epoch = 100 + replicaId,
  logStartOffset = 0,
): void {
  term.note(
    { replicaId, replicaEpoch: epoch, fetchOffset, currentLeaderEpoch: 0, lastFetchedEpoch: 0, logStartOffset },
    leaderEnd,
    nowMs,
  )
}

const emptyLog = { startOffset: 0, endOffset: 0 }

describe('the high watermark of a term', () => {
  const all = live(1, 2, 3)

  it('is the least durable end of the in-sync replicas', () => {
    const term = new LeaderTerm(inSync(1, 2, 3), emptyLog, 0)
    equal(term.highWatermark(0, 10, 0, rules, all), 0, 'nobody has fetched')
    fetch(term, 2, 8, 10, 0)
    equal(term.highWatermark(0, 10, 0, rules, all), 0)
    fetch(term, 3, 5, 10, 0)
    equal(term.highWatermark(0, 10, 0, rules, all), 5)
    equal(term.highWatermark(6, 10, 0, rules, all), 6, 'it never goes back')
  })

  it('does not wait for a replica that is out of sync and behind', () => {
    const term = new LeaderTerm(inSync(1, 2), emptyLog, 0)
    fetch(term, 2, 10, 10, 0)
    fetch(term, 3, 2, 10, 0)
    equal(term.highWatermark(0, 10, 0, rules, all), 10)
  })

  it('waits for a replica that is about to join, while it is alive', () => {
    const term = new LeaderTerm(inSync(1, 2), emptyLog, 0)
    fetch(term, 2, 12, 12, 0)
    fetch(term, 3, 10, 10, 0)
    equal(term.highWatermark(0, 12, 500, rules, all), 10)
    equal(term.highWatermark(0, 12, 500, rules, live(1, 2)), 12)
    equal(term.highWatermark(0, 12, 1500, rules, all), 12, 'only for so long')
  })

  it('stands still while fewer than min.insync.replicas are in sync (KAFKA-15583)', () => {
    const term = new LeaderTerm(inSync(1), emptyLog, 0)
    equal(term.highWatermark(3, 10, 0, { ...rules, minInsyncReplicas: 2 }, all), 3)
    equal(term.highWatermark(3, 10, 0, rules, all), 10)
  })

  it('stands still while a replica out of sync is eligible, also under a minimum that was lowered since', () => {
    const term = new LeaderTerm({ ...inSync(1), eligible: [2] }, emptyLog, 0)
    equal(term.highWatermark(3, 10, 0, rules, all), 3)
  })

  it('counts additions as soon as they are proposed, removals only when they are stored', () => {
    const term = new LeaderTerm(inSync(1, 2), emptyLog, 0)
    fetch(term, 3, 10, 10, 0)
    fetch(term, 2, 10, 10, 0)
    const proposal = term.proposal(10, 10, 0, rules, all)!
    deepStrictEqual(proposal.inSyncReplicas, [1, 2, 3])
    term.propose(proposal)
    fetch(term, 2, 20, 20, 2000)
    equal(term.highWatermark(10, 20, 9000, rules, live(1, 2)), 10, 'the one that joins holds it back, alive or not')
    term.update({ ...proposal, inSyncReplicas: [1, 2], modRevision: 8 }, 9000)
    equal(term.highWatermark(10, 20, 9000, rules, all), 20)
  })

  it('waits for every assigned replica where the topic wants that (W4)', () => {
    const term = new LeaderTerm(inSync(1, 2), emptyLog, 0)
    fetch(term, 2, 10, 10, 0)
    fetch(term, 3, 4, 10, 0)
    equal(term.highWatermark(0, 10, 5000, { ...rules, onAllReplicas: true }, live(1, 2)), 4)
  })
})

describe('the ISR that a term proposes', () => {
  const all = live(1, 2, 3)

  it('loses a follower that has been behind for longer than the lag time', () => {
    const term = new LeaderTerm(inSync(1, 2, 3), emptyLog, 0)
    fetch(term, 2, 10, 10, 900)
    fetch(term, 3, 9, 10, 900)
    equal(term.proposal(0, 10, 1000, rules, all), undefined)
    deepStrictEqual(term.proposal(0, 10, 1001, rules, all)?.inSyncReplicas, [1, 2])
  })

  it('keeps a follower that always has what the leader had a fetch ago', () => {
    const term = new LeaderTerm(inSync(1, 2, 3), emptyLog, 0)
    for (let nowMs = 0; nowMs <= 5000; nowMs += 500) {
      fetch(term, 2, nowMs, nowMs, nowMs)
      fetch(term, 3, Math.max(0, nowMs - 500), nowMs, nowMs)
    }
    equal(term.proposal(0, 5000, 5400, rules, all), undefined)
  })

  it('gains only who has the high watermark and the start of the term, under its registered epoch, and stays', () => {
    const join = (end: number, epoch: number, brokers = all): readonly number[] | undefined => {
      const term = new LeaderTerm(inSync(1, 2), { startOffset: 0, endOffset: 10 }, 0)
      fetch(term, 2, 12, 12, 0)
      fetch(term, 3, 0, end, 0, epoch)
      fetch(term, 3, end, 12, 0, epoch)
      return term.proposal(8, 12, 0, rules, brokers)?.inSyncReplicas
    }
    deepStrictEqual(join(10, 103), [1, 2, 3])
    equal(join(9, 103), undefined, 'it has the high watermark but not what the leader began with (KIP-966)')
    equal(join(12, 99), undefined, 'an epoch from before its restart (KIP-903)')
    equal(join(12, 103, live(1, 2)), undefined)
    const stopping = new Map(all).set(3, { ...all.get(3)!, status: 'stopping' })
    equal(join(12, 103, stopping), undefined)
  })

  it('gains nobody who has not deleted what an earlier term of the leader had (seed 4002232: deleted records came back)', () => {
    const term = new LeaderTerm(inSync(1), { startOffset: 8, endOffset: 12 }, 0)
    fetch(term, 2, 12, 12, 0, 102, 0)
    equal(term.proposal(12, 12, 0, rules, all), undefined)
    fetch(term, 2, 12, 12, 0, 102, 8)
    deepStrictEqual(term.proposal(12, 12, 0, rules, all)?.inSyncReplicas, [1, 2])
  })

  it('changes one step at a time', () => {
    const term = new LeaderTerm(inSync(1, 2), emptyLog, 0)
    fetch(term, 3, 10, 10, 0)
    const proposal = term.proposal(10, 10, 0, rules, all)!
    term.propose(proposal)
    equal(term.proposal(10, 10, 5000, rules, all), undefined)
    term.withdraw()
    fetch(term, 3, 10, 10, 0)
    deepStrictEqual(term.proposal(10, 10, 0, rules, all), proposal)
  })

  it('does not take back at once who has just left: not before it fetches again', () => {
    const term = new LeaderTerm(inSync(1, 2), emptyLog, 0)
    fetch(term, 2, 0, 10, 0)
    const shrunk = term.proposal(0, 10, 2000, rules, all)!
    term.update({ ...shrunk, modRevision: 8 }, 2000)
    equal(term.proposal(0, 10, 2000, rules, all), undefined)
    fetch(term, 2, 0, 10, 2100)
    equal(term.proposal(0, 10, 2100, rules, all), undefined, 'it would have to leave again at once')
    fetch(term, 2, 10, 10, 2200)
    deepStrictEqual(term.proposal(0, 10, 2100, rules, all)?.inSyncReplicas, [1, 2])
  })

  it('below min.insync.replicas, remembers who left as eligible, and forgets it when enough are back', () => {
    const strict = { ...rules, minInsyncReplicas: 2 }
    const term = new LeaderTerm(inSync(1, 2), emptyLog, 0)
    const shrunk = term.proposal(0, 10, 2000, strict, all)!
    deepStrictEqual([shrunk.inSyncReplicas, shrunk.eligible], [[1], [2]])
    term.update({ ...shrunk, modRevision: 8 }, 2000)
    fetch(term, 3, 10, 10, 2000)
    const grown = term.proposal(0, 10, 2000, strict, all)!
    deepStrictEqual([grown.inSyncReplicas, grown.eligible], [[1, 3], []])
  })

  it('ignores news that are older than what it knows', () => {
    const term = new LeaderTerm(inSync(1, 2, 3), emptyLog, 0)
    term.update({ ...inSync(1, 2), modRevision: 9 }, 0)
    term.update({ ...inSync(1, 2, 3), modRevision: 8 }, 0)
    deepStrictEqual(term.state.inSyncReplicas, [1, 2])
  })
})
