import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assemble, Consumer, look, settle, trio } from './testing/consumer.ts'
import { subscription, World } from './testing/world.ts'

describe('a new group', () => {
  it('goes from Empty over joining and assigning to Stable', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann')
    assert.equal(look(world), 'Dead 0')
    assert.equal(await ann.join(), null)
    assert.equal(look(world), 'PreparingRebalance 1')
    await world.advance(0)
    assert.equal(look(world), 'CompletingRebalance 1')
    assert.deepEqual([ann.joined!.error, ann.joined!.generation, ann.joined!.protocolName], [null, 1, 'range'])
    assert.equal(ann.joined!.protocolType, 'consumer')
    await ann.sync()
    assert.equal(look(world), 'Stable 1')
    assert.equal(ann.assignment, 'ann@1')
  })

  it('tells the leader, and nobody else, who the members are', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    const names = ann.joined!.members.map(({ memberId }) => memberId.split('-')[0])
    assert.deepEqual(names, ['ann', 'bob', 'cyd'])
    assert.deepEqual([bob.joined!.members, cyd.joined!.members], [[], []])
    assert.deepEqual([bob.joined!.leader, cyd.joined!.leader], [ann.memberId, ann.memberId])
    assert.deepEqual(
      [ann, bob, cyd].map(({ assignment }) => assignment),
      ['ann@1', 'bob@1', 'cyd@1'],
    )
  })

  it('waits for more members as long as they keep coming, at most a rebalance time-out', async () => {
    const world = await World.make({ initialRebalanceDelayMs: 3_000 })
    const [ann, bob, cyd] = ['ann', 'bob', 'cyd'].map(
      (name) => new Consumer(world, name, { rebalanceTimeoutMs: 8_000 }),
    ) as [Consumer, Consumer, Consumer]
    await ann.join()
    await world.advance(2_000)
    await bob.join()
    await world.advance(3_000)
    assert.equal(ann.joined, null, 'bob came within the first wait, so there is a second')
    await cyd.join()
    await world.advance(2_999)
    assert.equal(ann.joined, null, 'cyd came within the second wait, so there is a third, of what is left')
    await world.advance(1)
    assert.deepEqual(
      [ann, bob, cyd].map(({ generation }) => generation),
      [1, 1, 1],
    )
  })

  it('does not wait longer than once when nobody else comes', async () => {
    const world = await World.make({ initialRebalanceDelayMs: 3_000 })
    const ann = new Consumer(world, 'ann')
    await ann.join()
    await world.advance(2_999)
    assert.equal(ann.joined, null)
    await world.advance(1)
    assert.equal(ann.generation, 1)
  })

  it('forgets a group whose only join was refused', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann', { protocols: [] })
    assert.equal((await ann.join())!.error, 'inconsistent-protocol')
    assert.equal(world.coordinator.groupCount, 0)
  })
})

describe('a member that needs an id', () => {
  it('is given one to join with', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann', { memberIdRequired: true })
    const answer = await ann.join()
    assert.equal(answer!.error, 'member-id-required')
    assert.match(answer!.memberId, /^ann-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(look(world), 'Empty 0')
    await assemble(ann)
    assert.equal(ann.memberId, answer!.memberId)
    assert.equal(ann.assignment, 'ann@1')
  })

  it('is waited for in a rebalance, until its session would have ended', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann')
    await assemble(ann)
    const bob = new Consumer(world, 'bob', { memberIdRequired: true, sessionTimeoutMs: 6_000 })
    await bob.join()
    const cyd = new Consumer(world, 'cyd')
    await cyd.join()
    assert.equal(await ann.join(), null, 'bob has been promised a place')
    await world.advance(6_000)
    assert.equal(ann.generation, 2)
    assert.equal((await bob.join())!.error, 'unknown-member')
  })

  it('may leave before it has joined', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann', { memberIdRequired: true })
    await ann.join()
    assert.equal(ann.leave(), null)
    assert.equal(world.coordinator.groupCount, 0)
    assert.equal((await ann.join())!.error, 'unknown-member')
  })

  it('is forgotten with its group when it never joins', async () => {
    const world = await World.make()
    await new Consumer(world, 'ann', { memberIdRequired: true }).join()
    assert.equal(world.coordinator.groupCount, 1)
    await world.advance(10_000)
    assert.equal(world.coordinator.groupCount, 0)
    assert.equal(world.clock.timerCount, 1, 'only the check for expired offsets is left')
  })

  it('holds up nobody any more once it has left', async () => {
    const world = await World.make()
    const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob', { memberIdRequired: true })]
    await assemble(ann)
    await bob.join()
    assert.equal(await ann.join(), null)
    bob.leave()
    await world.advance(0)
    assert.equal(ann.generation, 2)
  })

  it('has no claim on an id that was never handed out', async () => {
    const world = await World.make()
    await trio(world)
    const dan = new Consumer(world, 'dan')
    dan.memberId = 'made-up'
    assert.equal((await dan.join())!.error, 'unknown-member')
  })
})

describe('three members', () => {
  it('rebalance when one leaves', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    assert.equal(bob.leave(), null)
    assert.equal(look(world), 'PreparingRebalance 2')
    assert.deepEqual(
      [ann.beat(), bob.beat(), cyd.beat()],
      ['rebalance-in-progress', 'unknown-member', 'rebalance-in-progress'],
    )
    await ann.join()
    await cyd.join()
    assert.deepEqual([ann.generation, cyd.generation], [2, 2], 'all are back, so nobody waits for a time-out')
    assert.deepEqual([ann.beat(), cyd.beat()], [null, null], 'waiting for an assignment is no reason to join again')
    await settle(cyd, ann)
    assert.deepEqual([ann.assignment, cyd.assignment], ['ann@2', 'cyd@2'])
  })

  it('get another leader when theirs leaves', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    ann.leave()
    await cyd.join()
    await bob.join()
    assert.equal(bob.joined!.leader, cyd.joined!.leader)
    assert.equal([bob, cyd].filter((consumer) => consumer.isLeader).length, 1)
  })

  it('lose the one that falls silent', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    for (let second = 0; second < 9; second += 3) {
      await world.advance(3_000)
      assert.deepEqual([ann.beat(), bob.beat()], [null, null])
    }
    await world.advance(999)
    assert.equal(look(world), 'Stable 3')
    await world.advance(1)
    assert.equal(look(world), 'PreparingRebalance 2')
    assert.equal(cyd.beat(), 'unknown-member')
  })

  it('lose the one that does not rejoin in the rebalance time-out, however well it beats', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    const dan = new Consumer(world, 'dan')
    await dan.join()
    await ann.join()
    await bob.join()
    for (let second = 0; second < 30; second += 5) {
      assert.equal(cyd.beat(), 'rebalance-in-progress')
      await world.advance(5_000)
    }
    assert.deepEqual(
      [ann, bob, dan].map(({ generation }) => generation),
      [2, 2, 2],
    )
    assert.equal(cyd.beat(), 'unknown-member')
  })

  it('lose the one that never asks for its assignment', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    cyd.leave()
    await ann.join()
    await bob.join()
    await settle(ann)
    for (let second = 0; second < 30; second += 5) {
      assert.deepEqual([ann.beat(), bob.beat()], [null, null])
      await world.advance(5_000)
    }
    assert.equal(look(world), 'PreparingRebalance 1')
    assert.deepEqual([ann.beat(), bob.beat()], ['rebalance-in-progress', 'unknown-member'])
  })

  it('become an empty group of a higher generation when all leave', async () => {
    const world = await World.make()
    const consumers = await trio(world)
    for (const consumer of consumers) assert.equal(consumer.leave(), null)
    assert.equal(look(world), 'Empty 0')
    const before = world.state('g')
    await world.crash()
    assert.deepEqual(world.state('g'), before)
    const dan = new Consumer(world, 'dan')
    await assemble(dan)
    assert.equal(dan.generation, 3)
  })

  it('all die and the group becomes empty', async () => {
    const world = await World.make()
    await trio(world)
    await world.advance(10_000)
    assert.equal(look(world), 'Empty 0')
  })
})

describe('the time for assigning', () => {
  it('is over for good once all have their assignment', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    const dan = new Consumer(world, 'dan')
    await dan.join()
    for (const consumer of [ann, bob, cyd]) await consumer.join()
    await settle(ann, bob, cyd)
    assert.equal(dan.leave(), null, 'before it has asked for its assignment')
    for (const consumer of [ann, bob, cyd]) await consumer.join()
    await settle(ann, bob, cyd)
    for (let second = 0; second < 60; second += 5) {
      await world.advance(5_000)
      for (const consumer of [ann, bob, cyd]) assert.equal(consumer.beat(), null)
    }
  })

  it('answers a follower that asks twice, and gives it a new session when it ends early', async () => {
    const world = await World.make()
    const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob')]
    await ann.join()
    await bob.join()
    await world.advance(0)
    await bob.sync()
    await bob.sync()
    assert.equal(world.openRequestCount, 1)
    for (let second = 0; second < 15; second += 5) {
      await world.advance(5_000)
      assert.equal(ann.beat(), null)
    }
    await new Consumer(world, 'cyd').join()
    assert.equal(bob.synced!.error, 'rebalance-in-progress')
    await world.advance(9_000)
    assert.equal(bob.beat(), 'rebalance-in-progress')
  })
})

describe('a join that is repeated', () => {
  it('gets the same answer while the assignment is awaited', async () => {
    const world = await World.make()
    const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob')]
    await ann.join()
    await bob.join()
    await world.advance(0)
    const [first, second] = [ann.joined, bob.joined]
    assert.deepEqual(await ann.join(), first)
    assert.deepEqual(await bob.join(), second)
    assert.equal(look(world), 'CompletingRebalance 2')
  })

  it('by a follower of a stable group gets the present generation', async () => {
    const world = await World.make()
    const [, bob] = await trio(world)
    assert.equal((await bob.join())!.generation, 1)
    assert.equal((await bob.sync())!.error, null)
    assert.equal(bob.assignment, 'bob@1')
    assert.equal(look(world), 'Stable 3')
  })

  it('by the leader of a stable group starts a rebalance', async () => {
    const world = await World.make()
    const [ann] = await trio(world)
    assert.equal(await ann.join(), null)
    assert.equal(look(world), 'PreparingRebalance 3')
  })

  it('with other metadata starts a rebalance', async () => {
    const world = await World.make()
    const [ann, bob, cyd] = await trio(world)
    bob.metadata = new Consumer(world, 'bob', { topics: ['a', 'b'] }).metadata
    assert.equal(await bob.join(), null)
    await cyd.join()
    await ann.join()
    assert.equal(ann.generation, 2)
    const told = ann.joined!.members.find(({ memberId }) => memberId === bob.memberId)
    assert.deepEqual(told!.metadata, bob.metadata)
  })

  it('while the first is still open takes its place', async () => {
    const world = await World.make()
    const [ann, bob] = await trio(world)
    bob.leave()
    const former = ann.restarted()
    former.memberId = ann.memberId
    assert.equal(await former.join(), null)
    assert.equal(await ann.join(), null)
    assert.equal(former.joined!.error, 'rebalance-in-progress')
  })
})

describe('cooperative members', () => {
  it('join once more after giving up partitions, and only that rebalances', async () => {
    const world = await World.make()
    const options = { protocols: ['cooperative-sticky'] }
    const [ann, bob] = [new Consumer(world, 'ann', options), new Consumer(world, 'bob', options)]
    await assemble(ann)
    ann.metadata = subscription(['a'], ['a'])
    await bob.join()
    assert.equal(ann.beat(), 'rebalance-in-progress')
    await ann.join()
    await settle(ann, bob)
    assert.deepEqual([ann.generation, bob.generation], [2, 2])
    // Ann has given up what bob is to get: as an owner of less she joins again, and so must bob.
    ann.metadata = subscription(['a'], [])
    assert.equal(await ann.join(), null)
    assert.equal(bob.beat(), 'rebalance-in-progress')
    await bob.join()
    await settle(bob, ann)
    assert.deepEqual([ann.generation, bob.generation], [3, 3])
    assert.equal((await bob.join())!.generation, 3, 'bob owns what he said he would: no fourth rebalance')
  })
})

describe('the protocol', () => {
  it('is the one with most votes among those that all members offer', async () => {
    const world = await World.make()
    const consumers = [
      new Consumer(world, 'ann', { protocols: ['range', 'sticky', 'special'] }),
      new Consumer(world, 'bob', { protocols: ['sticky', 'range'] }),
      new Consumer(world, 'cyd', { protocols: ['sticky', 'range'] }),
    ]
    await assemble(...consumers)
    assert.deepEqual(
      consumers.map(({ joined }) => joined!.protocolName),
      ['sticky', 'sticky', 'sticky'],
    )
  })

  it('is what the leader prefers when votes are equal', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann', { protocols: ['sticky', 'range'] })
    await assemble(ann, new Consumer(world, 'bob', { protocols: ['range', 'sticky'] }))
    assert.equal(ann.joined!.protocolName, 'sticky')
  })

  it('keeps those out who share none', async () => {
    const world = await World.make()
    await trio(world)
    const dan = new Consumer(world, 'dan', { protocols: ['sticky'] })
    assert.equal((await dan.join())!.error, 'inconsistent-protocol')
    assert.equal(look(world), 'Stable 3')
  })

  it('is offered once by each', async () => {
    const world = await World.make()
    const dan = new Consumer(world, 'dan', { protocols: ['range', 'range'] })
    assert.equal((await dan.join())!.error, 'invalid-request')
  })
})

describe('faults of members', () => {
  it('have a name each', async () => {
    const world = await World.make()
    const [ann] = await trio(world)
    const stale = ann.restarted()
    Object.assign(stale, { memberId: ann.memberId, generation: 0 })
    assert.equal(stale.beat(), 'illegal-generation')
    assert.equal((await stale.sync())!.error, 'illegal-generation')
    assert.equal(await stale.commit(5), 'illegal-generation')
    const stranger = new Consumer(world, 'eve')
    Object.assign(stranger, { memberId: 'eve', generation: 1 })
    assert.deepEqual([stranger.beat(), stranger.leave()], ['unknown-member', 'unknown-member'])
    assert.equal((await stranger.sync())!.error, 'unknown-member')
    assert.equal(await stranger.commit(5), 'unknown-member')
    const nowhere = new Consumer(world, 'eve', { groupId: 'nowhere' })
    Object.assign(nowhere, { memberId: 'eve', generation: 1 })
    assert.deepEqual([nowhere.beat(), nowhere.leave()], ['unknown-member', 'unknown-member'])
    assert.equal((await nowhere.sync())!.error, 'unknown-member')
    assert.equal(await nowhere.commit(5), 'illegal-generation')
    const nameless = new Consumer(world, 'eve', { groupId: '' })
    assert.equal((await nameless.join())!.error, 'invalid-group-id')
    assert.deepEqual([nameless.beat(), nameless.leave()], ['invalid-group-id', 'invalid-group-id'])
    assert.equal((await nameless.sync())!.error, 'invalid-group-id')
  })

  it('in sync include a protocol that is not the chosen one', async () => {
    const world = await World.make()
    const [ann] = await trio(world)
    const { memberId, generation } = ann
    const request = { groupId: 'g', memberId, instanceId: null, generation, assignments: [] }
    const named = await world.coordinator.sync({ ...request, protocolType: 'consumer', protocolName: 'sticky' })
    const typed = await world.coordinator.sync({ ...request, protocolType: 'connect', protocolName: 'range' })
    const right = await world.coordinator.sync({ ...request, protocolType: 'consumer', protocolName: 'range' })
    assert.deepEqual([named.error, typed.error, right.error], ['inconsistent-protocol', 'inconsistent-protocol', null])
  })

  it('include a session time-out out of bounds', async () => {
    const world = await World.make()
    for (const sessionTimeoutMs of [5_999, 1_800_001]) {
      const ann = new Consumer(world, 'ann', { sessionTimeoutMs })
      assert.equal((await ann.join())!.error, 'invalid-session-timeout')
    }
  })

  it('in the joining phase are answered with a request to join', async () => {
    const world = await World.make()
    const [ann, bob] = await trio(world)
    bob.leave()
    assert.equal((await ann.sync())!.error, 'rebalance-in-progress')
  })
})
