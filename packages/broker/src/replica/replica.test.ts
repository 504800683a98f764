import { deepStrictEqual, ok, rejects, strictEqual as equal } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { partitionKey } from '../image/keys.ts'
import { encodePartition } from '../image/partition-state.ts'
import type { AppendFault } from '../topic/partition.ts'
import { append, batchOf, ReplicaWorld, topicId } from './testing/replica-world.ts'

async function world(configs: Record<string, string> = {}, brokerCount = 3): Promise<ReplicaWorld> {
  const made = await new ReplicaWorld(1, brokerCount, configs).begin()
  await made.createTopic()
  await made.until(() => made.brokers[0]!.leads() !== undefined)
  return made
}

/** Outcome of a wait for the high watermark. */
function committed(
  w: ReplicaWorld,
  endOffset: number,
  broker = 0,
): { fault: AppendFault | undefined; isDone: boolean } {
  const outcome = { fault: undefined as AppendFault | undefined, isDone: false }
  w.brokers[broker]!.leads()!.whenCommitted(endOffset, (fault) => Object.assign(outcome, { fault, isDone: true }))
  return outcome
}

describe('a replicated partition', () => {
  it('commits when all in-sync replicas have the record on disk, and followers learn of it', async () => {
    const w = await world()
    const leader = w.brokers[0]!.leads()!
    const { endOffset } = append(leader, 'one')
    const outcome = committed(w, endOffset)
    await w.until(() => outcome.isDone)
    equal(outcome.fault, undefined)
    for (const broker of w.brokers) ok(broker.replica()!.durableOffset >= 1, `on the disk of ${broker.id}`)
    await w.until(() => w.brokers.every((broker) => broker.replica()!.highWatermark === 1))
  })

  it('W1: gives followers nothing that is not on the disk of the leader', async () => {
    const w = await world()
    w.brokers[0]!.node.disk.stall()
    append(w.brokers[0]!.leads()!, 'one')
    await w.scheduler.runFor(3000)
    for (const broker of w.brokers.slice(1)) equal(broker.replica()!.logEndOffset, 0)
    w.brokers[0]!.node.disk.release()
    await w.until(() => w.brokers.every((broker) => broker.replica()!.highWatermark === 1))
  })

  it('does not commit while an in-sync follower is held back, then without it when the lag time is over', async () => {
    const w = await world()
    await w.scheduler.runFor(500)
    for (const one of ['3>1', '1>3']) w.cuts.add(one)
    const outcome = committed(w, append(w.brokers[0]!.leads()!, 'one').endOffset)
    await w.scheduler.runFor(400)
    equal(outcome.isDone, false)
    await w.until(() => outcome.isDone, 5000)
    deepStrictEqual((await w.state()).inSyncReplicas, [1, 2])
    w.cuts.clear()
    await w.until(() => w.brokers[0]!.leads()!.state.inSyncReplicas.length === 3)
    deepStrictEqual(new Set((await w.state()).inSyncReplicas), new Set([1, 2, 3]))
  })

  it('refuses acks=all below min.insync.replicas, and does not commit what was already taken', async () => {
    const w = await world({ 'min.insync.replicas': '2' })
    for (const id of [2, 3]) for (const one of [`${id}>1`, `1>${id}`]) w.cuts.add(one)
    const leader = w.brokers[0]!.leads()!
    const outcome = committed(w, append(leader, 'one').endOffset)
    await w.until(() => leader.state.inSyncReplicas.length === 1, 5000)
    equal(outcome.isDone, false)
    equal((leader.append(batchOf('two'), true, -1) as AppendFault).code, 'not-enough-replicas')
    deepStrictEqual(new Set(leader.state.eligible), new Set([2, 3]))
    w.cuts.clear()
    await w.until(() => outcome.isDone)
    equal(outcome.fault, undefined)
  })

  it('goes on under another leader with all that was committed, and cuts what was not', async () => {
    const w = await world()
    const [first, second, third] = w.brokers as [(typeof w.brokers)[0], (typeof w.brokers)[0], (typeof w.brokers)[0]]
    const outcome = committed(w, append(first.leads()!, 'kept').endOffset)
    await w.until(() => outcome.isDone)
    for (const id of [2, 3]) for (const one of [`${id}>1`, `1>${id}`]) w.cuts.add(one)
    const lost = committed(w, append(first.leads()!, 'never committed').endOffset)
    await w.scheduler.runFor(100)
    await w.unregister(first)
    await w.elect()
    await w.until(() => second.leads() !== undefined && first.leads() === undefined)
    equal(lost.fault?.code, 'not-leader')
    equal(second.leads()!.logEndOffset, 1)
    const next = committed(w, append(second.leads()!, 'of the second').endOffset, 1)
    await w.until(() => next.isDone)
    equal(next.fault, undefined)
    w.cuts.clear()
    await w.register(first)
    await w.until(() => first.replica()!.highWatermark === 2 && second.leads()!.state.inSyncReplicas.length === 3)
    deepStrictEqual(first.replica()!.log.epochs.entries(), second.replica()!.log.epochs.entries())
    equal(third.replica()!.logEndOffset, 2)
  })

  it('waits with a partition that moves for no request about others', async () => {
    const w = new ReplicaWorld(1)
    await w.begin()
    const count = 6
    await w.createTopic(count)
    const second = w.brokers[1]!
    for (let index = 0; index < count; index++) {
      // Until then, followers of the others wait at the second leader for news that do not come.
      await w.scheduler.runFor(500)
      await w.elect(index, [1])
      await w.until(() => second.leads(index) !== undefined)
      const startMs = w.scheduler.nowMs
      const { endOffset } = append(second.leads(index)!, 'one')
      await w.until(() => second.leads(index)!.highWatermark >= endOffset)
      ok(w.scheduler.nowMs - startMs < 60, `partition ${index} took ${w.scheduler.nowMs - startMs} ms`)
    }
  })

  it('a deposed leader that nobody told acknowledges nothing (two leaders at a time lose nothing)', async () => {
    const w = await world()
    const [first, second] = w.brokers as [(typeof w.brokers)[0], (typeof w.brokers)[0]]
    await w.scheduler.runFor(500)
    for (const id of [2, 3]) for (const one of [`${id}>1`, `1>${id}`]) w.cuts.add(one)
    first.feed!.close()
    await w.unregister(first)
    await w.elect()
    await w.until(() => second.leads() !== undefined)
    const outcome = committed(w, append(first.leads()!, 'lost').endOffset)
    await w.scheduler.runFor(10_000)
    equal(outcome.isDone, false)
    equal(first.leads()!.highWatermark, 0)
  })

  it('a restarted leader leads under a new epoch only', async () => {
    const w = await world()
    const first = w.brokers[0]!
    const outcome = committed(w, append(first.leads()!, 'one').endOffset)
    await w.until(() => outcome.isDone)
    w.crash(first, 'power')
    await w.start(first)
    await w.scheduler.runFor(1000)
    equal(first.leads(), undefined)
    const state = await w.elect()
    equal(state.leader, 1)
    await w.until(() => first.leads()?.highWatermark === 1)
  })

  it('begins anew at the start of the leader when what it has lies before it', async () => {
    const w = await world({ 'polylog.durability': 'fsync' })
    const [first, , third] = w.brokers as [(typeof w.brokers)[0], (typeof w.brokers)[0], (typeof w.brokers)[0]]
    const one = committed(w, append(first.leads()!, 'one').endOffset)
    await w.until(() => one.isDone)
    w.crash(third, 'power')
    await w.unregister(third)
    for (let i = 0; i < 20; i++) append(first.leads()!, `more ${i}`)
    await w.until(() => first.leads()!.highWatermark === 21, 5000)
    await w.scheduler.complete(first.leads()!.deleteRecordsBefore(15))
    await w.start(third)
    await w.until(() => third.replica()!.highWatermark === 21 && third.replica()!.logStartOffset === 15)
    await w.until(() => first.leads()!.state.inSyncReplicas.includes(3))
  })

  it('a replica with a damaged log leaves, and comes back with a copy of the leader', async () => {
    const w = await world()
    const [first, second, third] = w.brokers as [(typeof w.brokers)[0], (typeof w.brokers)[0], (typeof w.brokers)[0]]
    const one = committed(w, append(first.leads()!, 'one').endOffset)
    await w.until(() => one.isDone)
    third.replica()!.log.setDamaged({ what: 'a test has broken it', reachedOffset: 0 })
    first.replica()!.log.setDamaged({ what: 'and this one', reachedOffset: 0 })
    await w.register(third)
    await w.register(first)
    await w.until(() => second.leads() !== undefined)
    await w.until(() => second.leads()!.state.inSyncReplicas.length === 3)
    for (const broker of [first, third]) {
      equal(broker.replica()!.log.damage, undefined)
      equal(broker.replica()!.highWatermark, 1)
    }
  })

  it('damage that a read finds is mended from the others', async () => {
    const w = await world()
    const [first, second] = w.brokers as [(typeof w.brokers)[0], (typeof w.brokers)[0]]
    const text = 'x'.repeat(20_000)
    // More than the tail in memory holds.
    let end = 0
    while (end < 60) ({ endOffset: end } = append(first.leads()!, text))
    await w.until(() => first.leads()!.highWatermark === end && first.leads()!.log.tail.startOffset > 0)
    const rotten = first.node.disk.rot((path) => path.endsWith('/00000000000000000000.log'))
    ok(rotten !== undefined)
    const request = { offset: 0, bytesMax: 1000, atLeastOne: true }
    const reading = Promise.resolve(first.leads()!.readForReplica(request))
    await rejects(w.scheduler.complete(reading), { code: 'storage' })
    await w.until(() => second.leads()?.state.inSyncReplicas.length === 3)
    equal(first.replica()!.log.damage, undefined)
    const { bytes, release } = await w.scheduler.complete(Promise.resolve(first.replica()!.readForReplica(request)))
    ok(bytes > text.length)
    release()
  })

  it('damage that a read finds where nobody else has the records stops nothing', async () => {
    const w = await world({}, 1)
    const replica = w.brokers[0]!.leads()!
    let end = 0
    while (end < 60) ({ endOffset: end } = append(replica, 'x'.repeat(20_000)))
    await w.until(() => replica.highWatermark === end && replica.log.tail.startOffset > 0)
    ok(w.brokers[0]!.node.disk.rot((path) => path.endsWith('/00000000000000000000.log')) !== undefined)
    const reading = Promise.resolve(replica.readForReplica({ offset: 0, bytesMax: 1000, atLeastOne: true }))
    await rejects(w.scheduler.complete(reading), { code: 'storage' })
    equal(replica.log.damage, undefined)
    equal(append(replica, 'more').endOffset, end + 1)
  })

  it('lacks records that it had: nobody is told that it ends there (found by simulator seed 1000283)', async () => {
    const w = await world({}, 1)
    const replica = w.brokers[0]!.leads()!
    const { endOffset } = append(replica, 'left')
    await w.until(() => replica.highWatermark === endOffset)
    await w.scheduler.complete(w.brokers[0]!.store!.syncLog(replica.log))
    replica.log.setDamaged({ what: 'a test has taken it', reachedOffset: endOffset + 3 })
    equal(replica.highWatermark, endOffset + 3)
    const read = (offset: number) => async () =>
      replica.read({ offset, bytesMax: 1000, atLeastOne: true, isolation: 'read-uncommitted' })
    const { bytes, release } = await read(0)()
    ok(bytes > 0)
    release()
    for (const offset of [endOffset, endOffset + 1, endOffset + 9]) await rejects(read(offset), { code: 'storage' })
    await rejects(replica.deleteRecordsBefore(-1), { code: 'storage' })
    await rejects(replica.deleteRecordsBefore(endOffset + 1), { code: 'storage' })
    equal(await w.scheduler.complete(replica.deleteRecordsBefore(endOffset)), endOffset)
    equal(await replica.offsetOfMaxTimestamp(), undefined)
  })

  it('lacks records as the only one in sync: the others keep what they have, and do not replace it (seed 1000567)', async () => {
    const w = await world()
    const [first, second, third] = w.brokers as [(typeof w.brokers)[0], (typeof w.brokers)[0], (typeof w.brokers)[0]]
    for (const id of [2, 3]) for (const one of [`${id}>1`, `1>${id}`]) w.cuts.add(one)
    const outcome = committed(w, append(first.leads()!, 'left').endOffset)
    await w.until(() => outcome.isDone, 5000)
    deepStrictEqual((await w.state()).inSyncReplicas, [1])
    first.leads()!.log.setDamaged({ what: 'a test has taken it', reachedOffset: 4 })
    w.cuts.clear()
    // They fetch again, and have all that is left.
    await w.until(() => [second, third].every((broker) => broker.replica()!.logEndOffset === 1), 5000)
    await w.scheduler.runFor(3000)
    deepStrictEqual((await w.state()).inSyncReplicas, [1])
    equal(first.leads()?.highWatermark, 4)
  })

  it('leaves in a new leader epoch, or its fetches on the way would bring it back (found by simulator seed 200)', async () => {
    const w = await world()
    const [first, , third] = w.brokers as [(typeof w.brokers)[0], (typeof w.brokers)[0], (typeof w.brokers)[0]]
    const one = committed(w, append(first.leads()!, 'one').endOffset)
    await w.until(() => one.isDone)
    const { leaderEpoch } = first.leads()!
    third.replica()!.log.setDamaged({ what: 'a test has broken it', reachedOffset: 0 })
    third.manager!.register(third.epoch)
    await w.until(() => !first.leads()!.state.inSyncReplicas.includes(3))
    equal(first.leads()!.leaderEpoch, leaderEpoch + 1)
    await w.until(() => first.leads()!.state.inSyncReplicas.includes(3))
    equal(third.replica()!.durableOffset, 1)
  })

  it('comes back after it was taken away in the middle of an answer (found by simulator seed 222)', async () => {
    const w = await world()
    const [first, , third] = w.brokers as [(typeof w.brokers)[0], (typeof w.brokers)[0], (typeof w.brokers)[0]]
    await w.scheduler.runFor(500)
    third.node.disk.stall()
    append(first.leads()!, 'one')
    await w.until(() => third.replica()!.logEndOffset === 1)
    const key = partitionKey(topicId, 0)
    const { state } = first.leads()!
    const leaderEpoch = state.leaderEpoch + 1
    const without = { ...state, leaderEpoch, replicas: [1, 2], inSyncReplicas: [1, 2] }
    for (const next of [without, { ...without, replicas: [1, 2, 3] }]) {
      const put = { kind: 'put', key, value: encodePartition(next) } as const
      await w.scheduler.complete(w.metadata.transaction({ then: [put] }))
    }
    await w.until(() => first.leads()!.state.replicas.length === 3)
    third.node.disk.release()
    await w.until(() => first.leads()!.state.inSyncReplicas.includes(3))
    equal(third.replica()!.durableOffset, 1)
  })

  it('does not count what a follower has beyond the point where its log parts from the leader (found by SEED=137)', async () => {
    const w = await world()
    const [first, second] = w.brokers as [(typeof w.brokers)[0], (typeof w.brokers)[0]]
    await w.scheduler.runFor(500)
    for (const id of [2, 3]) for (const one of [`${id}>1`, `1>${id}`]) w.cuts.add(one)
    for (let i = 0; i < 4; i++) append(first.leads()!, 'never committed')
    await w.scheduler.runFor(100)
    await w.unregister(first)
    await w.elect()
    await w.until(() => second.leads() !== undefined)
    const leader = second.leads()!
    for (let i = 0; i < 4; i++) append(leader, `of the second ${i}`)
    await w.until(() => leader.durableOffset === 4)
    const fetch = {
      replicaId: 3,
      replicaEpoch: w.brokers[2]!.epoch,
      currentLeaderEpoch: leader.leaderEpoch,
      fetchOffset: 4,
      lastFetchedEpoch: 0,
      logStartOffset: 0,
    }
    equal(leader.noteFetch(fetch), undefined)
    equal(leader.term!.progressOf(3)!.endOffset < 4, true)
  })

  it('polylog.acks.replicas=all: waits for every replica, in sync or not (W4, V2)', async () => {
    const w = await world({ 'polylog.acks.replicas': 'all' })
    await w.scheduler.runFor(500)
    for (const one of ['3>1', '1>3']) w.cuts.add(one)
    const outcome = committed(w, append(w.brokers[0]!.leads()!, 'one').endOffset)
    await w.scheduler.runFor(10_000)
    deepStrictEqual((await w.state()).inSyncReplicas, [1, 2])
    equal(outcome.isDone, false)
    const read = await w.brokers[0]!.leads()!.read({
      offset: 0,
      bytesMax: 1000,
      atLeastOne: true,
      isolation: 'read-uncommitted',
    })
    equal(read.bytes, 0, 'nobody sees it')
    w.cuts.clear()
    await w.until(() => outcome.isDone)
  })
})
