import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import { TestBroker } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'
import { versionsOf } from './testing/versions-of.ts'

let broker: TestBroker
let client: TestClient
describe('cluster admin', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
  })
  afterEach(async () => {
    await broker.stop()
    assert.deepEqual(broker.errors(), [])
  })

  describe('administration of the cluster', () => {
    const move = { partitionIndex: 0, replicas: [2] }
    let topicId: string
    beforeEach(async () => {
      topicId = (await broker.makeTopic('orders', 2)).topicId
    })

    for (const version of versionsOf(apis[45])) {
      test(`AlterPartitionReassignments ${version}`, async () => {
        broker.clusterAdmin.faults.set(1, 'no-reassignment')
        const topics = [
          {
            name: 'orders',
            partitions: [move, { partitionIndex: 1, replicas: null }, { partitionIndex: 2, replicas: [1] }],
          },
          { name: 'returns', partitions: [move] },
        ]
        const answer = await client.call(apis[45], version, { topics })
        assert.deepEqual(
          answer.responses.map(({ name, partitions }) => [name, ...partitions.map(({ errorCode }) => errorCode)]),
          [
            ['orders', 0, 85, 3],
            ['returns', 3],
          ],
        )
        assert.deepEqual(
          broker.clusterAdmin.reassignments.map((each) => [each.topicId, each.index, each.replicas]),
          [
            [topicId, 0, [2]],
            [topicId, 1, null],
          ],
        )
      })
    }

    test('the number of replicas stays, if that is asked for (KIP-860)', async () => {
      broker.topics.change('orders', 1, { replicas: [2, 3, 1], adding: [2, 3], removing: [1], inSyncReplicas: [1] })
      const partitions = [
        { partitionIndex: 0, replicas: [1, 2] },
        { partitionIndex: 1, replicas: [2, 1] },
      ]
      const topics = [{ name: 'orders', partitions }]
      const answer = await client.call(apis[45], 1, { topics, allowReplicationFactorChange: false })
      assert.deepEqual(
        answer.responses[0]!.partitions.map(({ errorCode }) => errorCode),
        [38, 0],
      )
    })

    test('a partition named twice is refused, and so is all while there is no controller', async () => {
      const twice = await client.call(apis[45], 1, { topics: [{ name: 'orders', partitions: [move, move] }] })
      assert.equal(twice.errorCode, 42)
      assert.deepEqual(broker.clusterAdmin.reassignments, [])
      broker.clusterAdmin.failure = 'not-controller'
      const refused = await client.call(apis[45], 1, { topics: [{ name: 'orders', partitions: [move] }] })
      assert.equal(refused.errorCode, 41)
      assert.equal((await client.call(apis[46], 0, {})).errorCode, 41)
      assert.equal((await client.call(apis[43], 2, { topicPartitions: null })).errorCode, 41)
    })

    test('ListPartitionReassignments', async () => {
      const { topicId: otherId } = await broker.makeTopic('returns')
      const ongoing = { topicId, topic: 'orders', index: 3, replicas: [1, 2, 3], adding: [3], removing: [1] }
      broker.clusterAdmin.ongoing = [ongoing, { ...ongoing, topicId: otherId, topic: 'returns' }]
      const all = await client.call(apis[46], 0, { topics: null })
      const partitions = [{ partitionIndex: 3, replicas: [1, 2, 3], addingReplicas: [3], removingReplicas: [1] }]
      assert.deepEqual(all.topics, [
        { name: 'orders', partitions },
        { name: 'returns', partitions },
      ])
      const some = await client.call(apis[46], 0, {
        topics: [
          { name: 'orders', partitionIndexes: [1] },
          { name: 'returns', partitionIndexes: [2, 3] },
          { name: 'nowhere', partitionIndexes: [3] },
        ],
      })
      assert.deepEqual(some.topics, [{ name: 'returns', partitions }])
    })

    for (const version of versionsOf(apis[43])) {
      test(`ElectLeaders ${version}`, async () => {
        broker.clusterAdmin.faults.set(1, 'election-not-needed')
        const given = version >= 1 ? { electionType: 1 } : {}
        const topicPartitions = [{ topic: 'orders', partitions: [0, 1, 2] }]
        const answer = await client.call(apis[43], version, { topicPartitions, ...given })
        const [done, notNeeded, unknown] = answer.replicaElectionResults[0]!.partitionResult
        assert.deepEqual(done, { partitionId: 0, errorCode: 0, errorMessage: null })
        assert.deepEqual(notNeeded, { partitionId: 1, errorCode: 84, errorMessage: 'It is election-not-needed.' })
        assert.deepEqual([unknown!.partitionId, unknown!.errorCode], [2, 3])
        const all = await client.call(apis[43], version, { topicPartitions: null })
        assert.deepEqual(
          all.replicaElectionResults[0]!.partitionResult.map(({ partitionId }) => partitionId),
          [0],
          'what needed no election is not shown',
        )
        assert.deepEqual(broker.clusterAdmin.elections, [
          { kind: version >= 1 ? 'unclean' : 'preferred', indexes: [0, 1] },
          { kind: 'preferred', indexes: [0, 1] },
        ])
      })
    }

    test('a type of election that does not exist is refused', async () => {
      const answer = await client.call(apis[43], 2, { electionType: 2, topicPartitions: [] })
      assert.equal(answer.errorCode, 42)
    })

    test('CreatePartitions hands on where the new ones shall be', async () => {
      const asked: unknown[] = []
      const { topics } = broker
      const addPartitions = topics.addPartitions.bind(topics)
      topics.addPartitions = (name, count, assignments, validateOnly) => {
        asked.push(assignments)
        return addPartitions(name, count, assignments, validateOnly)
      }
      const assignments = [{ brokerIds: [2, 1] }, { brokerIds: [1, 3] }]
      const answer = await client.call(apis[37], 3, {
        topics: [{ name: 'orders', count: 4, assignments }],
        timeoutMs: 1000,
        validateOnly: false,
      })
      assert.equal(answer.results[0]!.errorCode, 0)
      assert.deepEqual(asked, [
        [
          [2, 1],
          [1, 3],
        ],
      ])
    })
  })
})
