import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'
import { versionsOf } from './testing/versions-of.ts'

let broker: TestBroker
let client: TestClient
describe('handlers', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
  })
  afterEach(async () => {
    await broker.stop()
    assert.deepEqual(broker.errors(), [])
  })

  function produce(topic: string, records: Uint8Array, index = 0) {
    const topicData = [{ name: topic, partitionData: [{ index, records }] }]
    return client.call(apis[0], 9, { acks: -1, timeoutMs: 5000, topicData })
  }

  describe('DeleteRecords', () => {
    for (const version of versionsOf(apis[21])) {
      test(`version ${version} moves the log start`, async () => {
        await broker.makeTopic('orders', 2)
        await produce('orders', makeTestBatch({ values: ['a', 'b', 'c'] }))
        const partitions = [
          { partitionIndex: 0, offset: 2 },
          { partitionIndex: 1, offset: 9 },
          { partitionIndex: 7, offset: -1 },
        ]
        const answer = await client.call(apis[21], version, { topics: [{ name: 'orders', partitions }] })
        assert.deepEqual(
          answer.topics[0]!.partitions.map(({ lowWatermark, errorCode }) => [lowWatermark, errorCode]),
          [
            [2, 0],
            [-1, 1],
            [-1, 3],
          ],
        )
      })
    }
  })

  describe('ListOffsets', () => {
    async function list(version: number, timestamp: number, given: object = {}) {
      const partitions = [{ partitionIndex: 0, timestamp, ...given }]
      const answer = await client.call(apis[2], version, { replicaId: -1, topics: [{ name: 'orders', partitions }] })
      const { errorCode, offset, timestamp: found, leaderEpoch } = answer.topics[0]!.partitions[0]!
      return { errorCode, offset, found, leaderEpoch }
    }

    for (const version of versionsOf(apis[2])) {
      test(`version ${version} finds ends and times`, async () => {
        const partition = await broker.makeTopic('orders')
        partition.startEpoch(4)
        await produce('orders', makeTestBatch({ values: ['a', 'b'], timestampMs: 5000 }))
        await produce('orders', makeTestBatch({ timestampMs: 3000 }))
        partition.logStartOffset = 1
        const leaderEpoch = version < 4 ? -1 : 4
        assert.deepEqual(await list(version, -1), { errorCode: 0, offset: 3, found: -1, leaderEpoch })
        assert.deepEqual(await list(version, -2), { errorCode: 0, offset: 1, found: -1, leaderEpoch })
        assert.deepEqual(await list(version, 4000), { errorCode: 0, offset: 0, found: 5000, leaderEpoch })
        assert.deepEqual(await list(version, 9000), { errorCode: 0, offset: -1, found: -1, leaderEpoch: -1 })
        const unsupported = { errorCode: 35, offset: -1, found: -1, leaderEpoch: -1 }
        const largest = { errorCode: 0, offset: 0, found: 5000, leaderEpoch }
        assert.deepEqual(await list(version, -3), version < 7 ? unsupported : largest)
        assert.equal((await list(version, -4)).offset, version < 8 ? -1 : 1)
        assert.equal((await list(version, -5)).errorCode, version < 9 ? 35 : 0)
        assert.equal((await list(version, -6)).errorCode, version < 11 ? 35 : 0)
        assert.equal((await list(version, -7)).errorCode, 35)
      })
    }

    test('leader epochs are checked, and partitions must exist', async () => {
      const partition = await broker.makeTopic('orders')
      partition.leaderEpoch = 5
      assert.equal((await list(4, -1, { currentLeaderEpoch: 4 })).errorCode, 74)
      assert.equal((await list(4, -1, { currentLeaderEpoch: 6 })).errorCode, 75)
      assert.equal((await list(4, -1, { partitionIndex: 3 })).errorCode, 3)
    })
  })

  describe('OffsetForLeaderEpoch', () => {
    for (const version of versionsOf(apis[23])) {
      test(`version ${version} tells where epochs end`, async () => {
        const partition = await broker.makeTopic('orders')
        await produce('orders', makeTestBatch({ values: ['a', 'b'] }))
        partition.startEpoch(3)
        await produce('orders', makeTestBatch())
        const partitions = [0, 1, 3, 9].map((leaderEpoch) => ({ partition: 0, leaderEpoch }))
        partitions.push({ partition: 5, leaderEpoch: 0 })
        const answer = await client.call(apis[23], version, { topics: [{ topic: 'orders', partitions }] })
        assert.deepEqual(
          answer.topics[0]!.partitions.map(({ errorCode, leaderEpoch, endOffset }) => [
            errorCode,
            leaderEpoch,
            endOffset,
          ]),
          [
            [0, 0, 2],
            [0, 0, 2],
            [0, 3, 3],
            [0, -1, -1],
            [3, -1, -1],
          ],
        )
      })
    }
  })

  describe('InitProducerId', () => {
    for (const version of versionsOf(apis[22])) {
      test(`version ${version} gives each producer its id`, async () => {
        const first = await client.call(apis[22], version, { transactionalId: null })
        const second = await client.call(apis[22], version, { transactionalId: null })
        assert.deepEqual([first.errorCode, first.producerId, first.producerEpoch], [0, 1000, 0])
        assert.equal(second.producerId, 1001)
        const refused = await client.call(apis[22], version, { transactionalId: 'tx' })
        assert.deepEqual([refused.errorCode, refused.producerId], [35, -1])
        assert.equal((await client.call(apis[22], version, { transactionalId: '' })).errorCode, 42)
      })
    }
  })

  describe('the cluster', () => {
    for (const version of versionsOf(apis[60])) {
      test(`DescribeCluster ${version} names the broker`, async () => {
        const answer = await client.call(apis[60], version, { includeClusterAuthorizedOperations: true })
        assert.deepEqual([answer.errorCode, answer.clusterId, answer.controllerId], [0, 'test-cluster', 1])
        assert.deepEqual(
          answer.brokers.map(({ brokerId, host, port }) => ({ brokerId, host, port })),
          [{ brokerId: 1, ...broker.address }],
        )
        assert.equal(answer.clusterAuthorizedOperations, 8096)
      })
    }

    test('DescribeCluster knows no controllers', async () => {
      assert.equal((await client.call(apis[60], 1, { endpointType: 2 })).errorCode, 114)
      assert.equal((await client.call(apis[60], 1, { endpointType: 9 })).errorCode, 115)
    })

    for (const version of versionsOf(apis[35])) {
      test(`DescribeLogDirs ${version} tells sizes`, async () => {
        const partition = await broker.makeTopic('orders', 2)
        await produce('orders', makeTestBatch())
        const { results } = await client.call(apis[35], version, { topics: null })
        assert.equal(results[0]!.logDir, '/tmp')
        assert.deepEqual(
          results[0]!.topics[0]!.partitions.map(({ partitionSize }) => partitionSize),
          [partition.sizeBytes, 0],
        )
        if (version >= 4) assert.ok(results[0]!.totalBytes >= results[0]!.usableBytes && results[0]!.usableBytes > 0)
        const one = await client.call(apis[35], version, { topics: [{ topic: 'orders', partitions: [1] }] })
        assert.equal(one.results[0]!.topics[0]!.partitions.length, 1)
      })
    }

    test('DescribeProducers lists idempotent producers', async () => {
      await broker.makeTopic('orders')
      await produce('orders', makeTestBatch({ producerId: 7, producerEpoch: 2, baseSequence: 0, values: ['a', 'b'] }))
      const answer = await client.call(apis[61], 0, { topics: [{ name: 'orders', partitionIndexes: [0, 4] }] })
      const [known, unknown] = answer.topics[0]!.partitions
      assert.deepEqual(
        known!.activeProducers.map(({ producerId, producerEpoch, lastSequence }) => [
          producerId,
          producerEpoch,
          lastSequence,
        ]),
        [[7, 2, 1]],
      )
      assert.equal(unknown!.errorCode, 3)
    })

    test('DescribeTopicPartitions goes page by page', async () => {
      await broker.makeTopic('b', 3)
      await broker.makeTopic('a', 2)
      const seen: string[] = []
      let cursor: { topicName: string; partitionIndex: number } | null = null
      for (let page = 0; page < 10; page++) {
        const asked = { topics: [], responsePartitionLimit: 2, cursor }
        const answer: Awaited<ReturnType<typeof describe75>> = await describe75(asked)
        for (const topic of answer.topics) {
          for (const { partitionIndex } of topic.partitions) seen.push(`${topic.name}-${partitionIndex}`)
        }
        cursor = answer.nextCursor
        if (cursor === null) break
      }
      assert.deepEqual(seen, ['a-0', 'a-1', 'b-0', 'b-1', 'b-2'])
      const named = await describe75({ topics: [{ name: 'nowhere' }, { name: 'a' }], responsePartitionLimit: 100 })
      assert.deepEqual(
        named.topics.map(({ name, errorCode }) => [name, errorCode]),
        [
          ['a', 0],
          ['nowhere', 3],
        ],
      )
    })

    function describe75(asked: object) {
      return client.call(apis[75], 0, asked)
    }
  })

  describe('FindCoordinator', () => {
    for (const version of versionsOf(apis[10])) {
      test(`version ${version} names this broker for groups`, async () => {
        const asked = version < 4 ? { key: 'group' } : { coordinatorKeys: ['group', 'other'] }
        const answer = await client.call(apis[10], version, asked)
        const found = version < 4 ? [answer] : answer.coordinators
        assert.equal(found.length, version < 4 ? 1 : 2)
        for (const { nodeId, host, port, errorCode } of found) {
          assert.deepEqual({ nodeId, errorCode, host, port }, { nodeId: 1, errorCode: 0, ...broker.address })
        }
      })
    }

    test('there are no coordinators of transactions', async () => {
      const old = await client.call(apis[10], 2, { key: 'tx', keyType: 1 })
      assert.deepEqual([old.errorCode, old.nodeId], [35, -1])
      const batched = await client.call(apis[10], 4, { coordinatorKeys: ['tx'], keyType: 1 })
      assert.match(batched.coordinators[0]!.errorMessage!, /no transactions/)
      assert.equal(
        (await client.call(apis[10], 6, { coordinatorKeys: ['s'], keyType: 2 })).coordinators[0]!.errorCode,
        42,
      )
    })
  })
})
