/**
 * Throws mutated requests at a listener: whatever arrives, the process lives, other connections work, and no memory of
 * the log stays in use. Fast-check prints the seed and the path of a failure; give both to `fc.assert` to replay it.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { apis } from '@polylog/wire'
import { advertisedApis } from './dispatch.ts'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import { encodeFrame } from './testing/test-client.ts'
import type { TestClient } from './testing/test-client.ts'

const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }
const produced = { topicData: [{ name: 'orders', partitionData: [{ index: 0, records: makeTestBatch() }] }] }

/** Valid requests to start from. */
const seeds = [
  encodeFrame(apis[0], 9, 1, { acks: -1, timeoutMs: 100, ...produced }),
  encodeFrame(apis[0], 3, 2, { acks: 1, timeoutMs: 100, ...produced }),
  encodeFrame(apis[1], 12, 3, { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 'orders', partitions: [partition] }] }),
  encodeFrame(apis[1], 4, 4, { maxWaitMs: 5, minBytes: 1, topics: [{ topic: 'orders', partitions: [partition] }] }),
  encodeFrame(apis[2], 6, 5, { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }),
  encodeFrame(apis[3], 12, 6, { topics: [{ name: 'orders' }] }),
  encodeFrame(apis[11], 6, 7, { groupId: 'g', sessionTimeoutMs: 6000, protocolType: 'c', protocols: [{ name: 'r' }] }),
  encodeFrame(apis[18], 3, 8, { clientSoftwareName: 'x', clientSoftwareVersion: '1' }),
  encodeFrame(apis[19], 7, 9, { topics: [{ name: 'made', numPartitions: 1, replicationFactor: 1 }] }),
  encodeFrame(apis[8], 8, 10, { groupId: 'g', topics: [{ name: 'orders', partitions: [{ partitionIndex: 0 }] }] }),
  encodeFrame(apis[9], 8, 11, { groups: [{ groupId: 'g', topics: null }] }),
  encodeFrame(apis[32], 4, 12, { resources: [{ resourceType: 2, resourceName: 'orders' }] }),
  encodeFrame(apis[44], 1, 13, { resources: [{ resourceType: 2, resourceName: 'orders', configs: [{ name: 'a' }] }] }),
]

interface Change {
  at: number
  kind: 'set' | 'cut' | 'insert' | 'maximum'
  value: number
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(400),
  kind: fc.constantFrom('set', 'cut', 'insert', 'maximum'),
  value: fc.nat(255),
})

/** Changes a frame, mostly behind its size field and then with a size that fits, so that the change reaches a handler. */
function mutate(frame: Buffer, changes: readonly Change[], keepSize: boolean): Buffer {
  let bytes = Buffer.from(frame)
  for (const { at, kind, value } of changes) {
    const position = Math.min(bytes.length, 4 + (at % Math.max(1, bytes.length - 4)))
    if (kind === 'set') bytes.fill(value, position, Math.min(bytes.length, position + 1))
    else if (kind === 'maximum') bytes.fill(0xff, position, Math.min(bytes.length, position + 4))
    else if (kind === 'cut') bytes = Buffer.concat([bytes.subarray(0, position), bytes.subarray(position + value)])
    else bytes = Buffer.concat([bytes.subarray(0, position), Buffer.alloc(value, value), bytes.subarray(position)])
  }
  if (!keepSize && bytes.length >= 4) bytes.writeInt32BE(bytes.length - 4, 0)
  return bytes
}

let broker: TestBroker
let bystander: TestClient
describe('listener.fuzz', () => {
  before(async () => {
    broker = await TestBroker.start()
    await broker.makeTopic('orders')
    bystander = await broker.connect()
  })
  after(() => broker.stop())

  /** Closes the client whatever comes out, so that the next try starts from the same state. */
  async function assertBystanderServed(client: TestClient): Promise<void> {
    try {
      assert.equal((await bystander.call(apis[18], 0, {})).apiKeys.length, advertisedApis.length)
    } finally {
      client.close()
    }
  }

  test('mutated requests harm nobody but their sender', async () => {
    const input = fc.array(fc.tuple(fc.nat(seeds.length - 1), fc.array(change, { maxLength: 4 }), fc.boolean()), {
      minLength: 1,
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(input, async (frames) => {
        const client = await broker.connect()
        // Mostly in one piece with the size put right; a wrong size mostly ends the connection at once.
        const sent = frames.map(([seed, changes, keepSize], index) =>
          mutate(seeds[seed]!, changes, keepSize && index === frames.length - 1),
        )
        client.send(Buffer.concat(sent))
        await assertBystanderServed(client)
        await until(() => broker.listener.connectionCount === 1)
      }),
      { numRuns: 250 },
    )
    for (const each of broker.topics.replicas()) assert.deepEqual([each.readsOpen, each.listenerCount], [0, 0])
    assert.deepEqual(broker.errors(), [])
  })

  test('random bytes behind a valid header harm nobody but their sender', async () => {
    const keys = advertisedApis.map(({ apiKey }) => apiKey)
    const input = fc.record({
      apiKey: fc.constantFrom(...keys),
      version: fc.nat(18),
      body: fc.uint8Array({ maxLength: 200 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(input, { minLength: 1, maxLength: 5 }), async (requests) => {
        const client = await broker.connect()
        for (const { apiKey, version, body } of requests) {
          const frame = Buffer.alloc(14 + body.length)
          frame.writeInt32BE(frame.length - 4, 0)
          frame.writeInt16BE(apiKey, 4)
          frame.writeInt16BE(version, 6)
          frame.writeInt16BE(-1, 12)
          frame.set(body, 14)
          client.send(frame)
        }
        await assertBystanderServed(client)
        await until(() => broker.listener.connectionCount === 1)
      }),
      { numRuns: 250 },
    )
    assert.deepEqual(broker.errors(), [])
  })
})
