import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerError } from '../errors/errors.ts'
import { baseOffsetOf, lastOffsetOf, recordCountOf } from '../record/batch.ts'
import type { Acknowledgement, AcknowledgeType } from './queue-messages.ts'
import { queueId, QueueWorld } from './testing/queue-world.ts'

async function say(
  world: QueueWorld,
  memberId: string,
  first: number,
  last: number,
  type: AcknowledgeType,
  details: Pick<Acknowledgement, 'retryDelayMs' | 'rejectReason'> = {},
): Promise<string | undefined> {
  const each = { firstOffset: first, lastOffset: last, types: [type], ...details }
  return world.eventually(world.queues.acknowledge(queueId, memberId, [each]))
}

describe('queues on the leader', () => {
  it('give each message to one member, whole batches at a time', async () => {
    const world = await QueueWorld.make()
    await world.append(10, 10, 10)
    deepEqual(await world.acquire('a', { recordsMax: 5 }), ['0-9 x1'])
    deepEqual(await world.acquire('b', { recordsMax: 11 }), ['10-29 x1'])
    deepEqual(await world.acquire('a'), [])
    equal(world.partition.readsOpen, 0)
  })

  it('give no more than was asked for where that is the limit', async () => {
    const world = await QueueWorld.make()
    await world.append(10, 10)
    deepEqual(await world.acquire('a', { recordsMax: 4, mode: 'record-limit' }), ['0-3 x1'])
    deepEqual(await world.acquire('b', { recordsMax: 9, mode: 'record-limit' }), ['4-12 x1'])
  })

  it('send the batches that the messages lie in, and no others', async () => {
    const world = await QueueWorld.make()
    await world.append(3, 3, 3)
    await world.acquire('a')
    equal(await say(world, 'a', 3, 5, 'accept'), undefined)
    await say(world, 'a', 0, 2, 'release')
    await say(world, 'a', 6, 8, 'release')
    const request = { ...queueId, memberId: 'b', recordsMax: 50, bytesMax: 1 << 20, atLeastOne: true }
    const acquired = await world.acquireRaw({ ...request, mode: 'batch-optimized' })
    deepEqual(
      acquired.ranges.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset]),
      [
        [0, 2],
        [6, 8],
      ],
    )
    equal(acquired.chunks.length, 2)
    equal(acquired.bytes, acquired.chunks[0]!.length * 2)
    ok(world.partition.readsOpen > 0)
    acquired.release()
    equal(world.partition.readsOpen, 0)
  })

  it('send of a large batch no more than a member gets', async () => {
    const world = await QueueWorld.make()
    await world.append(1000)
    const request = { ...queueId, recordsMax: 20, bytesMax: 1 << 20, atLeastOne: true, mode: 'record-limit' as const }
    for (const [memberId, first] of [['a', 0] as const, ['b', 20] as const]) {
      const { chunks, ranges, release } = await world.acquireRaw({ ...request, memberId })
      deepEqual([ranges[0]?.firstOffset, chunks.length, baseOffsetOf(chunks[0]!, 0)], [first, 1, 0])
      deepEqual([recordCountOf(chunks[0]!, 0), lastOffsetOf(chunks[0]!, 0)], [20, first + 19])
      ok(chunks[0]!.length < 2000)
      release()
    }
  })

  it('answer an acknowledgement once it is written, and begin behind it after a crash', async () => {
    const world = await QueueWorld.make()
    await world.append(10)
    await world.acquire('a')
    world.log.held = true
    const answered = world.queues.acknowledge(queueId, 'a', [{ firstOffset: 0, lastOffset: 4, types: ['accept'] }])
    let isAnswered = false
    void answered.then(() => (isAnswered = true))
    await world.run(10)
    equal(isAnswered, false)
    world.log.held = false
    world.log.release()
    equal(await world.eventually(answered), undefined)
    await world.restart()
    deepEqual(await world.acquire('b'), ['5-9 x1'])
  })

  it('refuse what the member does not hold, and then change nothing', async () => {
    const world = await QueueWorld.make()
    await world.append(10)
    await world.acquire('a')
    equal(await say(world, 'b', 0, 4, 'accept'), 'invalid-record-state')
    equal(await say(world, 'a', 5, 12, 'accept'), 'invalid-record-state')
    const unordered = [
      { firstOffset: 5, lastOffset: 6, types: ['accept' as const] },
      { firstOffset: 1, lastOffset: 2, types: ['accept' as const] },
    ]
    equal(await world.queues.acknowledge(queueId, 'a', unordered), 'invalid-request')
    equal(await say(world, 'a', 0, 9, 'accept'), undefined)
    equal(await say(world, 'a', 0, 9, 'accept'), undefined, 'what is settled may be settled again')
  })

  it('take a lock that runs out back, count the delivery, and keep one that is renewed', async () => {
    const world = await QueueWorld.make({ lockDurationMs: 1000 })
    await world.append(4)
    await world.acquire('a')
    await world.run(900)
    await say(world, 'a', 2, 3, 'renew')
    await world.run(200)
    deepEqual(await world.acquire('b'), ['0-1 x2'])
    equal(world.counts.lockExpiries, 2)
    equal(await say(world, 'a', 0, 1, 'accept'), 'invalid-record-state')
    equal(await say(world, 'a', 2, 3, 'accept'), undefined)
  })

  it('tell who waits of new messages, of those that come back, and of a fault', async () => {
    const world = await QueueWorld.make({ lockDurationMs: 1000 })
    let count = 0
    const forget = world.queues.onAvailable(queueId, () => count++)
    const told = async (what: () => Promise<unknown>): Promise<number> => {
      await world.run()
      const before = count
      await what()
      return count - before
    }
    await world.run(10)
    ok((await told(() => world.append(3))) > 0)
    equal(world.queues.isAvailable(queueId), true)
    await world.acquire('a')
    equal(world.queues.isAvailable(queueId), false)
    ok((await told(() => world.run(1100))) > 0, 'the lock has run out')
    await world.acquire('a')
    const leave = () => world.eventually(world.queues.releaseMember('g', 'a', { isAttempt: false }))
    ok((await told(leave)) > 0, 'a member has left')
    const lost = async (): Promise<void> => {
      world.led = undefined
      world.queues.leadershipChanged(queueId.topicId, 0)
    }
    ok((await told(lost)) > 0, 'leadership is lost')
    forget()
    await rejects(world.acquire('a'), { code: 'not-leader' })
  })

  it('say that there is nothing only where a request would find nothing and would not fail', async () => {
    const world = await QueueWorld.make({ lockCountMax: 3 })
    equal(world.queues.hasNothing(queueId), false, 'it is not loaded')
    await world.acquire('a')
    equal(world.queues.hasNothing(queueId), true)
    await world.append(3, 3)
    equal(world.queues.hasNothing(queueId), false)
    await world.acquire('a')
    equal(world.queues.hasNothing(queueId), true, 'members hold all they may')
    await world.partition.deleteRecordsBefore(2)
    equal(world.queues.hasNothing(queueId), false, 'two of those are gone, and make room')
    deepEqual(await world.acquire('b'), ['3-4 x1'])
    equal(world.queues.hasNothing(queueId), true)
    world.led = undefined
    equal(world.queues.hasNothing(queueId), false, 'whoever asks is told that somebody else leads')
  })

  it('give no more than members may hold, and tell when some of it is done', async () => {
    const world = await QueueWorld.make({ lockCountMax: 5 })
    await world.append(10)
    deepEqual(await world.acquire('a'), ['0-4 x1'])
    deepEqual(await world.acquire('b'), [])
    equal(world.queues.isAvailable(queueId), false)
    let count = 0
    world.queues.onAvailable(queueId, () => count++)
    await world.run()
    count = 0
    await say(world, 'a', 0, 2, 'accept')
    ok(count > 0)
    deepEqual(await world.acquire('b'), ['5-7 x1'])
  })

  it('count a delivery to a member that was lost, but not what a leaving one never looked at', async () => {
    const world = await QueueWorld.make()
    await world.append(2)
    await world.acquire('a')
    await world.eventually(world.queues.releaseMember('g', 'a', { isAttempt: false }))
    deepEqual(await world.acquire('b'), ['0-1 x1'])
    await world.eventually(world.queues.releaseMember('g', 'b', { isAttempt: true }))
    deepEqual(await world.acquire('c'), ['0-1 x2'])
  })

  it('wait before a retry, and let the others pass meanwhile', async () => {
    const world = await QueueWorld.make({ retryBackoffMs: 1000, retryBackoffMsMax: 3000, deliveryCountMax: 9 })
    await world.append(3)
    await world.acquire('a')
    await say(world, 'a', 0, 0, 'release')
    await say(world, 'a', 1, 1, 'release', { retryDelayMs: 5000 })
    await say(world, 'a', 2, 2, 'accept')
    await world.append(2)
    deepEqual(await world.acquire('a'), ['3-4 x1'])
    await world.run(900)
    deepEqual(await world.acquire('a'), [])
    await world.run(200)
    deepEqual(await world.acquire('a'), ['0-0 x2'])
    await say(world, 'a', 0, 0, 'release')
    await world.run(1900)
    deepEqual(await world.acquire('a'), [])
    await world.run(200)
    deepEqual(await world.acquire('a'), ['0-0 x3'])
    await world.run(3000)
    deepEqual(await world.acquire('a'), ['1-1 x2'])
  })

  it('put what is given up among the dead letters before it is archived, again and again until that is done', async () => {
    const world = await QueueWorld.make({ deadLetterTopic: 'dead', deliveryCountMax: 2, lockDurationMs: 1000 })
    await world.append(2)
    await world.acquire('a')
    world.deadFault = new BrokerError('unknown-topic')
    equal(await say(world, 'a', 0, 0, 'reject'), 'unknown-topic')
    await world.run(1100)
    deepEqual(await world.acquire('a'), ['1-1 x2'])
    await world.run(1100)
    deepEqual(await world.acquire('a'), [])
    world.deadFault = undefined
    await world.run(3000)
    deepEqual(
      world.dead.map(({ first, reason, deliveryCount }) => [first, reason, deliveryCount]),
      [
        [0, 'rejected', 1],
        [1, 'delivery-limit', 2],
      ],
    )
    equal(world.counts.deadLettered, 2)
    equal((await world.queues.summary(queueId))?.startOffset, 2)
  })

  it('give the reason of each reject to its dead letter, also when that could not be written at first', async () => {
    const world = await QueueWorld.make({ deadLetterTopic: 'dead' })
    await world.append(5)
    await world.acquire('a')
    world.deadFault = new BrokerError('unknown-topic')
    const saying = [0, 1, 2, 3].map((offset) =>
      say(world, 'a', offset, offset, 'reject', { rejectReason: offset < 2 ? 'too old' : 'too long' }),
    )
    deepEqual(new Set(await Promise.all(saying)), new Set(['unknown-topic']))
    world.deadFault = undefined
    equal(await say(world, 'a', 4, 4, 'reject'), undefined)
    await world.run(3000)
    const reasons = world.dead.flatMap(({ first, last, reason }) =>
      Array.from({ length: last - first + 1 }, (_, at) => [first + at, reason] as const),
    )
    deepEqual(Object.fromEntries(reasons), { 0: 'too old', 1: 'too old', 2: 'too long', 3: 'too long', 4: 'rejected' })
    equal(reasons.length, 5)
  })

  it('let the lock run on if an acknowledgement cannot be written', async () => {
    const world = await QueueWorld.make()
    await world.append(2)
    await world.acquire('a')
    world.log.failure = { code: 'storage', kept: false }
    equal(await say(world, 'a', 0, 1, 'accept'), 'storage')
    world.log.failure = null
    deepEqual(await world.acquire('b'), [])
    equal(await say(world, 'a', 0, 1, 'accept'), undefined)
  })

  it('keep the count of what came back while nothing could be written, and write it later', async () => {
    const world = await QueueWorld.make({ lockDurationMs: 1000 })
    await world.append(2)
    await world.acquire('a')
    world.log.failure = { code: 'storage', kept: false }
    await world.run(5000)
    world.log.failure = null
    deepEqual(await world.acquire('b'), ['0-1 x2'])
    world.log.failure = { code: 'storage', kept: false }
    await world.run(1500)
    world.log.failure = null
    await world.run(1500)
    await world.restart()
    deepEqual(await world.acquire('c'), ['0-1 x3'])
  })

  it('forget everything when somebody else has claimed the queue, and when its progress is set anew', async () => {
    const world = await QueueWorld.make()
    await world.append(6)
    await world.acquire('a')
    await world.eventually(world.stateLog.read(queueId, 7))
    equal(await say(world, 'a', 0, 1, 'accept'), 'fenced-leader-epoch')
    world.partition.startEpoch(8)
    deepEqual(await world.acquire('a'), ['0-5 x1'])
    await world.eventually(world.queues.reset(queueId, 4))
    equal(await say(world, 'a', 0, 1, 'accept'), undefined, 'what lies before the new start is settled')
    deepEqual(await world.acquire('a'), ['4-5 x1'])
    await world.eventually(world.queues.forget(queueId))
    deepEqual(await world.acquire('a'), ['0-5 x1'])
  })

  it('begin at the end if the group says so, and stay there', async () => {
    const world = await QueueWorld.make({ offsetReset: { kind: 'latest' } })
    await world.append(5)
    deepEqual(await world.acquire('a'), [])
    await world.append(2)
    await world.restart()
    deepEqual(await world.acquire('a'), ['5-6 x1'])
  })

  it('do not give what deletion has taken, nor hold on to it', async () => {
    const world = await QueueWorld.make()
    await world.append(5, 5)
    await world.acquire('a', { recordsMax: 1 })
    await world.partition.deleteRecordsBefore(7)
    deepEqual(await world.acquire('b'), ['7-9 x1'])
    equal(await say(world, 'a', 0, 4, 'accept'), undefined)
  })

  it('store where they begin once deletion has moved that, though nobody says anything', async () => {
    const world = await QueueWorld.make()
    await world.append(3, 3)
    await world.acquire('a')
    equal(await say(world, 'a', 3, 5, 'accept'), undefined)
    equal((await world.stateLog.summary(queueId))?.startOffset, 0)
    world.partition.logStartOffset = 3
    deepEqual(await world.acquire('b'), [])
    await world.run()
    equal((await world.stateLog.summary(queueId))?.startOffset, 6)
  })

  it('confirm nothing for a start that deletion has moved and nobody has stored: a successor may not know of it', async () => {
    const world = await QueueWorld.make()
    await world.append(10)
    await world.acquire('a')
    world.log.failure = { code: 'storage', kept: false }
    world.partition.logStartOffset = 5
    equal(await say(world, 'a', 0, 4, 'accept'), 'storage')
    equal(await say(world, 'a', 0, 4, 'accept'), 'storage', 'also where that write was made before')
    world.log.failure = null
    world.partition.logStartOffset = 0
    await world.restart()
    deepEqual(await world.acquire('b'), ['0-9 x1'])
  })

  it('confirm what lies before a start that deletion has moved once that start is stored', async () => {
    const world = await QueueWorld.make()
    await world.append(10)
    await world.acquire('a')
    world.log.held = true
    world.partition.logStartOffset = 5
    const answered = world.queues.acknowledge(queueId, 'a', [{ firstOffset: 2, lastOffset: 4, types: ['accept'] }])
    let isAnswered = false
    void answered.then(() => (isAnswered = true))
    await world.run(10)
    equal(isAnswered, false)
    world.log.held = false
    world.log.release()
    equal(await world.eventually(answered), undefined)
    world.partition.logStartOffset = 0
    await world.restart()
    deepEqual(await world.acquire('b'), ['5-9 x1'])
  })

  it('store a start that deletion has moved again and again until that is done', async () => {
    const world = await QueueWorld.make()
    await world.append(10)
    await world.acquire('a')
    world.log.failure = { code: 'storage', kept: false }
    world.partition.logStartOffset = 5
    deepEqual(await world.acquire('b'), [])
    await world.run(2500)
    world.log.failure = null
    equal((await world.stateLog.summary(queueId))?.startOffset, 0)
    await world.run(1500)
    equal((await world.stateLog.summary(queueId))?.startOffset, 5)
  })

  it('keep nobody waiting whose leader does not know how far the partition goes, and tell who listens once it does', async () => {
    const world = await QueueWorld.make()
    await world.append(3)
    world.partition.isSettled = false
    const request = { ...queueId, memberId: 'a', recordsMax: 5, bytesMax: 1 << 20, atLeastOne: true }
    const acquire = () => world.acquireRaw({ ...request, mode: 'batch-optimized' })
    const isNotReady = (error: unknown): boolean =>
      error instanceof BrokerError && error.code === 'leader-not-available'
    await rejects(acquire(), isNotReady)
    equal(await say(world, 'a', 0, 2, 'accept'), 'leader-not-available')
    let count = 0
    const forget = world.queues.onAvailable(queueId, () => count++)
    await world.run(10_000)
    await rejects(acquire(), isNotReady)
    equal(count, 0)
    world.partition.isSettled = true
    await world.append(1)
    ok(count > 0)
    deepEqual(await world.acquire('a'), ['0-3 x1'])
    forget()
  })

  it('settle what compaction has taken, and go on behind it', async () => {
    const world = await QueueWorld.make()
    await world.append(3, 3, 3)
    await world.acquire('a')
    await say(world, 'a', 0, 2, 'release')
    equal(await say(world, 'a', 3, 5, 'accept'), undefined)
    await say(world, 'a', 6, 8, 'release')
    world.partition.removeBatch(0)
    world.partition.removeBatch(3)
    deepEqual(await world.acquire('b'), ['6-8 x2'])
    equal(await say(world, 'b', 6, 8, 'accept'), undefined)
    equal((await world.stateLog.summary(queueId))?.startOffset, 9)
  })

  it('settle what the group does not want without delivering it', async () => {
    const world = await QueueWorld.make({ deadLetterTopic: 'dead' })
    world.judge = {
      judge: () => ['deliver', 'filtered', 'filtered', 'expired', undefined, 'deliver'],
    }
    await world.append(6)
    deepEqual(await world.acquire('a'), ['0-0 x1', '5-5 x1'])
    await say(world, 'a', 0, 0, 'accept')
    await say(world, 'a', 5, 5, 'accept')
    await world.run(10)
    deepEqual([world.counts.filtered, world.counts.expired, world.counts.deadLettered], [2, 1, 1])
    equal((await world.queues.summary(queueId))?.startOffset, 6)
  })

  it('are forgotten when nobody uses them, and are the same afterwards', async () => {
    const world = await QueueWorld.make()
    await world.append(4)
    await world.acquire('a')
    await say(world, 'a', 1, 2, 'accept')
    await say(world, 'a', 0, 0, 'release')
    await say(world, 'a', 3, 3, 'release')
    await world.run(120_000)
    deepEqual([...world.queues.queues()], [])
    deepEqual(await world.acquire('a'), ['0-0 x2', '3-3 x2'])
  })

  it('notice that their progress was set anew elsewhere while nobody used them', async () => {
    const world = await QueueWorld.make()
    await world.append(6)
    await world.acquire('a')
    await say(world, 'a', 0, 5, 'accept')
    await world.eventually(world.stateLog.initialize(queueId, 1, 3))
    await world.run(5000)
    deepEqual(await world.acquire('a'), ['3-5 x1'])
  })

  it('do not hand out what took so long to read that somebody else leads', async () => {
    const world = await QueueWorld.make()
    await world.append(3)
    await world.acquire('a')
    await world.eventually(world.queues.releaseMember('g', 'a', { isAttempt: false }))
    await world.acquire('b', { recordsMax: 1, mode: 'record-limit' })
    world.partition.slowReads = true
    const request = { ...queueId, memberId: 'a', recordsMax: 9, bytesMax: 1 << 20, atLeastOne: true }
    const acquiring = world.acquireRaw({ ...request, mode: 'batch-optimized' })
    const refused = rejects(acquiring, { code: 'not-leader' })
    world.led = undefined
    world.queues.leadershipChanged(queueId.topicId, 0)
    await world.run(10)
    await refused
    equal(world.partition.readsOpen, 0)
  })

  it('bury many at once without reading them all at the same time', async () => {
    const world = await QueueWorld.make({ deadLetterTopic: 'dead' })
    await world.append(100)
    await world.acquire('a')
    const every = Array.from({ length: 50 }, (_, at) => at * 2)
    const rejected = every.map((at) => ({ firstOffset: at, lastOffset: at, types: ['reject' as const] }))
    equal(await world.eventually(world.queues.acknowledge(queueId, 'a', rejected)), undefined)
    deepEqual(
      world.dead.map(({ first }) => first),
      every,
    )
  })
})
