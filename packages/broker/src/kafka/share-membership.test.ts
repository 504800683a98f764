import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

const invalidRequest = 42

describe('membership of share groups', () => {
  let broker: TestBroker
  let client: TestClient
  let topicId: string

  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
    ;({ topicId } = await broker.makeTopic('jobs', 2))
  })
  afterEach(async () => {
    await broker.stop()
    assert.deepEqual(broker.errors(), [])
  })

  const beat = (memberId: string, memberEpoch: number, given: object = {}) =>
    client.call(apis[76], 1, {
      groupId: 'g',
      memberId,
      memberEpoch,
      subscribedTopicNames: memberEpoch === 0 ? ['jobs'] : null,
      ...given,
    })

  test('ShareGroupHeartbeat takes a member in, keeps it and lets it go', async () => {
    const joined = await beat('ann', 0)
    assert.deepEqual(
      [joined.errorCode, joined.memberId, joined.memberEpoch, joined.heartbeatIntervalMs],
      [0, 'ann', 1, 5000],
    )
    assert.deepEqual(joined.assignment, { topicPartitions: [{ topicId, partitions: [0, 1] }] })
    assert.equal((await beat('ann', 1)).assignment, null)
    const fenced = await beat('ann', 7)
    assert.deepEqual([fenced.errorCode, fenced.memberEpoch, fenced.errorMessage !== null], [110, 0, true])
    assert.equal((await beat('bob', 3)).errorCode, 25)
    assert.deepEqual((await beat('ann', -1)).memberEpoch, -1)
    assert.equal((await beat('ann', 0, { subscribedTopicNames: null })).errorCode, invalidRequest)
  })

  test('FindCoordinator finds who keeps the progress of a group on a partition', async () => {
    const find = async (key: string) => {
      const { coordinators } = await client.call(apis[10], 6, { keyType: 2, coordinatorKeys: [key] })
      return [coordinators[0]!.errorCode, coordinators[0]!.nodeId]
    }
    assert.deepEqual(await find(`g:${topicId}:0`), [15, -1])
    broker.topics.addInternal('__share_group_state', 4)
    for (const key of [`g:${topicId}:0`, `a:b:${topicId}:12`]) assert.deepEqual(await find(key), [0, 1])
    for (const key of ['g', `g:${topicId}`, `:${topicId}:0`, `g:${topicId}:x`])
      assert.deepEqual(await find(key), [42, -1])
  })

  test('a member that hangs, and is heard of, keeps no messages from those that have time', async () => {
    await beat('hung', 0)
    await beat('idle', 0)
    for (const index of [0, 1]) {
      broker.topics.partition('jobs', index)!.append(makeTestBatch({ values: ['job'] }), true, 1)
    }
    const { assignment } = await beat('idle', 2, { subscribedTopicNames: ['jobs'] })
    const [{ partitions } = { partitions: [] }] = assignment!.topicPartitions
    const topics = [{ topicId, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }]
    const request = { groupId: 'g', memberId: 'idle', shareSessionEpoch: 0, maxRecords: 9, batchSize: 9, topics }
    const { responses } = await client.call(apis[78], 1, { ...request, maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20 })
    const acquired = responses[0]!.partitions.map(({ partitionIndex, acquiredRecords }) => {
      return [partitionIndex, acquiredRecords.length]
    })
    assert.deepEqual(
      acquired.toSorted(([a], [b]) => a! - b!),
      [
        [0, 1],
        [1, 1],
      ],
    )
  })

  test('ShareGroupDescribe shows members and what they read', async () => {
    await beat('ann', 0)
    const { groups } = await client.call(apis[77], 1, {
      groupIds: ['g', 'nobody'],
      includeAuthorizedOperations: true,
    })
    const [group, missing] = groups
    assert.deepEqual([group!.groupState, group!.groupEpoch, group!.assignorName], ['Stable', 1, 'simple'])
    assert.deepEqual(group!.members, [
      {
        memberId: 'ann',
        rackId: null,
        memberEpoch: 1,
        clientId: 'test',
        clientHost: '127.0.0.1',
        subscribedTopicNames: ['jobs'],
        assignment: { topicPartitions: [{ topicId, topicName: 'jobs', partitions: [0, 1] }] },
      },
    ])
    assert.equal(group!.authorizedOperations, 3400)
    assert.deepEqual([missing!.errorCode, missing!.groupState], [69, ''])
  })

  test('ListGroups, DescribeGroups and DeleteGroups know of share groups', async () => {
    await beat('ann', 0)
    const list = async (filter: object) => {
      const { groups } = await client.call(apis[16], 5, filter)
      return groups.map((each) => [each.groupId, each.protocolType, each.groupState, each.groupType])
    }
    const shown = [['g', 'share', 'Stable', 'share']]
    assert.deepEqual(await list({}), shown)
    assert.deepEqual(await list({ typesFilter: ['share'], statesFilter: ['stable'] }), shown)
    assert.deepEqual(await list({ typesFilter: ['classic'] }), [])
    assert.equal((await client.call(apis[15], 6, { groups: ['g'] })).groups[0]!.errorCode, 69)
    const remove = async () => (await client.call(apis[42], 2, { groupsNames: ['g'] })).results[0]!.errorCode
    assert.equal(await remove(), 68)
    await beat('ann', -1)
    assert.equal(await remove(), 0)
    assert.deepEqual(await list({}), [])
  })

  test('a name is of one kind of group', async () => {
    await beat('ann', 0)
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
    const join = { groupId: 'g', sessionTimeoutMs: 10_000, memberId: '', protocolType: 'consumer', protocols }
    assert.equal((await client.call(apis[11], 3, join)).errorCode, 23)
    const offsets = [{ name: 'jobs', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }]
    const commit = { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', topics: offsets }
    assert.equal((await client.call(apis[8], 8, commit)).topics[0]!.partitions[0]!.errorCode, 69)
    await client.call(apis[8], 8, { ...commit, groupId: 'classic' })
    assert.equal((await beat('ann', 0, { groupId: 'classic' })).errorCode, 69)
  })
})
