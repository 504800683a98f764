import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis, uuidZero } from '@polylog/wire'
import { baseOffsetOf } from '../record/batch.ts'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

const produceVersions = [3, 7, 8, 9, 12]
const fetchVersions = [4, 7, 10, 11, 12]

function produceRequest(topic: string, records: Uint8Array | null, acks = -1, timeoutMs = 5000, index = 0) {
  return { acks, timeoutMs, topicData: [{ name: topic, partitionData: [{ index, records }] }] }
}

function fetchRequest(topic: string, fetchOffset: number, given: object = {}) {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1_000_000,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
    ...given,
  }
}

let broker: TestBroker
let client: TestClient
beforeEach(async () => {
  broker = await TestBroker.start()
  client = await broker.connect()
})
afterEach(async () => {
  await broker.stop()
  assert.deepEqual(broker.errors(), [])
})

describe('Produce', () => {
  for (const version of produceVersions) {
    test(`version ${version} stores a batch and answers its offset`, async () => {
      const partition = await broker.makeTopic('orders')
      await client.call(apis[0], version, produceRequest('orders', makeTestBatch({ values: ['a', 'b'] })))
      const answer = await client.call(apis[0], version, produceRequest('orders', makeTestBatch()))
      const [topic] = answer.responses
      assert.equal(topic?.name, 'orders')
      assert.deepEqual(
        topic.partitionResponses.map(({ index, errorCode, baseOffset }) => ({ index, errorCode, baseOffset })),
        [{ index: 0, errorCode: 0, baseOffset: 2 }],
      )
      assert.equal(partition.highWatermark, 3)
    })
  }
})
