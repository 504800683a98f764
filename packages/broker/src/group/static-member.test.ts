import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assemble, Consumer, settle } from './testing/consumer.ts'
import { flush } from './testing/manual-clock.ts'
import { subscription, World } from './testing/world.ts'

async function pair(world: World, options = {}): Promise<[leader: Consumer, follower: Consumer]> {
  const one = new Consumer(world, 'one', { instanceId: 'i1', ...options })
  const two = new Consumer(world, 'two', { instanceId: 'i2', ...options })
  await assemble(one, two)
  return [one, two]
}

function stateOf(world: World): string {
  return world.coordinator.describe(['g'])[0]!.state
}

describe('a static member', () => {
  it('that bounces gets its old assignment without a rebalance, and that survives a crash', async () => {
    const world = await World.make()
    const [one, two] = await pair(world)
    const back = two.restarted()
    const answer = await back.join()
    assert.deepEqual([answer!.error, answer!.generation, answer!.leader], [null, 1, one.memberId])
    assert.notEqual(back.memberId, two.memberId)
    await back.sync()
    assert.equal(back.assignment, 'i2@1')
    assert.equal(one.beat(), null)
    assert.equal(stateOf(world), 'Stable')
    const before = world.state('g')
    await world.crash()
    assert.deepEqual(world.state('g'), before)
    assert.deepEqual([back.beat(), two.beat()], [null, 'fenced-instance-id'])
  })

  it('fences its predecessor wherever that still tries', async () => {
    const world = await World.make()
    const [, two] = await pair(world)
    await two.restarted().join()
    assert.equal(two.beat(), 'fenced-instance-id')
    assert.equal(await two.commit(5), 'fenced-instance-id')
    assert.equal((await two.sync())!.error, 'fenced-instance-id')
    assert.equal((await two.join())!.error, 'fenced-instance-id')
    assert.equal(two.leave(), 'fenced-instance-id')
  })

  it('of an instance that nobody uses is unknown', async () => {
    const world = await World.make()
    const [one] = await pair(world)
    const eve = new Consumer(world, 'eve', { instanceId: 'i9' })
    Object.assign(eve, { memberId: one.memberId, generation: 1 })
    assert.equal(eve.beat(), 'unknown-member')
  })

  it('that led before is told to skip the assignment if it understands that', async () => {
    const world = await World.make()
    const [one, two] = await pair(world)
    const back = one.restarted({ skipAssignmentSupported: true })
    const answer = await back.join()
    assert.deepEqual([answer!.skipAssignment, answer!.leader, answer!.members.length], [true, back.memberId, 2])
    assert.equal((await back.sync())!.error, null)
    assert.equal(back.assignment, 'i1@1', 'what it may have sent along is not used: the group is stable')
    assert.equal(two.beat(), null)
  })

  it('that led before and does not understand that is not told that it leads', async () => {
    const world = await World.make()
    const [one] = await pair(world)
    const answer = await one.restarted().join()
    assert.deepEqual([answer!.skipAssignment, answer!.leader, answer!.members], [false, one.memberId, []])
  })

  it('that comes back with other topics starts a rebalance', async () => {
    const world = await World.make()
    const [one, two] = await pair(world)
    const back = two.restarted({ topics: ['a', 'b'] })
    assert.equal(await back.join(), null)
    assert.equal(one.beat(), 'rebalance-in-progress')
    await one.join()
    await settle(one, back)
    assert.deepEqual([one.assignment, back.assignment], ['i1@2', 'i2@2'])
  })

  it('that comes back without a claim on what it owned does not', async () => {
    const world = await World.make()
    const [one, two] = await pair(world)
    two.metadata = subscription(['a'], ['a'])
    await two.join()
    await one.join()
    await settle(one, two)
    assert.equal((await two.restarted().join())!.generation, 2)
    assert.equal(stateOf(world), 'Stable')
  })

  it('that comes back while the assignment is awaited makes all join again', async () => {
    const world = await World.make()
    const [one, two] = [
      new Consumer(world, 'one', { instanceId: 'i1' }),
      new Consumer(world, 'two', { instanceId: 'i2' }),
    ]
    await one.join()
    await two.join()
    await world.advance(0)
    await two.sync()
    const back = two.restarted()
    assert.equal(await back.join(), null)
    assert.equal(two.synced!.error, 'fenced-instance-id')
    assert.equal(stateOf(world), 'PreparingRebalance')
    assert.equal((await one.sync())!.error, 'rebalance-in-progress')
    await one.join()
    await settle(one, back)
    assert.deepEqual([one.assignment, back.assignment], ['i1@2', 'i2@2'])
  })

  it('that comes back while its predecessor waits in a join takes over the wait', async () => {
    const world = await World.make()
    const [one, two] = await pair(world)
    await new Consumer(world, 'dan').join()
    await two.join()
    const back = two.restarted()
    assert.equal(await back.join(), null)
    assert.equal(two.joined!.error, 'fenced-instance-id')
    await one.join()
    assert.deepEqual([one.generation, back.generation], [2, 2])
  })

  it('keeps its place through a rebalance that it misses, until its session ends', async () => {
    const world = await World.make()
    const options = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 10_000 }
    const [one] = await pair(world, options)
    const dan = new Consumer(world, 'dan', options)
    await dan.join()
    await one.join()
    await world.advance(10_000)
    assert.equal(one.joined!.members.length, 3)
    assert.equal(dan.generation, 2)
  })

  it('is waited for when nobody else is there either, and the first to return leads', async () => {
    const world = await World.make()
    const options = { sessionTimeoutMs: 600_000, rebalanceTimeoutMs: 10_000 }
    const one = new Consumer(world, 'one', { ...options, instanceId: 'i1', protocols: ['range', 'sticky'] })
    const two = new Consumer(world, 'two', { ...options, instanceId: 'i2', protocols: ['sticky', 'range'] })
    await assemble(one, two)
    assert.deepEqual([one.isLeader, one.joined!.protocolName], [true, 'range'])
    const dan = new Consumer(world, 'dan', { ...options, protocols: ['range', 'sticky'], memberIdRequired: true })
    await dan.join()
    await dan.join()
    assert.equal(dan.leave(), null)
    await world.advance(15_000)
    assert.equal(stateOf(world), 'PreparingRebalance')
    await two.join()
    await world.advance(10_000)
    assert.deepEqual([two.isLeader, two.joined!.protocolName], [true, 'sticky'], 'the leader decides between equals')
  })

  it('that comes back with other preferences starts a rebalance if they decide', async () => {
    const world = await World.make()
    const [one] = await pair(world, { protocols: ['range', 'sticky'] })
    assert.equal(await one.restarted({ protocols: ['sticky', 'range'] }).join(), null)
    assert.equal(stateOf(world), 'PreparingRebalance')
  })

  it('that comes back before it has asked for its assignment is not missed afterwards', async () => {
    const world = await World.make()
    const options = { sessionTimeoutMs: 600_000 }
    const one = new Consumer(world, 'one', { ...options, instanceId: 'i1' })
    const two = new Consumer(world, 'two', { ...options, instanceId: 'i2' })
    await one.join()
    await two.join()
    await world.advance(0)
    await settle(one)
    const back = two.restarted()
    await back.join()
    await settle(back)
    assert.equal(back.assignment, 'i2@1')
    await world.advance(60_000)
    assert.deepEqual([one.beat(), back.beat()], [null, null])
  })

  it('of a full group has its own place there', async () => {
    const world = await World.make({ groupSizeMax: 2 })
    const [, two] = await pair(world)
    assert.equal((await two.restarted().join())!.error, null)
  })

  it('can be removed by its instance id alone', async () => {
    const world = await World.make()
    const [one, two] = await pair(world)
    const members = [
      { memberId: '', instanceId: 'i2' },
      { memberId: '', instanceId: 'i7' },
      { memberId: 'nobody', instanceId: null },
      { memberId: one.memberId, instanceId: 'i1' },
    ]
    const answer = world.coordinator.leave({ groupId: 'g', members })
    assert.equal(answer.error, null)
    assert.deepEqual(
      answer.members.map(({ error }) => error),
      [null, 'unknown-member', 'unknown-member', null],
    )
    assert.equal(two.beat(), 'unknown-member')
    assert.equal(stateOf(world), 'Empty')
  })

  it('is not replaced when that cannot be stored', async () => {
    const world = await World.make()
    const [one, two] = await pair(world)
    world.log.failure = { code: 'not-enough-replicas', kept: false }
    const back = new Consumer(world, 'another', { instanceId: 'i2' })
    const answer = await back.join()
    assert.deepEqual([answer!.error, answer!.memberId], ['coordinator-not-available', ''])
    world.log.failure = null
    const clients = world.coordinator.describe(['g'])[0]!.members.map(({ clientId }) => clientId)
    assert.deepEqual(clients.sort(), ['one', 'two'])
    assert.deepEqual([one.beat(), two.beat()], [null, null])
    assert.equal((await back.join())!.error, null)
    assert.equal(two.beat(), 'fenced-instance-id')
  })

  it('replaced while a rebalance begins is answered by that', async () => {
    const world = await World.make()
    const [one, two] = await pair(world)
    world.log.held = true
    const back = two.restarted()
    assert.equal(await back.join(), null)
    await new Consumer(world, 'dan').join()
    world.log.release()
    await flush()
    assert.equal(back.joined, null)
    await one.join()
    assert.deepEqual([one.generation, back.joined!.generation], [2, 2])
  })

  it('replaced twice at a time leaves the last one in place', async () => {
    const world = await World.make()
    const [, two] = await pair(world)
    world.log.held = true
    const [first, second] = [two.restarted(), two.restarted()]
    await first.join()
    await second.join()
    assert.equal(first.joined!.error, 'fenced-instance-id')
    world.log.release()
    await flush()
    assert.equal(second.joined!.error, null)
    assert.equal(second.beat(), null)
  })
})
