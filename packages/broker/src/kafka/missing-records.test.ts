import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import type { MemoryPartition } from './testing/memory-partition.ts'
import { proveBroker } from './testing/prove-broker.ts'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'
import { versionsOf } from './testing/versions-of.ts'

const storageError = 56
const brokerEpoch = 77

let broker: TestBroker
let client: TestClient
let partition: MemoryPartition

/** Records 0 and 1 are left of five. */
describe('a log that lacks records which it had (simulator seeds 1000283, 1000567)', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
    partition = await broker.makeTopic('orders')
    partition.append(makeTestBatch({ values: ['a', 'b'], timestampMs: 1000 }), true, -1)
    await until(() => partition.highWatermark === 2)
    partition.missingRecords = 'records from offset 2 to 4 are missing: a test has taken them'
    partition.highWatermark = 5
  })
  afterEach(async () => {
    await broker.stop()
    assert.equal(partition.readsOpen, 0)
    assert.deepEqual(broker.errors(), [])
  })

  async function fetch(version: number, given: object) {
    const asked = { partition: 0, partitionMaxBytes: 1_000_000, ...given }
    const topic = version < 13 ? { topic: 'orders' } : { topicId: partition.topicId }
    const topics = [{ ...topic, partitions: [asked] }]
    const answer = await client.call(apis[1], version, { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, topics })
    return answer.responses[0]!.partitions[0]!
  }

  for (const version of versionsOf(apis[1])) {
    test(`Fetch ${version} serves what is left, and does not say that the rest was never there`, async () => {
      const left = await fetch(version, { fetchOffset: 0 })
      assert.deepEqual([left.errorCode, left.highWatermark], [0, 5])
      assert.ok(left.records!.length > 0)
      for (const fetchOffset of [2, 3, 5, 6]) {
        assert.equal((await fetch(version, { fetchOffset })).errorCode, storageError, `at ${fetchOffset}`)
      }
    })
  }

  test('Fetch has nobody go back to where the log ends now', async () => {
    const ahead = await fetch(12, { fetchOffset: 4, lastFetchedEpoch: 0 })
    assert.deepEqual([ahead.errorCode, ahead.divergingEpoch.endOffset], [storageError, -1])
  })

  test('Fetch has no follower cut off what may be the last copy, and does not count it as complete', async () => {
    partition.followers = [2]
    await proveBroker(client, { brokerId: 2, brokerEpoch })
    for (const fetchOffset of [2, 4]) {
      const ahead = await fetch(14, { fetchOffset, lastFetchedEpoch: 0, currentLeaderEpoch: 0 })
      assert.deepEqual([ahead.errorCode, ahead.divergingEpoch.endOffset], [storageError, -1])
    }
    assert.deepEqual(partition.noted, [])
  })

  for (const version of versionsOf(apis[2])) {
    test(`ListOffsets ${version} does not say where it ends`, async () => {
      const list = async (timestamp: number) => {
        const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp }] }]
        const answer = await client.call(apis[2], version, { replicaId: -1, isolationLevel: 0, topics })
        const { errorCode, offset } = answer.topics[0]!.partitions[0]!
        return [errorCode, offset]
      }
      assert.deepEqual(await list(-1), [storageError, -1])
      assert.deepEqual(await list(-2), [0, 0], 'the start is known')
      assert.deepEqual(await list(500), [0, 0], 'and what is left')
      assert.deepEqual(await list(2000), [storageError, -1], 'but not that there is nothing newer')
      if (version >= 7) assert.deepEqual(await list(-3), [storageError, -1], 'or what the newest is')
    })
  }

  test('OffsetForLeaderEpoch does not say that the epoch ended there', async () => {
    const partitions = [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }]
    const answer = await client.call(apis[23], 4, { topics: [{ topic: 'orders', partitions }] })
    assert.equal(answer.topics[0]!.partitions[0]!.errorCode, storageError)
  })

  test('DescribeProducers does not call old sequences the last', async () => {
    const answer = await client.call(apis[61], 0, { topics: [{ name: 'orders', partitionIndexes: [0] }] })
    const { errorCode, errorMessage } = answer.topics[0]!.partitions[0]!
    assert.equal(errorCode, storageError)
    assert.match(errorMessage!, /offset 2 to 4 are missing/)
  })
})
