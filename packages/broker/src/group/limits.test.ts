import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assemble, Consumer, look, settle, trio } from './testing/consumer.ts'
import { World } from './testing/world.ts'

describe('time-outs', () => {
  it('of a parked first join free its place after five minutes', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann', { rebalanceTimeoutMs: 600_000, sessionTimeoutMs: 600_000 })
    await assemble(ann)
    const bob = new Consumer(world, 'bob')
    await bob.join()
    await world.advance(299_999)
    assert.equal(bob.joined, null)
    await world.advance(1)
    assert.equal(bob.joined!.error, 'unknown-member')
    assert.equal(look(world), 'PreparingRebalance 1')
  })

  it('spare members that wait in a join or sync', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    await ann.join()
    await bob.join()
    await world.advance(9_000)
    cyd.beat()
    await world.advance(9_000)
    assert.equal(look(world), 'PreparingRebalance 3')
    await cyd.join()
    await settle(bob, cyd)
    await world.advance(8_000)
    ann.beat()
    await world.advance(8_000)
    assert.equal(look(world), 'CompletingRebalance 3')
    await settle(ann)
    assert.deepEqual(
      [ann, bob, cyd].map(({ assignment }) => assignment),
      ['ann@2', 'bob@2', 'cyd@2'],
    )
  })

  it('of many members cost a few timers, not one per heartbeat', async () => {
    const world = await World.make()
    const many = Array.from({ length: 300 }, (_, index) => new Consumer(world, `m${index}`))
    await Promise.all(many.map((consumer) => consumer.join()))
    await world.advance(0)
    await Promise.all(many.map((consumer) => consumer.sync()))
    for (let second = 0; second < 60; second += 3) {
      await world.advance(3_000)
      for (const consumer of many) assert.equal(consumer.beat(), null)
      assert.equal(world.clock.timerCount, 2)
    }
    assert.equal(look(world), 'Stable 300')
  })
})

describe('limits', () => {
  it('keep further members out of a full group', async () => {
    const world = await World.make({ groupSizeMax: 2 })
    const [ann, bob, cyd] = ['ann', 'bob', 'cyd'].map((name) => new Consumer(world, name)) as [
      Consumer,
      Consumer,
      Consumer,
    ]
    await assemble(ann, bob)
    assert.deepEqual([(await cyd.join())!.error, cyd.joined!.memberId], ['group-full', ''])
    assert.equal(look(world), 'Stable 2')
    bob.leave()
    assert.equal(await cyd.join(), null, 'there is room again')
    await ann.join()
    assert.deepEqual([ann.generation, cyd.generation], [2, 2])
  })

  it('let those rejoin first who come first', async () => {
    const world = await World.make({ groupSizeMax: 2 })
    const [ann, bob, cyd] = ['ann', 'bob', 'cyd'].map((name) => new Consumer(world, name)) as [
      Consumer,
      Consumer,
      Consumer,
    ]
    await assemble(ann, bob)
    await ann.join()
    assert.equal(await cyd.join(), null)
    assert.equal((await bob.join())!.error, 'group-full')
    assert.deepEqual([ann.generation, cyd.generation], [2, 2])
  })

  it('forget an id handed out to one that finds no room, so that nobody waits for it', async () => {
    const world = await World.make({ groupSizeMax: 2 })
    const [ann, bob, cyd] = ['ann', 'bob', 'cyd'].map((name) => new Consumer(world, name)) as [
      Consumer,
      Consumer,
      Consumer,
    ]
    const dan = new Consumer(world, 'dan', { memberIdRequired: true })
    await assemble(ann, bob)
    await ann.join()
    assert.equal((await dan.join())!.error, 'member-id-required')
    assert.equal(await cyd.join(), null)
    assert.equal((await bob.join())!.error, 'group-full')
    assert.equal(ann.joined, null)
    assert.equal((await dan.join())!.error, 'group-full')
    assert.deepEqual([ann.generation, cyd.generation], [2, 2])
  })

  it('shrink a group that was larger before a restart', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    Object.assign(world.config, { groupSizeMax: 2 })
    await world.crash()
    assert.equal(ann.beat(), 'rebalance-in-progress')
    await ann.join()
    await bob.join()
    assert.equal((await cyd.join())!.error, 'group-full')
    assert.deepEqual([ann.generation, bob.generation], [2, 2])
  })

  it('bound groups, ids handed out, protocols and metadata', async () => {
    const world = await World.make({
      groupsMax: 1,
      pendingMembersMax: 1,
      memberProtocolsMax: 2,
      memberMetadataBytesMax: 50,
    })
    const join = async (options: ConstructorParameters<typeof Consumer>[2], topics = ['a']): Promise<unknown> =>
      (await new Consumer(world, 'x', { ...options, topics }).join())?.error
    assert.equal(await join({ protocols: ['p', 'q', 'r'] }), 'limit-exceeded')
    assert.equal(await join({}, ['a-topic-with-a-name-longer-than-fifty-bytes-in-total']), 'limit-exceeded')
    assert.equal(await join({ memberIdRequired: true }), 'member-id-required')
    assert.equal(await join({ memberIdRequired: true }), 'group-full')
    assert.equal(await join({ groupId: 'another' }), 'limit-exceeded')
    const topics = [{ topic: 'a', partitions: [{ partition: 0, offset: 1, leaderEpoch: -1, metadata: null }] }]
    const commit = { groupId: 'another', memberId: '', instanceId: null, generation: -1, topics }
    assert.equal((await world.coordinator.commitOffsets(commit)).error, 'limit-exceeded')
  })
})
