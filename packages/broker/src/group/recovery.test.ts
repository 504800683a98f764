import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encode, GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue, Writer } from '@polylog/wire'
import { BrokerError } from '../errors/errors.ts'
import { assemble, Consumer, settle } from './testing/consumer.ts'
import { flush } from './testing/manual-clock.ts'
import { MemoryGroupLog } from './testing/memory-group-log.ts'
import { bytes, groupIn, subscription, World } from './testing/world.ts'

describe('a coordinator that crashes', () => {
  it('at any point of a rebalance comes back with the last stored state, and members find together again', async () => {
    // Steps of a second member's arrival in a stable group of one. After each, the broker dies.
    const stepCount = 7
    for (let crashAfter = 0; crashAfter <= stepCount; crashAfter++) {
      for (const keptCount of [0, 1]) {
        const world = await World.make()
        const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob')]
        await assemble(ann)
        await ann.commit(10)
        const stable = world.state('g')
        const steps = [
          () => bob.join(),
          () => ann.join(),
          () => bob.sync(),
          () => Promise.resolve((world.log.held = true)),
          () => ann.sync(),
          () => Promise.resolve(world.log.release()),
          () => Promise.resolve((world.log.held = false)),
        ]
        assert.equal(steps.length, stepCount)
        for (const step of steps.slice(0, crashAfter)) await step()
        await flush()
        world.log.held = false
        const waiting = world.log.waiting.length
        await world.crash(keptCount)
        // Both states are right for a write whose answer nobody got; before and after it there is but one.
        const stored = crashAfter >= 6 || (waiting === 1 && keptCount === 1)
        if (stored) assert.equal(world.coordinator.describe(['g'])[0]!.members.length, 2)
        else assert.deepEqual(world.state('g'), stable)
        assert.equal(world.offset('g'), 10)
        for (const consumer of [ann, bob]) {
          if (consumer.joined?.error === 'not-coordinator') consumer.memberId = bob === consumer ? '' : ann.memberId
        }
        await reunite(world, ann, bob)
        assert.equal(await ann.commit(11), null)
        assert.equal(await bob.commit(12), null)
      }
    }
  })

  it('answers the same after any number of restarts', async () => {
    const world = await World.make({}, new MemoryGroupLog(4))
    const groups = [0, 1, 2, 3].map((partition) => groupIn(partition, 4))
    for (const groupId of groups) {
      const consumers = ['ann', 'bob'].map((name) => new Consumer(world, name, { groupId, instanceId: `i-${name}` }))
      await assemble(...consumers)
      for (const [index, consumer] of consumers.entries()) await consumer.commit(index, index)
    }
    const before = groups.map((groupId) => world.state(groupId))
    for (let round = 0; round < 3; round++) {
      await world.crash()
      assert.deepEqual(
        groups.map((groupId) => world.state(groupId)),
        before,
      )
    }
  })

  it('gives members a whole session to be heard of', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann')
    await assemble(ann)
    await world.advance(9_999)
    await world.crash()
    await world.advance(9_999)
    assert.equal(ann.beat(), null)
    await world.advance(10_000)
    assert.equal(ann.beat(), 'unknown-member')
  })

  it('gives up members that are not heard of again', async () => {
    const world = await World.make()
    await assemble(new Consumer(world, 'ann'))
    await world.crash()
    await world.advance(10_000)
    assert.equal(world.coordinator.describe(['g'])[0]!.state, 'Empty')
  })

  it('spares members that wait in a join', async () => {
    const world = await World.make()
    const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob')]
    await assemble(ann, bob)
    await world.crash()
    await ann.join()
    for (let second = 0; second < 15; second += 5) {
      await world.advance(5_000)
      assert.equal(bob.beat(), 'rebalance-in-progress')
    }
    await bob.join()
    assert.deepEqual([ann.generation, bob.generation], [2, 2])
  })
})

/** What clients do when they have lost their coordinator: join again, with another id if theirs is not known. */
async function reunite(world: World, ...consumers: Consumer[]): Promise<void> {
  for (let round = 0; round < 10; round++) {
    for (const consumer of consumers) {
      const error = consumer.beat()
      if (error === null && consumer.assignment !== null) continue
      if (error === 'unknown-member') Object.assign(consumer, { memberId: '', generation: -1 })
      await consumer.join()
    }
    await world.advance(0)
    for (const consumer of consumers) if (consumer.joined?.error === null) await consumer.sync()
    const done = consumers.every((consumer) => consumer.beat() === null && consumer.assignment !== null)
    if (done) return
  }
  assert.fail('the members did not find together')
}

describe('a partition of the log', () => {
  it('that is being read answers so, and never that nothing is committed', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann')
    await assemble(ann)
    await ann.commit(3)
    const gate = Promise.withResolvers<void>()
    world.log.replayGate = gate.promise
    const crashed = world.crash()
    await flush()
    const { coordinator } = world
    assert.equal(coordinator.isReady(), false)
    assert.deepEqual(coordinator.fetchOffsets({ groupId: 'g', topics: null, requireStable: false }), {
      error: 'coordinator-loading',
      topics: [],
    })
    assert.equal(await ann.commit(4), 'coordinator-loading')
    assert.equal(ann.beat(), null, 'it may well be a member')
    assert.equal((await ann.sync())!.error, 'rebalance-in-progress')
    assert.equal((await ann.join())!.error, 'coordinator-loading')
    assert.equal(ann.leave(), 'coordinator-loading')
    assert.equal(coordinator.describe(['g'])[0]!.error, 'coordinator-loading')
    assert.deepEqual(coordinator.list(), { error: 'coordinator-loading', groups: [] })
    assert.equal((await coordinator.deleteGroups(['g']))[0]!.error, 'coordinator-loading')
    assert.equal((await coordinator.deleteOffsets({ groupId: 'g', topics: [] })).error, 'coordinator-loading')
    gate.resolve()
    await crashed
    assert.deepEqual([coordinator.isReady(), world.offset('g')], [true, 3])
  })

  it('that is led elsewhere sends members there, parked ones too', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = ['ann', 'bob', 'cyd'].map((name) => new Consumer(world, name)) as [
      Consumer,
      Consumer,
      Consumer,
    ]
    await assemble(ann, bob)
    await cyd.join()
    await bob.join()
    world.log.loseLeadership(0)
    assert.equal(ann.beat(), 'not-coordinator', 'even before it has been unloaded')
    world.coordinator.unload(0)
    await flush()
    assert.deepEqual([bob.joined!.error, cyd.joined!.error], ['not-coordinator', 'not-coordinator'])
    assert.equal(await ann.commit(4), 'not-coordinator')
    assert.equal(world.coordinator.describe(['g'])[0]!.error, 'not-coordinator')
    assert.deepEqual(world.coordinator.list(), { error: null, groups: [] })
    assert.equal(world.clock.timerCount, 1, 'only the check for expired offsets is left')
    world.log.gainLeadership(0)
    assert.equal(ann.beat(), null, 'about to be loaded')
    await world.coordinator.load(0)
    assert.equal(ann.beat(), null)
    assert.equal(await ann.commit(5), null)
  })

  it('that is lost while it is read is not taken over', async () => {
    const world = await World.make()
    const gate = Promise.withResolvers<void>()
    world.log.replayGate = gate.promise
    world.coordinator.unload(0)
    const first = world.coordinator.load(0)
    assert.equal(world.coordinator.load(0), first)
    world.coordinator.unload(0)
    gate.resolve()
    await first
    assert.equal(world.coordinator.isReady(), false)
    await world.coordinator.load(0)
    assert.equal(world.coordinator.isReady(), true)
  })

  it('that cannot be read can be tried again', async () => {
    const world = await World.make()
    world.coordinator.unload(0)
    world.log.replayGate = Promise.reject(new BrokerError('storage'))
    await assert.rejects(world.coordinator.load(0), { code: 'storage' })
    assert.equal(world.coordinator.isReady(), false)
    world.log.replayGate = Promise.resolve()
    await world.coordinator.load(0)
    assert.equal(world.coordinator.isReady(), true)
  })
})

describe('an assignment that cannot be stored', () => {
  it('is told to all members and decided anew in the next generation', async () => {
    const world = await World.make()
    const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob')]
    for (const consumer of [ann, bob]) await consumer.join()
    await world.advance(0)
    world.log.failure = { code: 'not-enough-replicas', kept: false }
    await bob.sync()
    await ann.sync()
    assert.deepEqual([ann.synced!.error, bob.synced!.error], ['coordinator-not-available', 'coordinator-not-available'])
    world.log.failure = null
    assert.deepEqual([ann.beat(), bob.beat()], ['rebalance-in-progress', 'rebalance-in-progress'])
    for (const consumer of [ann, bob]) await consumer.join()
    await settle(ann, bob)
    assert.deepEqual([ann.assignment, bob.assignment], ['ann@2', 'bob@2'])
  })

  it('within the time for it, as on a full disk, is asked for anew; when it is stored late that changes nothing', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann')
    await ann.join()
    await world.advance(0)
    world.log.held = true
    await ann.sync()
    await world.advance(5_000)
    assert.equal(ann.synced!.error, 'coordinator-not-available')
    await ann.join()
    await world.advance(0)
    world.log.release()
    world.log.held = false
    await flush()
    assert.equal(world.coordinator.describe(['g'])[0]!.state, 'CompletingRebalance')
    await ann.sync()
    assert.deepEqual([ann.synced!.error, ann.assignment], [null, 'ann@2'])
  })

  it('in time is void when a rebalance has begun', async () => {
    const world = await World.make()
    const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob')]
    await ann.join()
    await world.advance(0)
    world.log.held = true
    await ann.sync()
    await bob.join()
    assert.equal(ann.synced!.error, 'rebalance-in-progress')
    world.log.release()
    await flush()
    assert.equal(world.coordinator.describe(['g'])[0]!.state, 'PreparingRebalance')
    world.log.held = false
    await ann.join()
    await settle(ann, bob)
    assert.deepEqual([ann.assignment, bob.assignment], ['ann@2', 'bob@2'])
  })

  it('is asked for once, however often the leader repeats it', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann')
    await ann.join()
    await world.advance(0)
    world.log.held = true
    await ann.sync()
    await ann.sync()
    assert.equal(world.log.waiting.length, 1)
    world.log.release()
    await flush()
    assert.equal(ann.assignment, 'ann@1')
  })
})

describe('stopping', () => {
  it('sends everybody elsewhere, waits for what is being written and leaves no timer', async () => {
    const world = await World.make()
    const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob')]
    await assemble(ann)
    await bob.join()
    world.log.held = true
    const commit = ann.commit(5)
    let stopped = false
    const stop = world.coordinator.stop().then(() => (stopped = true))
    await flush()
    assert.deepEqual([bob.joined!.error, stopped], ['not-coordinator', false])
    assert.equal((await ann.join())!.error, 'not-coordinator')
    assert.equal(ann.beat(), 'not-coordinator')
    assert.deepEqual(world.coordinator.list(), { error: 'not-coordinator', groups: [] })
    await assert.rejects(world.coordinator.load(0), { code: 'stopping' })
    world.log.release()
    assert.equal(await commit, null, 'what has reached the disk is acknowledged')
    await stop
    assert.equal(world.clock.timerCount, 0)
  })
})

describe('stored records', () => {
  it('that are malformed are skipped, counted and reported; the others count', async () => {
    const log = new MemoryGroupLog()
    const good = stored(1, OffsetCommitKey, 0, { group: 'g', topic: 'a', partition: 0 })
    const goodValue = stored(3, OffsetCommitValue, 3, { offset: 42, leaderEpoch: 1, metadata: '', commitTimestamp: 5 })
    const groupKey = stored(2, GroupMetadataKey, 0, { group: 'h' })
    const member = {
      memberId: 'x',
      clientId: '',
      clientHost: '',
      sessionTimeout: 1,
      subscription: bytes(''),
      assignment: bytes(''),
    }
    const group = (change: object): Uint8Array =>
      stored(3, GroupMetadataValue, 3, {
        protocolType: 'consumer',
        generation: 1,
        protocol: 'range',
        leader: 'x',
        members: [member],
        ...change,
      })
    const malformed: [Uint8Array, Uint8Array | null][] = [
      [new Uint8Array(0), null],
      [good.subarray(0, good.length - 1), goodValue],
      [stored(1, OffsetCommitKey, 0, { group: 'g', topic: 'b', partition: 0 }), goodValue.subarray(0, 9)],
      [stored(1, OffsetCommitKey, 0, { group: 'g', topic: 'b', partition: 1 }), new Uint8Array([0, 99])],
      [groupKey, group({}).subarray(0, 20)],
      [groupKey, group({ protocol: null })],
      [groupKey, group({ members: [member, member] })],
      [groupKey, group({ members: [{ ...member, memberId: '' }] })],
      [groupKey, group({ members: [{ ...member, sessionTimeout: -1 }] })],
      [
        groupKey,
        group({
          members: [
            { ...member, groupInstanceId: 'i' },
            { ...member, memberId: 'y', groupInstanceId: 'i' },
          ],
        }),
      ],
      [Buffer.from('0001ffff', 'hex'), null],
    ]
    for (const [key, value] of malformed) log.inject(0, key, value)
    log.inject(0, new Uint8Array([0, 5, 1, 2, 3]), bytes('of a newer group protocol'))
    log.inject(0, good, goodValue)
    const world = await World.make({}, log)
    assert.equal(world.coordinator.malformedRecordCount, malformed.length)
    assert.equal(world.offset('g'), 42)
    assert.equal(world.coordinator.groupCount, 1)
    const lines = world.logger.lines.filter(({ level }) => level === 'warn')
    assert.equal(lines.filter(({ event }) => event === 'malformed group record skipped').length, 10)
    const summary = lines.find(({ event }) => event === 'group partition loaded')!
    assert.deepEqual(
      [summary.fields['malformedRecordCount'], summary.fields['otherRecordCount']],
      [malformed.length, 1],
    )
  })

  it('of every version that Kafka has written are read', async () => {
    const log = new MemoryGroupLog()
    for (const version of [0, 1, 2, 3, 4]) {
      const key = stored(version % 2, OffsetCommitKey, 0, { group: 'g', topic: 'a', partition: version })
      const offset = { offset: 100 + version, leaderEpoch: 5, metadata: 'm', commitTimestamp: 1_700_000_000_000 }
      log.inject(0, key, stored(version, OffsetCommitValue, version, offset))
      const member = {
        memberId: 'x',
        groupInstanceId: version >= 3 ? 'i' : null,
        clientId: 'c',
        clientHost: '/h',
        rebalanceTimeout: 60_000,
        sessionTimeout: 10_000,
        subscription: subscription(['a']),
        assignment: bytes('all'),
      }
      const group = {
        protocolType: 'consumer',
        generation: version,
        protocol: 'range',
        leader: 'gone',
        members: [member],
      }
      log.inject(
        0,
        stored(2, GroupMetadataKey, 0, { group: `g${version}` }),
        stored(version, GroupMetadataValue, version, group),
      )
    }
    const world = await World.make({}, log)
    assert.equal(world.coordinator.malformedRecordCount, 0)
    for (const version of [0, 1, 2, 3, 4]) {
      assert.equal(world.offset('g', version), 100 + version)
      const [described] = world.coordinator.describe([`g${version}`])
      assert.deepEqual([described!.state, described!.protocolName], ['Stable', 'range'])
      const { memberId, instanceId, assignment } = described!.members[0]!
      assert.deepEqual([memberId, instanceId], ['x', version >= 3 ? 'i' : null])
      assert.deepEqual(assignment, bytes('all'))
      const request = { groupId: `g${version}`, memberId, instanceId, generation: version }
      assert.equal(world.coordinator.heartbeat(request), null)
    }
  })

  it('are byte for byte what Kafka writes', async () => {
    const world = await World.make()
    const partitions = [{ partition: 1, offset: 258, leaderEpoch: 3, metadata: 'm' }]
    const topics = [{ topic: 'a', partitions }]
    await world.coordinator.commitOffsets({ groupId: 'g', memberId: '', instanceId: null, generation: -1, topics })
    const { key, value } = world.log.batches[0]!.records[0]!
    // Type 1, group, topic, partition; version 3, offset, leader epoch, metadata, commit time.
    assert.equal(Buffer.from(key).toString('hex'), '0001' + '000167' + '000161' + '00000001')
    const timestamp = world.clock.nowMs().toString(16).padStart(16, '0')
    assert.equal(Buffer.from(value!).toString('hex'), `0003${'0000000000000102'}${'00000003'}${'00016d'}${timestamp}`)
  })
})

function stored(prefix: number, ...[message, version, value]: StoredArguments): Uint8Array {
  const writer = new Writer(1024)
  writer.int16(prefix)
  encode(message as typeof OffsetCommitKey, version, value, writer)
  return new Uint8Array(writer.concat())
}

type StoredArguments =
  | [typeof OffsetCommitKey, number, object]
  | [typeof OffsetCommitValue, number, object]
  | [typeof GroupMetadataKey, number, object]
  | [typeof GroupMetadataValue, number, object]
