import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis, uuidZero } from '@polylog/wire'
import { baseOffsetOf, batchBytesOf } from '../record/batch.ts'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

const allProduceVersions = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
const allFetchVersions = [4, 5, 6, 7, 8, 9, 10, 11, 12]

interface Choices {
  acks?: number
  timeoutMs?: number
  index?: number
  transactionalId?: string
}

function produceRequest(topic: string, records: Uint8Array | null, choices: Choices = {}) {
  const { acks = -1, timeoutMs = 5000, index = 0, transactionalId = null } = choices
  return { transactionalId, acks, timeoutMs, topicData: [{ name: topic, partitionData: [{ index, records }] }] }
}

function asked(partition: number, fetchOffset: number, given: object = {}) {
  return { partition, fetchOffset, partitionMaxBytes: 1_000_000, ...given }
}

function fetchRequest(topic: string, partitions: object[], given: object = {}) {
  return { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, topics: [{ topic, partitions }], ...given }
}

/** Base offsets of the batches in a records field. */
function offsetsIn(records: Buffer | null): number[] {
  const offsets: number[] = []
  for (let at = 0; at < records!.length; at += batchBytesOf(records!, at)) offsets.push(baseOffsetOf(records!, at))
  return offsets
}

let broker: TestBroker
let client: TestClient
describe('produce fetch', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
  })
  afterEach(async () => {
    await broker.stop()
    for (const partition of broker.topics.replicas()) {
      assert.equal(partition.readsOpen, 0, 'every read is released')
      assert.equal(partition.listenerCount, 0, 'nothing listens any more')
    }
    assert.deepEqual(broker.errors(), [])
  })

  /** The answer for the only partition of a request. */
  async function produceOne(version: number, ...[topic, records, choices]: Parameters<typeof produceRequest>) {
    const answer = await client.call(apis[0], version, produceRequest(topic, records, choices))
    return answer.responses[0]!.partitionResponses[0]!
  }

  async function fetchAll(version: number, ...[topic, partitions, given]: Parameters<typeof fetchRequest>) {
    return client.call(apis[1], version, fetchRequest(topic, partitions, given))
  }

  async function fetchOne(version: number, topic: string, offset: number, given: object = {}) {
    const answer = await fetchAll(version, topic, [asked(0, offset)], given)
    return answer.responses[0]!.partitions[0]!
  }

  describe('Produce', () => {
    for (const version of allProduceVersions) {
      test(`version ${version} stores batches and answers their offsets`, async () => {
        const partition = await broker.makeTopic('orders')
        await produceOne(version, 'orders', makeTestBatch({ values: ['a', 'b'] }))
        const answer = await produceOne(version, 'orders', makeTestBatch())
        assert.deepEqual([answer.index, answer.errorCode, answer.baseOffset], [0, 0, 2])
        assert.equal(partition.highWatermark, 3)
      })
    }

    test('version 13 names topics by id', async () => {
      const { topicId } = await broker.makeTopic('orders')
      const data = [{ index: 0, records: makeTestBatch() }]
      const topicData = [
        { topicId, partitionData: data },
        { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitionData: data },
      ]
      const answer = await client.call(apis[0], 13, { acks: 1, timeoutMs: 1000, topicData })
      assert.deepEqual(
        answer.responses.map((each) => [each.topicId, each.partitionResponses[0]!.errorCode]),
        [
          [topicId, 0],
          ['AAAAAAAAAAAAAAAAAAAAAQ', 100],
        ],
      )
    })

    test('one bad partition does not touch the others', async () => {
      await broker.makeTopic('orders', 2)
      const wrongCrc = makeTestBatch()
      wrongCrc[70]! ^= 1
      const partitionData = [
        { index: 0, records: wrongCrc },
        { index: 1, records: makeTestBatch() },
        { index: 2, records: makeTestBatch() },
        { index: -1, records: makeTestBatch() },
        { index: 0, records: null },
      ]
      const topicData = [
        { name: 'orders', partitionData },
        { name: 'nowhere', partitionData: [{ index: 0, records: makeTestBatch() }] },
      ]
      const answer = await client.call(apis[0], 9, { acks: -1, timeoutMs: 1000, topicData })
      const codes = answer.responses.map((each) => each.partitionResponses.map(({ errorCode }) => errorCode))
      assert.deepEqual(codes, [[2, 0, 3, 3, 87], [3]])
      assert.match(answer.responses[0]!.partitionResponses[0]!.errorMessage!, /CRC-32C/)
    })

    test('0011_produce_batch of librdkafka: the records without a key are named, the others may be sent again', async () => {
      const partition = await broker.makeTopic('orders')
      partition.append = () => ({ code: 'invalid-record', detail: 'no key', recordIndexes: [0, 2] })
      for (const version of allProduceVersions) {
        const answer = await produceOne(version, 'orders', makeTestBatch({ values: ['a', 'b', 'c'] }))
        assert.equal(answer.errorCode, 87)
        if (version < 8) continue
        assert.deepEqual(answer.recordErrors, [
          { batchIndex: 0, batchIndexErrorMessage: 'no key' },
          { batchIndex: 2, batchIndexErrorMessage: 'no key' },
        ])
      }
    })

    test('a batch that is too large is refused with 10', async () => {
      const partition = await broker.makeTopic('orders')
      partition.batchBytesMax = 100
      const answer = await produceOne(9, 'orders', makeTestBatch({ values: ['x'.repeat(200)] }))
      assert.equal(answer.errorCode, 10)
    })

    test('acks other than -1, 0 and 1 are refused with 21', async () => {
      await broker.makeTopic('orders')
      assert.equal((await produceOne(9, 'orders', makeTestBatch(), { acks: 2 })).errorCode, 21)
    })

    test('transactions are refused with a code that clients do not retry', async () => {
      await broker.makeTopic('orders')
      assert.equal((await produceOne(9, 'orders', makeTestBatch(), { transactionalId: 'tx' })).errorCode, 35)
      const batch = makeTestBatch({ attributes: 0x10, producerId: 1, producerEpoch: 0, baseSequence: 0 })
      assert.equal((await produceOne(9, 'orders', batch)).errorCode, 35)
    })

    test('zstd needs version 7', async () => {
      await broker.makeTopic('orders')
      const batch = makeTestBatch({ attributes: 4 })
      assert.equal((await produceOne(6, 'orders', batch)).errorCode, 76)
      assert.equal((await produceOne(7, 'orders', batch)).errorCode, 0)
    })

    test('a duplicate is answered with its first offset', async () => {
      await broker.makeTopic('orders')
      const batch = makeTestBatch({ producerId: 7, producerEpoch: 0, baseSequence: 0 })
      await produceOne(9, 'orders', makeTestBatch())
      assert.equal((await produceOne(9, 'orders', batch)).baseOffset, 1)
      assert.equal((await produceOne(9, 'orders', batch)).baseOffset, 1)
    })

    test('a commit that does not come in time is answered with 7, and the data stays', async () => {
      const partition = await broker.makeTopic('orders')
      partition.held = true
      const answer = await produceOne(9, 'orders', makeTestBatch(), { timeoutMs: 1 })
      assert.equal(answer.errorCode, 7)
      partition.commit()
      assert.equal(partition.highWatermark, 1)
    })

    test('a commit that fails is answered with its reason', async () => {
      const partition = await broker.makeTopic('orders')
      partition.held = true
      const answer = produceOne(9, 'orders', makeTestBatch())
      await until(() => partition.logEndOffset === 1)
      partition.commit({ code: 'storage', detail: 'The disk is full.' })
      const { errorCode, errorMessage, baseOffset } = await answer
      assert.deepEqual([errorCode, errorMessage, baseOffset], [56, 'The disk is full.', -1])
    })

    test('the new leader is named once versions can', async () => {
      await broker.makeTopic('orders')
      broker.topics.moveAway('orders', 0, 2)
      const old = await produceOne(9, 'orders', makeTestBatch())
      assert.equal(old.errorCode, 6)
      const { errorCode, currentLeader } = await produceOne(10, 'orders', makeTestBatch())
      assert.deepEqual([errorCode, currentLeader], [6, { leaderId: 2, leaderEpoch: 1 }])
    })

    test('acks 0 gets no answer', async () => {
      const partition = await broker.makeTopic('orders')
      client.post(apis[0], 9, produceRequest('orders', makeTestBatch(), { acks: 0 }))
      const answer = await produceOne(9, 'orders', makeTestBatch())
      assert.equal(answer.baseOffset, 1)
      assert.equal(partition.logEndOffset, 2)
      assert.deepEqual(client.answered, [2])
    })

    test('acks 0 that fails closes the connection, after what came before', async () => {
      await broker.makeTopic('orders')
      const before = client.receiveAnswer(client.post(apis[18], 0, {}))
      client.post(apis[0], 9, produceRequest('nowhere', makeTestBatch(), { acks: 0 }))
      await before
      await client.closedByBroker
    })
  })

  describe('Fetch', () => {
    for (const version of allFetchVersions) {
      test(`version ${version} returns the batches as they were stored`, async () => {
        await broker.makeTopic('orders')
        await produceOne(9, 'orders', makeTestBatch({ values: ['a', 'b'] }))
        await produceOne(9, 'orders', makeTestBatch())
        const answer = await fetchOne(version, 'orders', 0)
        assert.deepEqual([answer.errorCode, answer.highWatermark, offsetsIn(answer.records)], [0, 3, [0, 2]])
        assert.deepEqual(offsetsIn((await fetchOne(version, 'orders', 2)).records), [2])
        // An offset within a batch gives the whole batch.
        assert.deepEqual(offsetsIn((await fetchOne(version, 'orders', 1)).records), [0, 2])
        assert.equal((await fetchOne(version, 'orders', 3)).records!.length, 0)
      })
    }

    for (const version of [13, 14, 15, 16, 17, 18]) {
      test(`version ${version} names topics by id`, async () => {
        const { topicId } = await broker.makeTopic('orders')
        await produceOne(9, 'orders', makeTestBatch())
        const topics = [topicId, 'AAAAAAAAAAAAAAAAAAAAAQ'].map((each) => ({ topicId: each, partitions: [asked(0, 0)] }))
        const answer = await client.call(apis[1], version, { maxWaitMs: 0, minBytes: 1, topics })
        assert.deepEqual(
          answer.responses.map((each) => [each.topicId, each.partitions[0]!.errorCode]),
          [
            [topicId, 0],
            ['AAAAAAAAAAAAAAAAAAAAAQ', 100],
          ],
        )
      })
    }

    test('errors of partitions are told at once', async () => {
      await broker.makeTopic('orders', 2)
      broker.topics.partition('orders', 0)!.leaderEpoch = 5
      const partitions = [
        asked(0, 1),
        asked(0, -1),
        asked(7, 0),
        asked(0, 0, { currentLeaderEpoch: 4 }),
        asked(0, 0, { currentLeaderEpoch: 6 }),
        asked(1, 0),
      ]
      const answer = await fetchAll(11, 'orders', partitions, { maxWaitMs: 60_000 })
      assert.deepEqual(
        answer.responses[0]!.partitions.map(({ errorCode }) => errorCode),
        [1, 1, 3, 74, 75, 0],
      )
    })

    test('a fetcher from another history is told where it diverged', async () => {
      const partition = await broker.makeTopic('orders')
      await produceOne(9, 'orders', makeTestBatch({ values: ['a', 'b'] }))
      partition.startEpoch(3)
      const partitions = [asked(0, 2, { lastFetchedEpoch: 2 })]
      const answer = await fetchAll(12, 'orders', partitions, { maxWaitMs: 60_000 })
      const [told] = answer.responses[0]!.partitions
      assert.deepEqual(told!.divergingEpoch, { epoch: 0, endOffset: 2 })
      assert.equal(told!.records!.length, 0)
    })

    test('limits are soft: the first batch comes whatever its size, the others if they fit', async () => {
      await broker.makeTopic('orders', 2)
      const batch = makeTestBatch({ values: ['x'.repeat(1000)] })
      await produceOne(9, 'orders', batch)
      await produceOne(9, 'orders', batch)
      await produceOne(9, 'orders', batch, { index: 1 })
      const both = [asked(0, 0), asked(1, 0)]
      const tiny = await fetchAll(11, 'orders', both, { maxBytes: 10 })
      assert.deepEqual(
        tiny.responses[0]!.partitions.map(({ records }) => offsetsIn(records)),
        [[0], []],
      )
      // The second partition is told of, with its high watermark, even if nothing of it fits.
      assert.equal(tiny.responses[0]!.partitions[1]!.highWatermark, 1)
      const roomy = await fetchAll(11, 'orders', both, { maxBytes: 2 * batch.length })
      assert.deepEqual(
        roomy.responses[0]!.partitions.map(({ records }) => offsetsIn(records)),
        [[0, 1], []],
      )
      const narrow = [asked(0, 0, { partitionMaxBytes: 1 }), asked(1, 0)]
      const second = await fetchAll(11, 'orders', narrow)
      assert.deepEqual(
        second.responses[0]!.partitions.map(({ records }) => offsetsIn(records)),
        [[0], [0]],
      )
    })

    test('waits for minBytes', async () => {
      const partition = await broker.makeTopic('orders')
      const batch = makeTestBatch()
      const waiting = fetchOne(11, 'orders', 0, { maxWaitMs: 60_000, minBytes: 2 * batch.length })
      await until(() => partition.listenerCount === 1)
      const other = await broker.connect()
      await other.call(apis[0], 9, produceRequest('orders', batch))
      assert.equal(client.answered.length, 0)
      await other.call(apis[0], 9, produceRequest('orders', batch))
      assert.deepEqual(offsetsIn((await waiting).records), [0, 1])
    })

    test('answers empty when the time is up', async () => {
      await broker.makeTopic('orders')
      const answer = await fetchOne(11, 'orders', 0, { maxWaitMs: 20 })
      assert.deepEqual([answer.errorCode, answer.records!.length], [0, 0])
    })

    test('a topic that goes away wakes those who wait for it', async () => {
      const partition = await broker.makeTopic('orders')
      const waiting = fetchOne(11, 'orders', 0, { maxWaitMs: 60_000 })
      await until(() => partition.listenerCount === 1)
      await broker.topics.delete('orders')
      assert.equal((await waiting).errorCode, 3)
    })

    test('a wait ends with its connection', async () => {
      const partition = await broker.makeTopic('orders')
      client.post(apis[1], 11, fetchRequest('orders', [asked(0, 0)], { maxWaitMs: 60_000 }))
      await until(() => partition.listenerCount === 1)
      client.close()
      await until(() => partition.listenerCount === 0)
    })

    test('reads that need the disk keep the order of partitions', async () => {
      await broker.makeTopic('orders', 3)
      for (const index of [0, 1, 2]) await produceOne(9, 'orders', makeTestBatch(), { index })
      broker.topics.partition('orders', 0)!.slowReads = true
      broker.topics.partition('orders', 2)!.slowReads = true
      const answer = await fetchAll(11, 'orders', [asked(0, 0), asked(1, 0), asked(2, 0)])
      const told = answer.responses[0]!.partitions
      assert.deepEqual(
        told.map(({ partitionIndex, records }) => [partitionIndex, offsetsIn(records).length]),
        [
          [0, 1],
          [1, 1],
          [2, 1],
        ],
      )
    })

    test('a connection that closes during a read leaves nothing behind', async () => {
      const partition = await broker.makeTopic('orders')
      await produceOne(9, 'orders', makeTestBatch())
      partition.slowReads = true
      client.post(apis[1], 11, fetchRequest('orders', [asked(0, 0)]))
      client.close()
      await until(() => broker.listener.connectionCount === 0)
    })

    test('zstd needs version 10', async () => {
      await broker.makeTopic('orders')
      await produceOne(9, 'orders', makeTestBatch({ attributes: 4 }))
      assert.equal((await fetchOne(9, 'orders', 0)).errorCode, 76)
      assert.equal((await fetchOne(10, 'orders', 0)).errorCode, 0)
    })

    test('only read-committed consumers get a list of aborted transactions', async () => {
      await broker.makeTopic('orders')
      assert.equal((await fetchOne(11, 'orders', 0)).abortedTransactions, null)
      assert.deepEqual((await fetchOne(11, 'orders', 0, { isolationLevel: 1 })).abortedTransactions, [])
    })
  })

  describe('Fetch sessions', () => {
    test('tell only what is new', async () => {
      await broker.makeTopic('orders', 2)
      const opened = await fetchAll(11, 'orders', [asked(0, 0), asked(1, 0)], { sessionEpoch: 0 })
      assert.ok(opened.sessionId > 0)
      const { sessionId } = opened
      const next = async (sessionEpoch: number, topics: object[] = []) =>
        client.call(apis[1], 11, { maxWaitMs: 0, minBytes: 1, sessionId, sessionEpoch, topics })
      assert.deepEqual((await next(1)).responses, [])
      await produceOne(9, 'orders', makeTestBatch(), { index: 1 })
      const news = await next(2)
      assert.deepEqual(
        news.responses[0]!.partitions.map((each) => [each.partitionIndex, offsetsIn(each.records)]),
        [[1, [0]]],
      )
      // Moved on, and told of the high watermark already.
      assert.deepEqual((await next(3, [{ topic: 'orders', partitions: [asked(1, 1)] }])).responses, [])
      assert.equal((await next(3)).errorCode, 71)
    })

    test('a busy partition goes to the end of the order', async () => {
      await broker.makeTopic('orders', 2)
      const batch = makeTestBatch({ values: ['x'.repeat(1000)] })
      for (const index of [0, 0, 1, 1]) await produceOne(9, 'orders', batch, { index })
      const full = { sessionEpoch: 0, maxBytes: 10 }
      const { sessionId, responses } = await fetchAll(11, 'orders', [asked(0, 0), asked(1, 0)], full)
      assert.deepEqual(
        responses[0]!.partitions.map(({ records }) => records!.length > 0),
        [true, false],
      )
      const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 10, sessionId, sessionEpoch: 1 }
      const partitions = [asked(0, 1)]
      const second = await client.call(apis[1], 11, { ...request, topics: [{ topic: 'orders', partitions }] })
      assert.deepEqual(
        second.responses[0]!.partitions.map(({ partitionIndex }) => partitionIndex),
        [1],
      )
    })

    test('unknown and mixed-up sessions are refused as a whole', async () => {
      await broker.makeTopic('orders')
      assert.equal((await fetchAll(11, 'orders', [], { sessionId: 5, sessionEpoch: 1 })).errorCode, 70)
      const { sessionId } = await fetchAll(11, 'orders', [asked(0, 0)], { sessionEpoch: 0 })
      const byId = { maxWaitMs: 0, minBytes: 1, sessionId, sessionEpoch: 1, topics: [] }
      assert.equal((await client.call(apis[1], 13, byId)).errorCode, 106)
    })

    test('forgetting the last partition closes the session', async () => {
      await broker.makeTopic('orders')
      const { sessionId } = await fetchAll(11, 'orders', [asked(0, 0)], { sessionEpoch: 0 })
      const forgottenTopicsData = [{ topic: 'orders', partitions: [0] }]
      const request = { maxWaitMs: 0, minBytes: 1, sessionId, sessionEpoch: 1, topics: [], forgottenTopicsData }
      const answer = await client.call(apis[1], 11, request)
      assert.deepEqual([answer.errorCode, answer.sessionId, answer.responses], [0, 0, []])
      assert.equal((await client.call(apis[1], 11, { ...request, sessionEpoch: 2 })).errorCode, 70)
    })

    test('a client that finds no room goes on without', async () => {
      const small = await TestBroker.start({ fetchSessionCountMax: 1 })
      await small.makeTopic('orders')
      const first = await small.connect()
      const open = () => first.call(apis[1], 11, fetchRequest('orders', [asked(0, 0)], { sessionEpoch: 0 }))
      assert.ok((await open()).sessionId > 0)
      const refused = await open()
      assert.deepEqual([refused.errorCode, refused.sessionId, refused.responses.length], [0, 0, 1])
      await small.stop()
    })

    test('topic ids work in sessions', async () => {
      const { topicId } = await broker.makeTopic('orders')
      const open = { maxWaitMs: 0, minBytes: 1, sessionEpoch: 0, topics: [{ topicId, partitions: [asked(0, 0)] }] }
      const { sessionId } = await client.call(apis[1], 15, open)
      await broker.topics.delete('orders')
      const answer = await client.call(apis[1], 15, {
        maxWaitMs: 0,
        minBytes: 1,
        sessionId,
        sessionEpoch: 1,
        topics: [],
      })
      assert.deepEqual(
        answer.responses.map((each) => [each.topicId, each.topic, each.partitions[0]!.errorCode]),
        [[topicId, '', 100]],
      )
      assert.notEqual(topicId, uuidZero)
    })
  })
})
