import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import { baseOffsetOf, batchBytesOf } from '../record/batch.ts'
import type { MemoryPartition } from './testing/memory-partition.ts'
import { proveBroker } from './testing/prove-broker.ts'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import { encodeFrame } from './testing/test-client.ts'
import type { TestClient } from './testing/test-client.ts'

const brokerEpoch = 77
const waitMs = 20_000

let broker: TestBroker
/** Proved to be broker 2. */
let follower: TestClient
let partition: MemoryPartition
describe('follower fetch', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    follower = await broker.connect()
    await proveBroker(follower, { brokerId: 2, brokerEpoch })
    partition = await broker.makeTopic('orders', 2)
    for (const each of broker.topics.replicas()) each.followers = [2]
  })
  afterEach(async () => {
    await broker.stop()
    for (const each of broker.topics.replicas()) {
      assert.equal(each.readsOpen, 0, 'every read is released')
      assert.equal(each.listenerCount, 0, 'nothing listens any more')
    }
    assert.deepEqual(broker.errors(), [])
  })

  interface Asked {
    partition?: number
    fetchOffset?: number
    currentLeaderEpoch?: number
    lastFetchedEpoch?: number
    highWatermark?: number
  }

  function asked(given: Asked = {}) {
    return {
      partition: 0,
      currentLeaderEpoch: 0,
      fetchOffset: 0,
      partitionMaxBytes: 1_000_000,
      highWatermark: 0,
      ...given,
    }
  }

  function request(partitions: Asked[], given: object = {}) {
    return {
      replicaState: { replicaId: 2, replicaEpoch: brokerEpoch },
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      topics: partitions.length === 0 ? [] : [{ topicId: partition.topicId, partitions: partitions.map(asked) }],
      ...given,
    }
  }

  function fetchAll(partitions: Asked[], given: object = {}, client = follower) {
    return client.call(apis[1], 18, request(partitions, given))
  }

  async function fetchOne(given: Asked, ofRequest: object = {}) {
    const answer = await fetchAll([given], ofRequest)
    assert.equal(answer.errorCode, 0)
    return answer.responses[0]!.partitions[0]!
  }

  function append(...values: string[]): void {
    partition.append(makeTestBatch({ values }), true, -1)
  }

  async function appendStored(...values: string[]): Promise<void> {
    append(...values)
    await until(() => partition.durableOffset === partition.logEndOffset)
  }

  describe('who may fetch as a replica', () => {
    test('nobody who has not proved to be that broker (CVE-2018-1288)', async () => {
      await appendStored('a')
      const stranger = await broker.connect()
      assert.equal((await fetchAll([{}], {}, stranger)).errorCode, 31)
      const other = await broker.connect()
      await proveBroker(other, { brokerId: 3, brokerEpoch })
      assert.equal((await fetchAll([{}], {}, other)).errorCode, 31)
      assert.deepEqual(partition.noted, [])
    })

    for (const version of [4, 5, 6, 7, 11, 14]) {
      test(`in version ${version} neither`, async () => {
        const topics = [
          version < 13
            ? { topic: 'orders', partitions: [asked()] }
            : { topicId: partition.topicId, partitions: [asked()] },
        ]
        const stranger = await broker.connect()
        const answer = await stranger.call(apis[1], version, { replicaId: 2, maxWaitMs: 0, minBytes: 0, topics })
        const code = version < 7 ? answer.responses[0]!.partitions[0]!.errorCode : answer.errorCode
        assert.equal(code, 31)
        assert.deepEqual(partition.noted, [])
      })
    }

    test('not a former life of the broker', async () => {
      const answer = await fetchAll([{}], { replicaState: { replicaId: 2, replicaEpoch: brokerEpoch + 1 } })
      assert.equal(answer.errorCode, 31)
    })

    test('a broker that is no replica is refused for that partition', async () => {
      partition.followers = []
      assert.equal((await fetchOne({})).errorCode, 75)
    })
  })

  describe('who waits', () => {
    test('a follower only until it says something else, a consumer until there is news', async () => {
      const answer = fetchAll([{}], { maxWaitMs: waitMs })
      const { topicId } = partition
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }]
      const consumer = await broker.connect()
      const request = { maxWaitMs: waitMs, minBytes: 1, maxBytes: 1000, topics: [{ topicId, partitions }] }
      let isServed = false
      const served = consumer.call(apis[1], 18, request).then(() => (isServed = true))
      const nothing = { acks: 0, timeoutMs: 0, topicData: [] }
      for (const client of [consumer, follower]) client.send(encodeFrame(apis[0], 12, 99, nothing))
      assert.equal((await answer).errorCode, 0)
      assert.equal(isServed, false)
      await appendStored('a')
      await fetchOne({ fetchOffset: 1 })
      await served
    })
  })

  describe('what a follower is given', () => {
    test('what is on the disk, also above the high watermark, and each fetch says what it has', async () => {
      await appendStored('a', 'b')
      const first = await fetchOne({})
      assert.deepEqual([first.errorCode, first.highWatermark, baseOffsetOf(first.records!, 0)], [0, 0, 0])
      assert.equal(first.records!.length, batchBytesOf(first.records!, 0))
      const second = await fetchOne({ fetchOffset: 2 })
      assert.deepEqual([second.highWatermark, second.records!.length], [2, 0])
      assert.deepEqual(
        partition.noted.map(({ replicaId, replicaEpoch, fetchOffset }) => [replicaId, replicaEpoch, fetchOffset]),
        [
          [2, brokerEpoch, 0],
          [2, brokerEpoch, 2],
        ],
      )
    })

    test('nothing that is not on the disk yet', async () => {
      partition.held = true
      append('a')
      assert.equal((await fetchOne({})).records!.length, 0)
    })

    test('a request waits until something is on the disk', async () => {
      const answer = fetchOne({}, { maxWaitMs: waitMs })
      await until(() => partition.listenerCount === 1)
      append('a')
      assert.notEqual((await answer).records!.length, 0)
    })

    test('a newer high watermark alone is an answer (KIP-1166), what the follower knows is none', async () => {
      await appendStored('a')
      partition.highWatermark = 1
      const answer = await fetchOne({ fetchOffset: 1, highWatermark: 0 }, { maxWaitMs: waitMs })
      assert.deepEqual([answer.highWatermark, answer.records!.length], [1, 0])
      const next = fetchOne({ fetchOffset: 1, highWatermark: 1 }, { maxWaitMs: waitMs })
      await until(() => partition.listenerCount === 1)
      append('b')
      assert.equal((await next).errorCode, 0)
    })
  })

  describe('what a follower is refused', () => {
    test('everything without its leader epoch, or with another', async () => {
      await appendStored('a')
      partition.startEpoch(3)
      const codes: number[] = []
      for (const currentLeaderEpoch of [-1, 2, 3, 4]) codes.push((await fetchOne({ currentLeaderEpoch })).errorCode)
      assert.deepEqual(codes, [42, 74, 0, 75])
      assert.equal(partition.noted.length, 1)
    })

    test('records where the logs part: it learns where, and what it has does not count', async () => {
      await appendStored('a', 'b', 'c')
      partition.startEpoch(5)
      await appendStored('d')
      const answer = await fetchOne(
        { currentLeaderEpoch: 5, fetchOffset: 4, lastFetchedEpoch: 3 },
        { maxWaitMs: waitMs },
      )
      assert.deepEqual(answer.divergingEpoch, { epoch: 0, endOffset: 3 })
      assert.equal(answer.records!.length, 0)
      assert.deepEqual(partition.noted, [])
    })

    test('offsets outside of the log: it learns where the log starts', async () => {
      await appendStored('a', 'b')
      partition.highWatermark = 2
      partition.logStartOffset = 1
      for (const fetchOffset of [0, 3]) {
        const answer = await fetchOne({ fetchOffset })
        assert.deepEqual([answer.errorCode, answer.logStartOffset, answer.highWatermark], [1, 1, 2])
      }
      assert.deepEqual(partition.noted, [])
    })

    test('an epoch before all that the leader knows: there is no place to cut at', async () => {
      await appendStored('a')
      partition.endOfEpoch = () => ({ leaderEpoch: -1, endOffset: -1 })
      assert.equal((await fetchOne({ fetchOffset: 1, lastFetchedEpoch: 0 })).errorCode, 1)
    })

    test('a partition that has moved: it learns the new leader, and where that is', async () => {
      broker.addPeer({ id: 3, host: 'three', port: 9393, rack: 'r3' })
      broker.topics.moveAway('orders', 0, 3)
      const answer = await fetchAll([{}], { maxWaitMs: waitMs })
      const [told] = answer.responses[0]!.partitions
      assert.deepEqual([told!.errorCode, told!.currentLeader], [6, { leaderId: 3, leaderEpoch: 1 }])
      assert.deepEqual(answer.nodeEndpoints, [{ nodeId: 3, host: 'three', port: 9393, rack: 'r3' }])
    })
  })

  describe('sessions of followers', () => {
    async function open(partitions: Asked[]) {
      const answer = await fetchAll(partitions, { sessionEpoch: 0 })
      assert.notEqual(answer.sessionId, 0)
      return answer.sessionId
    }

    /** How often each of two partitions is told of three requests that name both, none and the second. */
    async function countNotes(replicaLagMsMax: number): Promise<number[]> {
      const other = await TestBroker.start({ replicaLagMsMax })
      try {
        const { topicId } = await other.makeTopic('orders', 2)
        for (const each of other.topics.replicas()) each.followers = [2]
        const peer = await other.connect()
        await proveBroker(peer, { brokerId: 2, brokerEpoch })
        const partitions = [asked(), asked({ partition: 1 })]
        const send = (given: object) => peer.call(apis[1], 18, { ...request([]), ...given })
        const { sessionId } = await send({ sessionEpoch: 0, topics: [{ topicId, partitions }] })
        await send({ sessionId, sessionEpoch: 1 })
        await send({ sessionId, sessionEpoch: 2, topics: [{ topicId, partitions: partitions.slice(1) }] })
        return [0, 1].map((index) => other.topics.partition('orders', index)!.noted.length)
      } finally {
        await other.stop()
      }
    }

    test('partitions with news are told of each request, the others as often as the lag time needs it', async () => {
      assert.deepEqual(await countNotes(0), [3, 3])
      const [quiet, named] = await countNotes(1_000_000)
      assert.ok(quiet! >= 1 && quiet! <= named!, `${quiet} and ${named}`)
      assert.ok(named! >= 2)
    })

    test('a high watermark that was told is known, until the follower states another', async () => {
      await appendStored('a')
      partition.highWatermark = 1
      const sessionId = await open([{ fetchOffset: 1 }])
      const waiting = fetchAll([], { sessionId, sessionEpoch: 1, maxWaitMs: waitMs })
      await until(() => partition.listenerCount === 1)
      append('b')
      assert.equal((await waiting).responses.length, 1)
      // A follower that has begun its log anew knows less than it was told.
      const anew = await fetchAll([{ fetchOffset: 1, highWatermark: 0 }], {
        sessionId,
        sessionEpoch: 2,
        maxWaitMs: waitMs,
      })
      assert.equal(anew.responses[0]!.partitions[0]!.highWatermark, 1)
    })

    test('end with their connection, and nobody else goes on with them', async () => {
      const sessionId = await open([{}])
      const other = await broker.connect()
      await proveBroker(other, { brokerId: 2, brokerEpoch })
      assert.equal((await fetchAll([], { sessionId, sessionEpoch: 1 }, other)).errorCode, 70)
      assert.equal(partition.listenerCount, 1, 'the session watches its partition between requests')
      follower.close()
      await until(() => partition.listenerCount === 0)
    })

    test('a second one on the same connection takes the place of the first', async () => {
      const first = await open([{}])
      const second = await open([{}])
      assert.equal(partition.listenerCount, 1)
      assert.equal((await fetchAll([], { sessionId: first, sessionEpoch: 1 })).errorCode, 70)
      assert.equal((await fetchAll([], { sessionId: second, sessionEpoch: 1 })).errorCode, 0)
      await fetchAll([{}], { sessionId: second, sessionEpoch: -1 })
      assert.equal(partition.listenerCount, 0)
    })

    test('a partition whose log starts later, moves away, or is led in another epoch is told at once', async () => {
      await appendStored('a', 'b')
      partition.highWatermark = 2
      const sessionId = await open([{ partition: 0, fetchOffset: 2, highWatermark: 2 }, { partition: 1 }])
      await fetchAll([], { sessionId, sessionEpoch: 1 })
      let sessionEpoch = 2
      const next = async (change: () => void) => {
        const waiting = fetchAll([], { sessionId, sessionEpoch: sessionEpoch++, maxWaitMs: waitMs })
        await (await broker.connect()).call(apis[18], 0, {})
        change()
        const { responses } = await waiting
        return responses.flatMap(({ partitions }) => partitions.map((each) => [each.partitionIndex, each.errorCode]))
      }
      assert.deepEqual(await next(() => partition.startEpoch(1)), [[0, 74]])
      const named = await fetchAll([{ fetchOffset: 2, highWatermark: 2, currentLeaderEpoch: 1 }], {
        sessionId,
        sessionEpoch: sessionEpoch++,
      })
      assert.equal(named.responses[0]?.partitions[0]?.errorCode ?? 0, 0)
      const moved = await next(() => {
        broker.topics.moveAway('orders', 0, 3)
        partition.commit({ code: 'not-leader', detail: 'moved' })
      })
      assert.deepEqual(moved, [[0, 6]])
      // A partition in trouble is told of with each answer until the follower gives it up.
      assert.deepEqual(await next(() => undefined), [[0, 6]])
      const forgottenTopicsData = [{ topicId: partition.topicId, partitions: [0] }]
      const given = await fetchAll([], { sessionId, sessionEpoch: sessionEpoch++, forgottenTopicsData })
      assert.deepEqual(given.responses, [])
    })

    test('what does not fit into one answer comes with the next', async () => {
      await appendStored('a'.repeat(500))
      await appendStored('b'.repeat(500))
      const sessionId = await open([{ partition: 1 }])
      const [first, second] = [
        await fetchAll([{ partition: 0 }], { sessionId, sessionEpoch: 1, maxBytes: 600 }),
        await fetchAll([{ partition: 0, fetchOffset: 1 }], { sessionId, sessionEpoch: 2, maxBytes: 600 }),
      ]
      assert.deepEqual(
        [first, second].map(({ responses }) => baseOffsetOf(responses[0]!.partitions[0]!.records!, 0)),
        [0, 1],
      )
      const other = broker.topics.partition('orders', 1)!
      other.append(makeTestBatch({ values: ['c'.repeat(500)] }), true, -1)
      partition.append(makeTestBatch({ values: ['d'.repeat(500)] }), true, -1)
      await until(() => other.durableOffset === 1 && partition.durableOffset === 3)
      const third = await fetchAll([{ partition: 0, fetchOffset: 2 }], { sessionId, sessionEpoch: 3, maxBytes: 600 })
      const told = third.responses.flatMap(({ partitions }) => partitions).filter(({ records }) => records!.length > 0)
      assert.equal(told.length, 1, 'one batch fits')
      const rest = 1 - told[0]!.partitionIndex
      const fourth = await fetchAll([{ partition: told[0]!.partitionIndex, fetchOffset: rest === 1 ? 3 : 1 }], {
        sessionId,
        sessionEpoch: 4,
        maxBytes: 600,
      })
      assert.deepEqual(
        fourth.responses
          .flatMap(({ partitions }) => partitions.filter(({ records }) => records!.length > 0))
          .map((each) => each.partitionIndex),
        [rest],
      )
    })

    test('are not those of consumers, and have room of their own', async () => {
      const small = await TestBroker.start({ fetchSessionCountMax: 1 })
      try {
        await small.makeTopic('orders')
        const { topicId } = small.topics.partition('orders', 0)!
        small.topics.partition('orders', 0)!.followers = [2]
        const client = await small.connect()
        const topics = [{ topicId, partitions: [asked()] }]
        const consume = () => client.call(apis[1], 18, { maxWaitMs: 0, minBytes: 0, sessionEpoch: 0, topics })
        const first = await consume()
        assert.notEqual(first.sessionId, 0)
        assert.equal((await consume()).sessionId, 0, 'no room for a second consumer')
        const peer = await small.connect()
        await proveBroker(peer, { brokerId: 2, brokerEpoch })
        const replica = { ...request([]), topics, sessionEpoch: 0 }
        const { sessionId } = await peer.call(apis[1], 18, replica)
        assert.notEqual(sessionId, 0)
        const stolen = await client.call(apis[1], 18, {
          maxWaitMs: 0,
          minBytes: 0,
          sessionId,
          sessionEpoch: 1,
          topics: [],
        })
        assert.equal(stolen.errorCode, 70)
      } finally {
        await small.stop()
      }
    })
  })
})
