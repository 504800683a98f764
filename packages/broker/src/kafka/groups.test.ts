import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import { TestBroker } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'
import { versionsOf } from './testing/versions-of.ts'

let broker: TestBroker
let client: TestClient
describe('groups', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
  })
  afterEach(async () => {
    await broker.stop()
    assert.deepEqual(broker.errors(), [])
  })

  const protocols = [{ name: 'range', metadata: Buffer.from('subscription') }]

  function joinRequest(memberId: string) {
    return { groupId: 'g', sessionTimeoutMs: 10_000, memberId, protocolType: 'consumer', protocols }
  }

  /** Joins as the only member and brings the assignment; returns what membership consists of. */
  async function enter(joinVersion = 5, syncVersion = 3) {
    const first = await client.call(apis[11], joinVersion, joinRequest(''))
    const joined =
      first.errorCode === 79 ? await client.call(apis[11], joinVersion, joinRequest(first.memberId)) : first
    assert.equal(joined.errorCode, 0)
    const { memberId, generationId } = joined
    const assignments = [{ memberId, assignment: Buffer.from('assignment') }]
    const synced = await client.call(apis[14], syncVersion, { groupId: 'g', memberId, generationId, assignments })
    return { first, joined, synced, memberId, generationId }
  }

  describe('membership', () => {
    for (const version of versionsOf(apis[11])) {
      test(`JoinGroup ${version}`, async () => {
        const { first, joined, memberId } = await enter(version)
        assert.equal(first.errorCode, version < 4 ? 0 : 79)
        assert.equal(joined.leader, memberId)
        assert.equal(joined.protocolName, 'range')
        assert.deepEqual(
          joined.members.map((each) => [each.memberId, String(each.metadata)]),
          [[memberId, 'subscription']],
        )
        if (version >= 7) assert.equal(joined.protocolType, 'consumer')
        const refused = await client.call(apis[11], version, { ...joinRequest('nobody'), groupId: 'g' })
        assert.equal(refused.errorCode, 25)
      })
    }

    for (const version of versionsOf(apis[14])) {
      test(`SyncGroup ${version}`, async () => {
        const { synced, memberId } = await enter(5, version)
        assert.deepEqual([synced.errorCode, String(synced.assignment)], [0, 'assignment'])
        const wrong = { groupId: 'g', memberId, generationId: 77, assignments: [] }
        assert.equal((await client.call(apis[14], version, wrong)).errorCode, 22)
      })
    }

    for (const version of versionsOf(apis[12])) {
      test(`Heartbeat ${version}`, async () => {
        const { memberId, generationId } = await enter()
        const asked = { groupId: 'g', memberId, generationId }
        assert.equal((await client.call(apis[12], version, asked)).errorCode, 0)
        assert.equal((await client.call(apis[12], version, { ...asked, memberId: 'nobody' })).errorCode, 25)
        assert.equal((await client.call(apis[12], version, { ...asked, generationId: 9 })).errorCode, 22)
      })
    }

    for (const version of versionsOf(apis[13])) {
      test(`LeaveGroup ${version}`, async () => {
        const { memberId } = await enter()
        if (version < 3) {
          assert.equal((await client.call(apis[13], version, { groupId: 'g', memberId })).errorCode, 0)
          assert.equal((await client.call(apis[13], version, { groupId: 'g', memberId })).errorCode, 25)
          return
        }
        const members = [{ memberId }, { memberId: 'nobody' }]
        const answer = await client.call(apis[13], version, { groupId: 'g', members })
        assert.deepEqual(
          answer.members.map(({ errorCode }) => errorCode),
          [0, 25],
        )
      })
    }

    test('what a member sent is kept, although the memory it came in is used again', async () => {
      const { memberId } = await enter()
      for (let each = 0; each < 50; each++) await client.call(apis[3], 9, { topics: [{ name: 'x'.repeat(200) }] })
      const { groups } = await client.call(apis[15], 5, { groups: ['g'] })
      const [member] = groups[0]!.members
      assert.deepEqual(
        [member!.memberId, String(member!.memberMetadata), String(member!.memberAssignment)],
        [memberId, 'subscription', 'assignment'],
      )
      assert.deepEqual([member!.clientId, member!.clientHost], ['test', '127.0.0.1'])
    })
  })

  describe('offsets', () => {
    function commitRequest(topic: object) {
      const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: 'note' }]
      return { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', topics: [{ ...topic, partitions }] }
    }

    for (const version of versionsOf(apis[8])) {
      test(`OffsetCommit ${version}`, async () => {
        const { topicId } = await broker.makeTopic('orders')
        const named = (name: string, id: string) => (version < 10 ? { name } : { topicId: id })
        const known = await client.call(apis[8], version, commitRequest(named('orders', topicId)))
        assert.equal(known.topics[0]!.partitions[0]!.errorCode, 0)
        const unknown = await client.call(apis[8], version, commitRequest(named('nowhere', 'AAAAAAAAAAAAAAAAAAAAAQ')))
        assert.equal(unknown.topics[0]!.partitions[0]!.errorCode, version < 10 ? 3 : 100)
        const late = { ...commitRequest(named('orders', topicId)), generationIdOrMemberEpoch: 3, memberId: 'nobody' }
        assert.notEqual((await client.call(apis[8], version, late)).topics[0]!.partitions[0]!.errorCode, 0)
      })
    }

    test('OffsetCommit with a mixture of known and unknown ids keeps the order', async () => {
      const { topicId } = await broker.makeTopic('orders')
      const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ'
      const topics = [unknown, topicId, unknown].map((id) => ({
        topicId: id,
        partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }],
      }))
      const answer = await client.call(apis[8], 10, { ...commitRequest({}), topics })
      assert.deepEqual(
        answer.topics.map((each) => [each.topicId, each.partitions[0]!.errorCode]),
        [
          [unknown, 100],
          [topicId, 0],
          [unknown, 100],
        ],
      )
    })

    for (const version of versionsOf(apis[9])) {
      test(`OffsetFetch ${version}`, async () => {
        const { topicId } = await broker.makeTopic('orders', 2)
        await client.call(apis[8], 8, commitRequest({ name: 'orders' }))
        const expected = [
          [0, 5, 'note', 0],
          [1, -1, '', 0],
        ]
        const partitionIndexes = [0, 1]
        if (version < 8) {
          const answer = await client.call(apis[9], version, {
            groupId: 'g',
            topics: [{ name: 'orders', partitionIndexes }],
          })
          assert.deepEqual(answer.topics[0]!.partitions.map(values), expected)
          if (version < 2) return
          const all = await client.call(apis[9], version, { groupId: 'g', topics: null })
          assert.deepEqual(all.topics[0]!.partitions.map(values), expected.slice(0, 1))
          return
        }
        const topic = version < 10 ? { name: 'orders' } : { topicId }
        const groups = [
          { groupId: 'g', topics: [{ ...topic, partitionIndexes }] },
          { groupId: 'g', topics: null },
          { groupId: 'other', topics: [{ ...topic, partitionIndexes: [0] }] },
        ]
        const answer = await client.call(apis[9], version, { groups })
        assert.deepEqual(answer.groups[0]!.topics[0]!.partitions.map(values), expected)
        assert.deepEqual(answer.groups[1]!.topics[0]!.partitions.map(values), expected.slice(0, 1))
        assert.deepEqual(answer.groups[2]!.topics[0]!.partitions.map(values), [[0, -1, '', 0]])
        if (version >= 10) assert.equal(answer.groups[1]!.topics[0]!.topicId, topicId)
      })
    }

    function values(each: {
      partitionIndex: number
      committedOffset: number
      metadata: string | null
      errorCode: number
    }) {
      return [each.partitionIndex, each.committedOffset, each.metadata, each.errorCode]
    }

    test('OffsetDelete', async () => {
      await broker.makeTopic('orders')
      await client.call(apis[8], 8, commitRequest({ name: 'orders' }))
      const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0 }] }]
      const answer = await client.call(apis[47], 0, { groupId: 'g', topics })
      assert.deepEqual([answer.errorCode, answer.topics[0]!.partitions[0]!.errorCode], [0, 0])
      assert.equal((await client.call(apis[47], 0, { groupId: 'nobody', topics })).errorCode, 69)
    })
  })

  describe('administration', () => {
    for (const version of versionsOf(apis[15])) {
      test(`DescribeGroups ${version}`, async () => {
        const { memberId } = await enter()
        const asked = { groups: ['g', 'nobody'], ...(version >= 3 && { includeAuthorizedOperations: true }) }
        const { groups } = await client.call(apis[15], version, asked)
        const [known, unknown] = groups
        assert.deepEqual([known!.errorCode, known!.groupState, known!.protocolData], [0, 'Stable', 'range'])
        assert.deepEqual(
          known!.members.map((each) => each.memberId),
          [memberId],
        )
        if (version >= 3) assert.equal(known!.authorizedOperations, 3400)
        assert.deepEqual([unknown!.errorCode, unknown!.groupState], [version < 6 ? 0 : 69, 'Dead'])
      })
    }

    for (const version of versionsOf(apis[16])) {
      test(`ListGroups ${version}`, async () => {
        await enter()
        const { errorCode, groups } = await client.call(apis[16], version, {})
        assert.deepEqual(
          [errorCode, groups.map(({ groupId, protocolType }) => [groupId, protocolType])],
          [0, [['g', 'consumer']]],
        )
        if (version >= 4) assert.equal(groups[0]!.groupState, 'Stable')
        if (version >= 5) assert.equal(groups[0]!.groupType, 'classic')
        if (version < 4) return
        assert.deepEqual((await client.call(apis[16], version, { statesFilter: ['Empty'] })).groups, [])
      })
    }

    for (const version of versionsOf(apis[42])) {
      test(`DeleteGroups ${version}`, async () => {
        const { memberId } = await enter()
        const remove = async () => {
          const { results } = await client.call(apis[42], version, { groupsNames: ['g', 'nobody'] })
          return results.map(({ groupId, errorCode }) => [groupId, errorCode])
        }
        assert.deepEqual(await remove(), [
          ['g', 68],
          ['nobody', 69],
        ])
        await client.call(apis[13], 1, { groupId: 'g', memberId })
        assert.deepEqual((await remove())[0], ['g', 0])
      })
    }
  })
})
