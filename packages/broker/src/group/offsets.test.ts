import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ErrorCode } from '../errors/errors.ts'
import type { CommitRequest } from './messages.ts'
import { assemble, Consumer, settle } from './testing/consumer.ts'
import { flush } from './testing/manual-clock.ts'
import { World } from './testing/world.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Fewer looks for expired offsets than by default make for fewer steps of the clock. */
const hourly = { offsetsRetentionCheckIntervalMs: hourMs }

/** A commit without membership. */
function simple(groupId: string, offset: number, partition = 0, topic = 'a'): CommitRequest {
  const partitions = [{ partition, offset, leaderEpoch: 7, metadata: null }]
  return { groupId, memberId: '', instanceId: null, generation: -1, topics: [{ topic, partitions }] }
}

async function commitSimply(world: World, offset: number, partition = 0): Promise<ErrorCode | null> {
  const answer = await world.coordinator.commitOffsets(simple('g', offset, partition))
  return answer.topics[0]!.partitions[0]!.error
}

function fetchAll(world: World, groupId = 'g'): unknown {
  return world.coordinator.fetchOffsets({ groupId, topics: null, requireStable: false }).topics
}

describe('a commit', () => {
  it('comes back as it was, after a crash too', async () => {
    const world = await World.make()
    const topics = [
      { topic: 'a', partitions: [{ partition: 3, offset: 2 ** 53 - 1, leaderEpoch: 9, metadata: 'äöü ☃' }] },
      { topic: 'b', partitions: [{ partition: 0, offset: -1, leaderEpoch: -1, metadata: null }] },
    ]
    const answer = await world.coordinator.commitOffsets({ ...simple('g', 0), topics })
    assert.deepEqual(answer, {
      error: null,
      topics: [
        { topic: 'a', partitions: [{ partition: 3, error: null }] },
        { topic: 'b', partitions: [{ partition: 0, error: null }] },
      ],
    })
    await world.crash()
    assert.deepEqual(fetchAll(world), [
      { topic: 'a', partitions: [{ partition: 3, offset: 2 ** 53 - 1, leaderEpoch: 9, metadata: 'äöü ☃' }] },
      { topic: 'b', partitions: [{ partition: 0, offset: -1, leaderEpoch: -1, metadata: '' }] },
    ])
    const listed = [{ topic: 'a', partitions: [3, 4] }]
    assert.deepEqual(world.coordinator.fetchOffsets({ groupId: 'g', topics: listed, requireStable: true }).topics, [
      {
        topic: 'a',
        partitions: [
          { partition: 3, offset: 2 ** 53 - 1, leaderEpoch: 9, metadata: 'äöü ☃' },
          { partition: 4, offset: -1, leaderEpoch: -1, metadata: '' },
        ],
      },
    ])
  })

  it('is answered and shown when the log has it, not before', async () => {
    const world = await World.make()
    await commitSimply(world, 1)
    world.log.held = true
    let answered = false
    void commitSimply(world, 2).then(() => (answered = true))
    await flush()
    assert.deepEqual([answered, world.offset('g')], [false, 1])
    world.log.release()
    await flush()
    assert.deepEqual([answered, world.offset('g')], [true, 2])
  })

  it('that overtakes another is not undone by it', async () => {
    const world = await World.make()
    world.log.held = true
    const commits = [commitSimply(world, 1), commitSimply(world, 2), commitSimply(world, 3)]
    world.log.release('reversed')
    assert.deepEqual(await Promise.all(commits), [null, null, null])
    assert.equal(world.offset('g'), 3)
    await world.crash()
    assert.equal(world.offset('g'), 3)
  })

  it('that fails leaves the one before in force and says so', async () => {
    const world = await World.make()
    await commitSimply(world, 1)
    const cases: [ErrorCode, ErrorCode][] = [
      ['not-leader', 'not-coordinator'],
      ['storage', 'not-coordinator'],
      ['stopping', 'not-coordinator'],
      ['not-enough-replicas', 'coordinator-not-available'],
      ['timed-out', 'coordinator-not-available'],
      ['message-too-large', 'message-too-large'],
    ]
    for (const [code, expected] of cases) {
      world.log.failure = { code, kept: false }
      assert.equal(await commitSimply(world, 2), expected)
      assert.equal(world.offset('g'), 1)
    }
    assert.equal(world.logger.lines.filter(({ event }) => event === 'offsets not stored').length, cases.length)
  })

  it('that takes too long, as on a full disk, is answered in time and takes effect late', async () => {
    const world = await World.make()
    await commitSimply(world, 1)
    world.log.held = true
    const commit = commitSimply(world, 2)
    await world.advance(4_999)
    assert.equal(world.logger.lines.filter(({ event }) => event === 'offsets not stored').length, 0)
    await world.advance(1)
    assert.equal(await commit, 'coordinator-not-available')
    assert.equal(world.offset('g'), 1)
    world.log.release()
    world.log.held = false
    await flush()
    assert.equal(world.offset('g'), 2)
    assert.equal(await commitSimply(world, 3), null)
    assert.equal(world.offset('g'), 3)
  })

  it('that fails leaves no trace of a group that was not there', async () => {
    const world = await World.make()
    world.log.failure = { code: 'storage', kept: false }
    await commitSimply(world, 2)
    assert.equal(world.coordinator.groupCount, 0)
  })

  it('fails by partition for what concerns one alone', async () => {
    const world = await World.make({ groupOffsetsMax: 2 })
    const at = (partition: number, metadata: string | null = null) => ({
      partition,
      offset: 1,
      leaderEpoch: -1,
      metadata,
    })
    const topics = [
      { topic: 'a', partitions: [at(0, 'é'.repeat(2048)), at(1, `${'é'.repeat(2048)}.`), at(8), at(-1)] },
      { topic: 'missing', partitions: [at(0)] },
      { topic: 'b', partitions: [at(0), at(1), at(0)] },
    ]
    const answer = await world.coordinator.commitOffsets({ ...simple('g', 0), topics })
    assert.equal(answer.error, null)
    assert.deepEqual(
      answer.topics.map(({ partitions }) => partitions.map(({ error }) => error)),
      [
        [null, 'offset-metadata-too-large', 'unknown-topic', 'unknown-topic'],
        ['unknown-topic'],
        [null, 'limit-exceeded', null],
      ],
    )
  })

  it('without membership is for groups without members', async () => {
    const world = await World.make()
    assert.equal(await commitSimply(world, 1), null)
    const ann = new Consumer(world, 'ann')
    await assemble(ann)
    assert.equal(await commitSimply(world, 2), 'unknown-member')
    assert.equal(world.offset('g'), 1)
    ann.leave()
    assert.equal(await commitSimply(world, 2), null)
  })

  it('keeps a member alive', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann')
    await assemble(ann)
    for (let round = 0; round < 4; round++) {
      await world.advance(9_000)
      assert.equal(await ann.commit(round), null)
    }
  })

  it('is taken while members join, and not between join and assignment', async () => {
    const world = await World.make()
    const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob')]
    await assemble(ann)
    await bob.join()
    assert.equal(await ann.commit(10), null)
    await ann.join()
    assert.equal(await ann.commit(11), 'rebalance-in-progress')
    await settle(ann, bob)
    assert.equal(await ann.commit(12), null)
    assert.equal(world.offset('g'), 12)
  })
})

describe('a rebalance storm', () => {
  it('never loses a committed offset or lets it read as absent', async () => {
    const world = await World.make()
    let consumers = [new Consumer(world, 'm0')]
    await assemble(...consumers)
    let committed = 0
    assert.equal(await consumers[0]!.commit(committed), null)
    for (let round = 1; round <= 40; round++) {
      const check = (when: string): void => {
        const offset = world.offset('g')
        assert.ok(offset >= committed, `round ${round}, ${when}: ${offset} read after ${committed} was committed`)
      }
      const fresh = new Consumer(world, `m${round}`)
      await fresh.join()
      check('joining')
      for (const consumer of consumers) {
        if ((await consumer.commit(committed + 1)) === null) committed++
        check('committed while joining')
        await consumer.join()
        check('rejoined')
      }
      consumers.push(fresh)
      check('all joined')
      for (const consumer of consumers) {
        assert.equal(await consumer.commit(committed + 1000), 'rebalance-in-progress')
        check('assigning')
      }
      await settle(...consumers)
      if (round % 5 === 0) await world.crash()
      check('assigned')
      if (consumers.length > 4) {
        consumers[round % consumers.length]!.leave()
        consumers = consumers.filter((_, index) => index !== round % consumers.length)
        for (const consumer of consumers) await consumer.join()
        await settle(...consumers)
        check('one left')
      }
    }
    assert.ok(committed > 80)
  })
})

describe('deletion of offsets', () => {
  it('spares topics that members subscribe to', async () => {
    const world = await World.make()
    const topics = [
      { topic: 'a', partitions: [0] },
      { topic: 'b', partitions: [0, 5, 0] },
    ]
    assert.equal((await world.coordinator.deleteOffsets({ groupId: 'g', topics })).error, 'group-not-found')
    await world.coordinator.commitOffsets(simple('g', 1))
    await world.coordinator.commitOffsets(simple('g', 2, 0, 'b'))
    const ann = new Consumer(world, 'ann', { topics: ['a'] })
    await assemble(ann)
    assert.deepEqual((await world.coordinator.deleteOffsets({ groupId: 'g', topics })).topics, [
      { topic: 'a', partitions: [{ partition: 0, error: 'group-subscribed' }] },
      {
        topic: 'b',
        partitions: [
          { partition: 0, error: null },
          { partition: 5, error: null },
          { partition: 0, error: null },
        ],
      },
    ])
    await world.crash()
    assert.deepEqual(fetchAll(world), [
      { topic: 'a', partitions: [{ partition: 0, offset: 1, leaderEpoch: 7, metadata: '' }] },
    ])
    ann.leave()
    await world.coordinator.deleteOffsets({ groupId: 'g', topics })
    assert.deepEqual(fetchAll(world), [])
  })

  it('spares everything if a subscription cannot be read', async () => {
    const world = await World.make()
    await commitSimply(world, 1)
    const ann = new Consumer(world, 'ann')
    ann.metadata = new Uint8Array([0, 1, 0x7f])
    await assemble(ann)
    const topics = [{ topic: 'a', partitions: [0] }]
    const answer = await world.coordinator.deleteOffsets({ groupId: 'g', topics })
    assert.equal(answer.topics[0]!.partitions[0]!.error, 'group-subscribed')
  })

  it('that fails keeps the offset', async () => {
    const world = await World.make()
    await commitSimply(world, 1)
    world.log.failure = { code: 'storage', kept: false }
    const topics = [{ topic: 'a', partitions: [0] }]
    assert.equal((await world.coordinator.deleteOffsets({ groupId: 'g', topics })).error, 'not-coordinator')
    assert.equal(world.offset('g'), 1)
  })

  it('does not take a commit with it that came later', async () => {
    const world = await World.make()
    await commitSimply(world, 1)
    world.log.held = true
    const topics = [{ topic: 'a', partitions: [0] }]
    const deletion = world.coordinator.deleteOffsets({ groupId: 'g', topics })
    const commit = commitSimply(world, 2)
    world.log.release('reversed')
    await Promise.all([deletion, commit])
    assert.equal(world.offset('g'), 2)
    await world.crash()
    assert.equal(world.offset('g'), 2)
  })

  it('of a topic takes all groups along, even commits under way and groups being loaded', async () => {
    const world = await World.make()
    await commitSimply(world, 1)
    await commitSimply(world, 1, 4)
    await world.coordinator.commitOffsets(simple('h', 5))
    await world.coordinator.commitOffsets(simple('h', 5, 0, 'b'))
    world.log.held = true
    const commit = commitSimply(world, 2, 7)
    const dropped = world.coordinator.onTopicDeleted('a')
    world.log.release('reversed')
    await Promise.all([commit, dropped])
    world.log.held = false
    assert.deepEqual(fetchAll(world), [])
    assert.deepEqual(fetchAll(world, 'h'), [
      { topic: 'b', partitions: [{ partition: 0, offset: 5, leaderEpoch: 7, metadata: '' }] },
    ])
    const gate = Promise.withResolvers<void>()
    world.log.replayGate = gate.promise
    const crashed = world.crash()
    await flush()
    await world.coordinator.onTopicDeleted('b')
    gate.resolve()
    await crashed
    await flush()
    assert.deepEqual(fetchAll(world, 'h'), [])
  })
})

describe('expiry', () => {
  it('removes an empty group with its offsets after the retention, in the log too', async () => {
    const world = await World.make({ tombstoneBatchRecordsMax: 3, ...hourly })
    const ann = new Consumer(world, 'ann')
    await assemble(ann)
    for (let partition = 0; partition < 8; partition++) await ann.commit(5, partition)
    await world.advance(9_000)
    ann.beat()
    ann.leave()
    await world.advance(7 * dayMs - hourMs)
    assert.equal(world.offset('g'), 5)
    await world.advance(2 * hourMs)
    assert.equal(world.coordinator.groupCount, 0)
    await world.crash()
    assert.equal(world.coordinator.groupCount, 0)
  })

  it('counts from the last commit for consumers without membership', async () => {
    const world = await World.make(hourly)
    await commitSimply(world, 1)
    await world.advance(6 * dayMs)
    await commitSimply(world, 2, 1)
    await world.advance(2 * dayMs)
    assert.deepEqual([world.offset('g'), world.offset('g', 1)], [-1, 2])
    await world.advance(6 * dayMs)
    assert.equal(world.coordinator.groupCount, 0)
  })

  it('counts from when the last member went, if that was later', async () => {
    const world = await World.make(hourly)
    const ann = new Consumer(world, 'ann', { sessionTimeoutMs: 1_800_000 })
    await assemble(ann)
    await ann.commit(5)
    for (let minute = 0; minute < 24 * 60; minute += 20) {
      await world.advance(20 * 60_000)
      ann.beat()
    }
    ann.leave()
    await world.advance(6.5 * dayMs)
    assert.equal(world.offset('g'), 5)
    await world.advance(dayMs)
    assert.equal(world.offset('g'), -1)
  })

  it('does not touch what is being written', async () => {
    const world = await World.make(hourly)
    await commitSimply(world, 1)
    await world.advance(7 * dayMs - hourMs / 2)
    world.log.held = true
    const commit = commitSimply(world, 2)
    await world.advance(2 * hourMs)
    world.log.release()
    world.log.held = false
    assert.equal(await commit, 'coordinator-not-available')
    await flush()
    assert.equal(world.offset('g'), 2)
  })

  it('spares groups with members, but not topics that they gave up', async () => {
    const world = await World.make(hourly)
    await commitSimply(world, 1)
    await world.coordinator.commitOffsets(simple('g', 2, 0, 'b'))
    const ann = new Consumer(world, 'ann', { sessionTimeoutMs: 1_800_000 })
    await assemble(ann)
    for (let minute = 0; minute < 8 * 24 * 60; minute += 20) {
      await world.advance(20 * 60_000)
      ann.beat()
    }
    assert.equal(world.offset('g'), 1)
    assert.equal((fetchAll(world) as unknown[]).length, 1)
  })

  it('that cannot be written is tried again', async () => {
    const world = await World.make(hourly)
    await commitSimply(world, 1)
    world.log.failure = { code: 'not-enough-replicas', kept: false }
    await world.advance(7 * dayMs + hourMs)
    assert.equal(world.offset('g'), 1)
    world.log.failure = null
    await world.advance(hourMs)
    assert.equal(world.coordinator.groupCount, 0)
  })
})

describe('deletion of groups', () => {
  it('takes empty ones with all they have', async () => {
    const world = await World.make(hourly)
    const [ann, bob] = [new Consumer(world, 'ann'), new Consumer(world, 'bob', { groupId: 'busy' })]
    await assemble(ann)
    await assemble(bob)
    await ann.commit(4)
    ann.leave()
    assert.deepEqual(await world.coordinator.deleteGroups(['g', 'busy', 'none']), [
      { groupId: 'g', error: null },
      { groupId: 'busy', error: 'group-not-empty' },
      { groupId: 'none', error: 'group-not-found' },
    ])
    assert.equal(world.offset('g'), -1)
    await world.crash()
    assert.equal(world.offset('g'), -1)
    assert.deepEqual(
      world.coordinator.list().groups.map(({ groupId }) => groupId),
      ['busy'],
    )
  })

  it('lets nobody in meanwhile, and gives the group back if it fails', async () => {
    const world = await World.make(hourly)
    await commitSimply(world, 4)
    const pending = new Consumer(world, 'ann', { memberIdRequired: true })
    await pending.join()
    world.log.held = true
    const deletion = world.coordinator.deleteGroups(['g'])
    await flush()
    assert.equal((await pending.join())!.error, 'coordinator-not-available')
    assert.equal(await commitSimply(world, 5), 'coordinator-not-available')
    assert.equal((await world.coordinator.deleteGroups(['g']))[0]!.error, 'group-not-found')
    world.log.failure = { code: 'storage', kept: false }
    world.log.release()
    assert.deepEqual(await deletion, [{ groupId: 'g', error: 'not-coordinator' }])
    world.log.failure = null
    world.log.held = false
    assert.equal(world.offset('g'), 4)
    assert.equal(await commitSimply(world, 6), null)
    assert.equal((await pending.join())!.error, 'unknown-member', 'its id went with the attempt')
  })
})
