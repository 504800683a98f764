import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { flush } from '../../group/testing/manual-clock.ts'
import { BrokerError } from '../../errors/errors.ts'
import { ShareMemberDouble, ShareWorld, topicIdOf } from './testing/share-world.ts'

describe('a share group', () => {
  it('takes members in, gives them partitions and takes them back', async () => {
    const world = await ShareWorld.make()
    const ann = await new ShareMemberDouble(world, 'ann', ['a', 'b']).live()
    assert.deepEqual([ann.epoch, ann.assignment], [1, { a: [0, 1], b: [0] }])
    const bob = await new ShareMemberDouble(world, 'bob', ['a', 'b']).live()
    assert.equal(bob.epoch, 2)
    assert.deepEqual(bob.assignment, { a: [0, 1], b: [0] })
    await ann.live()
    assert.deepEqual([ann.epoch, ann.assignment], [2, { a: [0, 1], b: [0] }])
    assert.equal((await ann.beat()).assignment, null)
    assert.deepEqual(await bob.leave(), {
      error: null,
      detail: null,
      memberEpoch: -1,
      heartbeatIntervalMs: 0,
      assignment: null,
    })
    await ann.live()
    assert.deepEqual([ann.epoch, ann.assignment], [3, { a: [0, 1], b: [0] }])
    const [described] = world.groups.describe(['g'])
    assert.deepEqual([described!.state, described!.epoch, described!.members.length], ['Stable', 3, 1])
    assert.deepEqual(described!.members[0]!.assignment[0], {
      topicId: topicIdOf('a'),
      topicName: 'a',
      partitions: [0, 1],
    })
  })

  it('gives up members that are not heard of', async () => {
    const world = await ShareWorld.make()
    const ann = await new ShareMemberDouble(world, 'ann').live()
    const bob = await new ShareMemberDouble(world, 'bob').live()
    await world.clock.advance(30_000)
    await ann.live()
    await world.clock.advance(20_000)
    await ann.live()
    assert.deepEqual(ann.assignment, { a: [0, 1] })
    assert.equal((await bob.beat()).error, 'unknown-member')
    await world.clock.advance(45_001)
    assert.equal(world.groups.describe(['g'])[0]!.state, 'Empty')
    await world.failOver()
    assert.equal(world.groups.describe(['g'])[0]!.state, 'Empty')
  })

  it('tells members of topics that come, grow and go', async () => {
    const world = await ShareWorld.make()
    const ann = await new ShareMemberDouble(world, 'ann', ['a', 'new']).live()
    world.topics.set('new', 1)
    assert.deepEqual((await ann.live()).assignment, { a: [0, 1], new: [0] })
    world.topics.set('new', 3)
    assert.deepEqual((await ann.live()).assignment, { a: [0, 1], new: [0, 1, 2] })
    world.topics.delete('a')
    assert.deepEqual((await ann.live()).assignment, { new: [0, 1, 2] })
    assert.equal(ann.epoch, 4)
    world.topics.set('b', 1)
    await ann.live({ subscribedTopicNames: ['new', 'b'] })
    // What is gone is forgotten with the next topic that comes.
    assert.deepEqual(world.groups.topicsOf('g'), [
      { topicId: topicIdOf('new'), topicName: 'new', partitionCount: 3 },
      { topicId: topicIdOf('b'), topicName: 'b', partitionCount: 1 },
    ])
  })

  it('takes another subscription at any time', async () => {
    const world = await ShareWorld.make()
    const ann = await new ShareMemberDouble(world, 'ann', ['a']).live()
    assert.deepEqual((await ann.live({ subscribedTopicNames: ['b', 'b'] })).assignment, { b: [0] })
    assert.deepEqual((await ann.live({ subscribedTopicNames: [] })).assignment, {})
  })

  it('fences members of other epochs', async () => {
    const world = await ShareWorld.make()
    const ann = await new ShareMemberDouble(world, 'ann').live()
    await new ShareMemberDouble(world, 'bob').live()
    await ann.live()
    assert.equal((await ann.beat({ memberEpoch: 9 })).error, 'fenced-member-epoch')
    // The answer with epoch 2 was lost: the member comes again with the one it knows, and is told everything.
    const again = await ann.beat({ memberEpoch: 1 })
    assert.deepEqual([again.memberEpoch, again.assignment?.length], [2, 1])
    await new ShareMemberDouble(world, 'eve').live()
    await ann.live()
    assert.equal((await ann.beat({ memberEpoch: 1 })).error, 'fenced-member-epoch')
    assert.equal((await ann.beat({ memberEpoch: 0, subscribedTopicNames: ['a'] })).error, null)
  })

  it('refuses what makes no sense', async () => {
    const world = await ShareWorld.make({ memberCountMax: 1, subscriptionCountMax: 2, memberIdLengthMax: 5 })
    const ann = new ShareMemberDouble(world, 'ann')
    assert.equal((await ann.beat({ memberEpoch: 3 })).error, 'group-not-found')
    assert.equal((await ann.beat({ memberEpoch: -1 })).error, 'group-not-found')
    await ann.live()
    const bad = [
      { memberId: '' },
      { memberId: 'sixsix' },
      { groupId: '' },
      { rackId: '' },
      { rackId: 'r'.repeat(2000) },
      { subscribedTopicNames: ['t'.repeat(250)] },
      { memberEpoch: -2 },
      { memberEpoch: 0, subscribedTopicNames: null },
      { memberEpoch: 0, subscribedTopicNames: [] },
      { subscribedTopicNames: ['x', 'y', 'z'] },
    ]
    for (const given of bad) assert.equal((await ann.beat(given)).error, 'invalid-request', JSON.stringify(given))
    const longName = 'g'.repeat(32_768)
    assert.equal(
      (await ann.beat({ groupId: longName, memberEpoch: 0, subscribedTopicNames: ['a'] })).error,
      'invalid-group-id',
    )
    assert.equal(await world.groups.ensure(longName), 'invalid-group-id')
    assert.equal(await world.groups.ensure(''), 'invalid-group-id')
    const bob = new ShareMemberDouble(world, 'bob')
    assert.equal((await bob.beat({ memberEpoch: 1 })).error, 'unknown-member')
    assert.equal((await bob.beat({ memberEpoch: -1 })).error, 'unknown-member')
    assert.equal((await bob.beat()).error, 'group-full')
    world.taken.add('classic')
    ann.groupId = 'classic'
    assert.equal((await ann.beat({ memberEpoch: 0, subscribedTopicNames: ['a'] })).error, 'group-not-found')
    assert.equal(world.groups.has('classic'), false)
  })

  it('is listed by state and type', async () => {
    const world = await ShareWorld.make()
    await new ShareMemberDouble(world, 'ann').live()
    const listed = [{ groupId: 'g', state: 'Stable' }]
    assert.deepEqual(world.groups.list(), listed)
    assert.deepEqual(world.groups.list({ states: ['sTABLE'], types: ['Share'] }), listed)
    assert.deepEqual(world.groups.list({ states: ['Empty'] }), [])
    assert.deepEqual(world.groups.list({ types: ['classic'] }), [])
    assert.deepEqual(
      world.groups.describe(['nobody']).map(({ error, state }) => [error, state]),
      [['group-not-found', 'Dead']],
    )
  })
})

describe('share groups whose coordinator is lost', () => {
  it('go on: members keep their epochs and need not join again', async () => {
    const world = await ShareWorld.make()
    const members = ['ann', 'bob', 'eve'].map((id) => new ShareMemberDouble(world, id, ['a', 'b']))
    for (const member of members) await member.live()
    for (const member of members) await member.live()
    await world.failOver()
    const [described] = world.groups.describe(['g'])
    assert.deepEqual([described!.epoch, described!.members.length], [3, 3])
    for (const member of members) {
      const { error, memberEpoch, assignment } = await member.beat()
      assert.deepEqual([error, memberEpoch, assignment === null], [null, 3, false])
    }
    for (const { assignment } of members) assert.deepEqual(assignment, { a: [0, 1], b: [0] })
    assert.equal(world.groups.list().length, 1)
  })

  it('take a member that has not heard of the last epoch', async () => {
    const world = await ShareWorld.make()
    const ann = await new ShareMemberDouble(world, 'ann').live()
    await new ShareMemberDouble(world, 'bob').live()
    await world.failOver()
    assert.equal((await ann.beat({ memberEpoch: 7 })).error, 'fenced-member-epoch')
    await ann.live()
    assert.equal(ann.epoch, 2)
  })

  it('have no member that was not answered, unless its record made it', async () => {
    for (const keptCount of [0, 1]) {
      const world = await ShareWorld.make()
      await new ShareMemberDouble(world, 'ann').live()
      world.log.held = true
      let isAnswered = false
      const bob = new ShareMemberDouble(world, 'bob')
      void bob.beat().then(() => (isAnswered = true))
      await flush()
      assert.equal(isAnswered, false)
      await world.failOver(keptCount)
      assert.equal(world.groups.describe(['g'])[0]!.members.length, 1 + keptCount)
      await bob.live()
      assert.equal(world.groups.describe(['g'])[0]!.members.length, 2)
    }
  })

  it('are written as a whole after a write that failed', async () => {
    const world = await ShareWorld.make()
    const ann = await new ShareMemberDouble(world, 'ann').live()
    world.log.failure = { code: 'not-enough-replicas', kept: false }
    const bob = new ShareMemberDouble(world, 'bob')
    assert.equal((await bob.beat()).error, 'coordinator-not-available')
    world.log.failure = null
    await ann.live()
    await world.failOver()
    assert.equal(world.groups.describe(['g'])[0]!.members.length, 2)
    assert.equal(world.groups.describe(['g'])[0]!.epoch, 2)
  })

  it('are not served while they are read, or elsewhere', async () => {
    const world = new ShareWorld()
    const ann = new ShareMemberDouble(world, 'ann')
    assert.equal((await ann.beat()).error, 'coordinator-loading')
    world.log.loseLeadership(0)
    world.log.loseLeadership(1)
    assert.equal((await ann.beat()).error, 'not-coordinator')
    assert.equal(world.groups.changeFault('g'), 'not-coordinator')
    await world.groups.stop()
    await assert.rejects(world.groups.load(0), BrokerError)
  })

  it('are not taken over by a load that was overtaken', async () => {
    const world = new ShareWorld()
    const gate = Promise.withResolvers<void>()
    world.log.replayGate = gate.promise
    const loading = world.groups.load(0)
    world.groups.unload(0)
    gate.resolve()
    await loading
    world.log.loseLeadership(1)
    assert.equal((await new ShareMemberDouble(world, 'ann').beat()).error === null, false)
  })

  it('skip records that are damaged or of other kinds', async () => {
    const world = new ShareWorld()
    world.log.inject(0, Buffer.from([0, 11]), Buffer.from([0, 0]))
    world.log.inject(0, Buffer.from([0, 14, 0, 1, 103]), Buffer.from([0, 0]))
    world.log.inject(0, Buffer.from([9]), null)
    await world.load()
    assert.deepEqual(world.groups.list(), [])
  })
})

describe('a share group that is deleted', () => {
  it('must have no members, and is gone for good', async () => {
    const world = await ShareWorld.make()
    const ann = await new ShareMemberDouble(world, 'ann').live()
    const work = () => Promise.resolve()
    assert.equal(await world.groups.delete('g', work), 'group-not-empty')
    await ann.leave()
    assert.equal(world.groups.changeFault('g'), null)
    const failing = () => Promise.reject(new BrokerError('storage'))
    assert.equal(await world.groups.delete('g', failing), 'storage')
    assert.equal(world.groups.has('g'), true)
    const gate = Promise.withResolvers<void>()
    const deleting = world.groups.delete('g', () => gate.promise)
    ann.epoch = 0
    assert.equal((await ann.beat()).error, 'coordinator-not-available')
    gate.resolve()
    assert.equal(await deleting, null)
    assert.equal(await world.groups.delete('g', work), 'group-not-found')
    await world.failOver()
    assert.deepEqual(world.groups.list(), [])
    assert.equal((await ann.live()).epoch, 1)
  })

  it('remembers and forgets topics', async () => {
    const world = await ShareWorld.make()
    await (await new ShareMemberDouble(world, 'ann').live()).leave()
    const topic = { topicId: topicIdOf('b'), topicName: 'b', partitionCount: 1 }
    assert.equal(await world.groups.noteTopics('g', [topic]), null)
    await world.failOver()
    assert.deepEqual(world.groups.topicsOf('g'), [
      { topicId: topicIdOf('a'), topicName: 'a', partitionCount: 2 },
      topic,
    ])
    assert.equal(await world.groups.forgetTopics('g', [topicIdOf('a'), 'nothing']), null)
    await world.failOver()
    assert.deepEqual(world.groups.topicsOf('g'), [topic])
    assert.equal(await world.groups.noteTopics('nobody', [topic]), 'group-not-found')
  })
})
