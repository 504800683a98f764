import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import { partitionOf } from '../group/partition-of.ts'
import { offsetsTopicName } from '../topic/topic-name.ts'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'
import { versionsOf } from './testing/versions-of.ts'

let broker: TestBroker
let client: TestClient
describe('cluster', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
  })
  afterEach(async () => {
    await broker.stop()
    assert.deepEqual(broker.errors(), [])
  })

  /** This broker, 1, is registered; 2 and 3 are up as well. */
  function makeCluster(): void {
    broker.addPeer({ id: 1, host: 'one', port: 9191, rack: 'r1' })
    broker.addPeer({ id: 3, host: 'three', port: 9393 })
    broker.addPeer({ id: 2, host: 'two', port: 9292, rack: 'r2' })
  }

  const nodes = [
    [1, 'one', 9191],
    [2, 'two', 9292],
    [3, 'three', 9393],
  ]

  describe('who is in the cluster', () => {
    for (const version of versionsOf(apis[3])) {
      test(`Metadata ${version} names every broker by its registered address, and the controller`, async () => {
        makeCluster()
        broker.image.controller = { brokerId: 3, brokerEpoch: 103, epoch: 9 }
        const answer = await client.call(apis[3], version, { topics: [] })
        assert.deepEqual(
          answer.brokers.map(({ nodeId, host, port }) => [nodeId, host, port]),
          nodes,
        )
        if (version >= 1) assert.equal(answer.controllerId, 3)
        if (version >= 1) assert.deepEqual(answer.brokers.map(({ rack }) => rack).slice(1), ['r2', null])
      })
    }

    test('a broker on its own is where the client found it, registered or not', async () => {
      const address = async () => {
        const { brokers } = await client.call(apis[3], 9, { topics: [] })
        assert.equal(brokers.length, 1)
        return [brokers[0]!.host, brokers[0]!.port]
      }
      assert.deepEqual(await address(), [broker.address.host, broker.address.port])
      broker.addPeer({ id: 1, host: 'one', port: 9191 })
      assert.deepEqual(await address(), [broker.address.host, broker.address.port])
      broker.addPeer({ id: 2 })
      const { brokers } = await client.call(apis[3], 9, { topics: [] })
      assert.deepEqual([brokers[0]!.host, brokers[0]!.port], ['one', 9191])
    })

    test('the advertised address comes before all others', async () => {
      const advertised = await TestBroker.start({ advertisedAddress: { host: 'public', port: 1 } })
      try {
        advertised.addPeer({ id: 1, host: 'one' })
        const { brokers } = await (await advertised.connect()).call(apis[3], 9, { topics: [] })
        assert.deepEqual([brokers[0]!.host, brokers[0]!.port], ['public', 1])
      } finally {
        await advertised.stop()
      }
    })

    test('without a controller, or with one that is gone, a broker names itself: each takes administrative requests', async () => {
      makeCluster()
      const controller = async () => (await client.call(apis[3], 9, { topics: [] })).controllerId
      assert.equal(await controller(), 1)
      broker.image.controller = { brokerId: 3, brokerEpoch: 103, epoch: 9 }
      broker.image.brokers.delete(3)
      assert.equal(await controller(), 1)
    })

    for (const version of versionsOf(apis[60])) {
      test(`DescribeCluster ${version} names every broker`, async () => {
        makeCluster()
        broker.image.controller = { brokerId: 2, brokerEpoch: 102, epoch: 9 }
        const answer = await client.call(apis[60], version, { includeClusterAuthorizedOperations: false })
        assert.equal(answer.controllerId, 2)
        assert.deepEqual(
          answer.brokers.map(({ brokerId, host, port }) => [brokerId, host, port]),
          nodes,
        )
      })
    }
  })

  describe('where partitions are', () => {
    const state = { leader: 2, leaderEpoch: 5, replicas: [2, 1, 9], inSyncReplicas: [2, 1] }

    for (const version of versionsOf(apis[3])) {
      test(`Metadata ${version} shows leader, replicas, ISR and who is offline`, async () => {
        makeCluster()
        await broker.makeTopic('orders')
        broker.topics.change('orders', 0, state)
        const answer = await client.call(apis[3], version, { topics: [{ name: 'orders' }] })
        const [shown] = answer.topics[0]!.partitions
        assert.deepEqual([shown!.errorCode, shown!.leaderId], [0, 2])
        assert.deepEqual(
          [shown!.replicaNodes, shown!.isrNodes],
          [
            [2, 1, 9],
            [2, 1],
          ],
        )
        if (version >= 5) assert.deepEqual(shown!.offlineReplicas, [9])
        if (version >= 7) assert.equal(shown!.leaderEpoch, 5)
      })
    }

    test('a leader that is down is none', async () => {
      makeCluster()
      await broker.makeTopic('orders')
      broker.topics.change('orders', 0, { ...state, leader: 9, inSyncReplicas: [9] })
      const answer = await client.call(apis[3], 9, { topics: [{ name: 'orders' }] })
      const [shown] = answer.topics[0]!.partitions
      assert.deepEqual([shown!.errorCode, shown!.leaderId], [5, -1])
    })

    test('DescribeTopicPartitions shows the eligible replicas as well (KIP-966)', async () => {
      makeCluster()
      await broker.makeTopic('orders', 2)
      broker.topics.change('orders', 0, { ...state, eligible: [9] })
      broker.topics.change('orders', 1, { ...state, leader: -1, inSyncReplicas: [], lastKnownLeader: 2 })
      const answer = await client.call(apis[75], 0, { topics: [{ name: 'orders' }] })
      assert.deepEqual(
        answer.topics[0]!.partitions.map((each) => [
          each.errorCode,
          each.leaderId,
          each.eligibleLeaderReplicas,
          each.lastKnownElr,
          each.offlineReplicas,
        ]),
        [
          [0, 2, [9], [], [9]],
          [5, -1, [], [2], [9]],
        ],
      )
    })

    for (const version of versionsOf(apis[10])) {
      test(`FindCoordinator ${version} names the leader of the partition that keeps the group`, async () => {
        makeCluster()
        broker.topics.change(offsetsTopicName, partitionOf('billing', 4), { leader: 3 })
        const find = async () => {
          const answer = await client.call(
            apis[10],
            version,
            version < 4 ? { key: 'billing' } : { coordinatorKeys: ['billing'] },
          )
          const { errorCode, nodeId, host, port } = version < 4 ? answer : answer.coordinators[0]!
          return [errorCode, nodeId, host, port]
        }
        assert.deepEqual(await find(), [0, 3, 'three', 9393])
        broker.image.brokers.delete(3)
        assert.deepEqual(await find(), [15, -1, '', -1])
        broker.topics.change(offsetsTopicName, partitionOf('billing', 4), { leader: -1 })
        assert.deepEqual(await find(), [15, -1, '', -1])
      })
    }
  })

  describe('partitions that other brokers lead', () => {
    const records = () => makeTestBatch()
    const endpoint = { nodeId: 3, host: 'three', port: 9393, rack: null }

    for (const version of [9, 10, 12]) {
      test(`Produce ${version} is sent to the leader`, async () => {
        makeCluster()
        await broker.makeTopic('orders')
        broker.topics.moveAway('orders', 0, 3)
        const topicData = [{ name: 'orders', partitionData: [{ index: 0, records: records() }] }]
        const answer = await client.call(apis[0], version, { acks: -1, timeoutMs: 1000, topicData })
        const told = answer.responses[0]!.partitionResponses[0]!
        assert.equal(told.errorCode, 6)
        if (version < 10) return
        assert.deepEqual(told.currentLeader, { leaderId: 3, leaderEpoch: 1 })
        assert.deepEqual(answer.nodeEndpoints, [endpoint])
      })
    }

    test('Produce is sent there too when the leader changes while it waits', async () => {
      makeCluster()
      const partition = await broker.makeTopic('orders')
      partition.held = true
      const topicData = [{ name: 'orders', partitionData: [{ index: 0, records: records() }] }]
      const answering = client.call(apis[0], 10, { acks: -1, timeoutMs: 20_000, topicData })
      await until(() => partition.logEndOffset === 1)
      broker.topics.moveAway('orders', 0, 3)
      partition.commit({ code: 'not-leader', detail: 'moved' })
      const answer = await answering
      const told = answer.responses[0]!.partitionResponses[0]!
      assert.deepEqual([told.errorCode, told.currentLeader.leaderId, told.baseOffset], [6, 3, -1])
      assert.deepEqual(answer.nodeEndpoints, [endpoint])
    })

    for (const version of [12, 13, 16]) {
      test(`Fetch ${version} is sent to the leader`, async () => {
        makeCluster()
        const { topicId } = await broker.makeTopic('orders')
        broker.topics.moveAway('orders', 0, 3)
        const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }]
        const topics = [version < 13 ? { topic: 'orders', partitions } : { topicId, partitions }]
        const answer = await client.call(apis[1], version, { maxWaitMs: 5000, minBytes: 1, topics })
        const told = answer.responses[0]!.partitions[0]!
        assert.deepEqual([told.errorCode, told.currentLeader], [6, { leaderId: 3, leaderEpoch: 1 }])
        if (version >= 16) assert.deepEqual(answer.nodeEndpoints, [endpoint])
      })
    }

    test('ListOffsets, DeleteRecords and OffsetForLeaderEpoch say that it has moved', async () => {
      await broker.makeTopic('orders')
      broker.topics.moveAway('orders', 0, 3)
      const listed = await client.call(apis[2], 9, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
      })
      assert.equal(listed.topics[0]!.partitions[0]!.errorCode, 6)
      const deleted = await client.call(apis[21], 2, {
        timeoutMs: 1000,
        topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: 0 }] }],
      })
      assert.equal(deleted.topics[0]!.partitions[0]!.errorCode, 6)
      const ended = await client.call(apis[23], 4, {
        topics: [{ topic: 'orders', partitions: [{ partition: 0, leaderEpoch: 0 }] }],
      })
      assert.equal(ended.topics[0]!.partitions[0]!.errorCode, 6)
    })
  })

  describe('acks', () => {
    function produce(acks: number) {
      const topicData = [{ name: 'orders', partitionData: [{ index: 0, records: makeTestBatch() }] }]
      return client.call(apis[0], 9, { acks, timeoutMs: 20_000, topicData })
    }

    test('1 waits for this disk, -1 for all in-sync replicas', async () => {
      const partition = await broker.makeTopic('orders')
      partition.followers = [2]
      const own = await produce(1)
      assert.equal(own.responses[0]!.partitionResponses[0]!.errorCode, 0)
      assert.equal(partition.highWatermark, 0)
      let isAnswered = false
      const all = produce(-1).then((answer) => {
        isAnswered = true
        return answer
      })
      await until(() => partition.durableOffset === 2)
      // A round trip elsewhere: an answer would have come before.
      await (await broker.connect()).call(apis[18], 0, {})
      assert.equal(isAnswered, false)
      partition.noteFetch({
        replicaId: 2,
        replicaEpoch: 1,
        fetchOffset: 2,
        currentLeaderEpoch: 0,
        lastFetchedEpoch: 0,
        logStartOffset: 0,
      })
      assert.equal((await all).responses[0]!.partitionResponses[0]!.errorCode, 0)
    })

    test('too few replicas in sync: 19 before the append, 20 after it', async () => {
      const partition = await broker.makeTopic('orders')
      const { append } = partition
      partition.append = () => ({ code: 'not-enough-replicas', detail: 'one of two' })
      assert.equal((await produce(-1)).responses[0]!.partitionResponses[0]!.errorCode, 19)
      partition.append = append
      partition.held = true
      const answering = produce(-1)
      await until(() => partition.logEndOffset === 1)
      partition.commit({ code: 'not-enough-replicas', detail: 'one of two' })
      assert.equal((await answering).responses[0]!.partitionResponses[0]!.errorCode, 20)
    })
  })

  describe('a leader that does not know yet how far the high watermark was', () => {
    for (const version of versionsOf(apis[2])) {
      test(`ListOffsets ${version} does not say where the partition ends`, async () => {
        const partition = await broker.makeTopic('orders')
        partition.append(makeTestBatch({ timestampMs: 1000 }), true, -1)
        await until(() => partition.highWatermark === 1)
        partition.isSettled = false
        const list = async (timestamp: number) => {
          const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp }] }]
          const answer = await client.call(apis[2], version, { replicaId: -1, isolationLevel: 0, topics })
          const { errorCode, offset } = answer.topics[0]!.partitions[0]!
          return [errorCode, offset]
        }
        const notYet = version < 5 ? 5 : 78
        assert.deepEqual(await list(-1), [notYet, -1])
        assert.deepEqual(await list(-2), [0, 0], 'the start is known')
        assert.deepEqual(await list(500), [0, 0], 'and what is below the high watermark')
        assert.deepEqual(await list(2000), [notYet, -1], 'but not that there is nothing')
        partition.isSettled = true
        assert.deepEqual(await list(2000), [0, -1])
      })
    }
  })

  describe('reading from a replica nearby (KIP-392)', () => {
    let near: TestBroker
    let consumer: TestClient
    beforeEach(async () => {
      near = await TestBroker.start({ replicaSelector: 'rack-aware' })
      consumer = await near.connect()
    })
    afterEach(async () => {
      await near.stop()
      assert.deepEqual(near.errors(), [])
    })

    async function fetchFrom(
      client: TestClient,
      fetchOffset: number,
      rackId: string,
      given: object = {},
      version = 12,
    ) {
      const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }]
      const topics = [{ topic: 'orders', partitions }]
      const request = { maxWaitMs: 0, minBytes: 1, topics, ...(version >= 11 && { rackId }), ...given }
      const answer = await client.call(apis[1], version, request)
      return answer.responses[0]!.partitions[0]!
    }

    async function fill(holder: TestBroker) {
      const partition = await holder.makeTopic('orders')
      partition.append(makeTestBatch({ values: ['a', 'b'] }), true, -1)
      await until(() => partition.highWatermark === 2)
      return partition
    }

    test('the leader sends a consumer to the replica in its rack, at once and without records', async () => {
      const partition = await fill(near)
      partition.replicaByRack.set('r2', 2)
      const sent = await fetchFrom(consumer, 2, 'r2', { maxWaitMs: 20_000 })
      assert.deepEqual([sent.errorCode, sent.preferredReadReplica, sent.records!.length], [0, 2, 0])
      for (const rack of ['', 'r9']) {
        const served = await fetchFrom(consumer, 0, rack)
        assert.deepEqual([served.preferredReadReplica, served.records!.length > 0], [-1, true])
      }
      assert.equal((await fetchFrom(consumer, 0, '', {}, 10)).records!.length > 0, true)
    })

    test('by default consumers read from leaders only (K8)', async () => {
      const partition = await fill(broker)
      partition.replicaByRack.set('r2', 2)
      const served = await fetchFrom(client, 0, 'r2')
      assert.deepEqual([served.preferredReadReplica, served.records!.length > 0], [-1, true])
      broker.topics.follow('orders', 0, 3)
      assert.equal((await fetchFrom(client, 0, 'r2')).errorCode, 6)
    })

    test('a follower serves a consumer that names its rack, up to its own high watermark', async () => {
      const partition = await fill(near)
      near.topics.follow('orders', 0, 3)
      partition.logEndOffset = 4
      const served = await fetchFrom(consumer, 0, 'r1')
      assert.deepEqual([served.errorCode, served.highWatermark, served.records!.length > 0], [0, 2, true])
      assert.equal((await fetchFrom(consumer, 0, '')).errorCode, 6, 'who names no rack is sent to the leader')
      for (const offset of [3, 4, 100]) {
        const ahead = await fetchFrom(consumer, offset, 'r1')
        assert.deepEqual([ahead.errorCode, ahead.records!.length], [0, 0], `${offset} is not there yet`)
      }
      partition.logStartOffset = 1
      assert.equal((await fetchFrom(consumer, 0, 'r1')).errorCode, 1)
    })

    test('a consumer that is ahead of the follower waits for it', async () => {
      const partition = await fill(near)
      near.topics.follow('orders', 0, 3)
      const waiting = fetchFrom(consumer, 3, 'r1', { maxWaitMs: 20_000 })
      await until(() => partition.listenerCount === 1)
      partition.append(makeTestBatch({ values: ['c', 'd'] }), true, -1)
      assert.equal((await waiting).records!.length > 0, true)
    })
  })
})
