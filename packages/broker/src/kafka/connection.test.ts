import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import { BrokerError } from '../errors/errors.ts'
import { kafkaLimits } from './kafka-config.ts'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import { encodeFrame } from './testing/test-client.ts'
import type { TestClient } from './testing/test-client.ts'

function produceRequest(topic: string, given: object = {}) {
  const partitionData = [{ index: 0, records: makeTestBatch() }]
  return { acks: -1, timeoutMs: 60_000, topicData: [{ name: topic, partitionData }], ...given }
}

function fetchRequest(topic: string, given: object = {}) {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000_000 }]
  return { maxWaitMs: 60_000, minBytes: 1, maxBytes: 10_000_000, topics: [{ topic, partitions }], ...given }
}

let broker: TestBroker
let client: TestClient
/** A second connection, which must not notice what happens on the first. */
let bystander: TestClient
describe('connection', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
    bystander = await broker.connect()
  })
  afterEach(() => broker.stop())

  /** The events of warnings, without their fields. */
  function warnings(): string[] {
    return broker.lines.filter(({ level }) => level === 'warn').map(({ event }) => event)
  }

  /** What every kind of bad input must come to: the connection is closed, a line names the peer, nobody else is touched. */
  async function assertBrokenOff(event: string): Promise<void> {
    await client.closedByBroker
    const line = broker.lines.find((each) => each.event === event)
    assert.ok(line, `logged: ${warnings().join(', ')}`)
    assert.match(String(line.fields?.['peer']), /^127\.0\.0\.1:\d+$/)
    assert.equal((await bystander.call(apis[18], 0, {})).errorCode, 0)
    assert.deepEqual(broker.errors(), [])
  }

  describe('answers', () => {
    test('leave in the order of the requests, whatever is done first', async () => {
      const slow = await broker.makeTopic('slow')
      await broker.makeTopic('fast')
      slow.held = true
      const ids = [
        client.post(apis[0], 9, produceRequest('slow')),
        client.post(apis[0], 9, produceRequest('fast')),
        client.post(apis[3], 9, { topics: [] }),
        client.post(apis[0], 9, produceRequest('slow')),
      ]
      await until(() => slow.logEndOffset === 2)
      assert.deepEqual(client.answered, [])
      slow.commit()
      await until(() => client.answered.length === 4)
      assert.deepEqual(client.answered, ids)
    })

    test('a waiting Fetch holds back what follows it, and later requests are not worked on', async () => {
      const partition = await broker.makeTopic('orders')
      const fetch = client.post(apis[1], 11, fetchRequest('orders'))
      const after = client.post(apis[19], 5, { topics: [{ name: 'later', numPartitions: 1, replicationFactor: 1 }] })
      await until(() => partition.listenerCount === 1)
      await bystander.call(apis[18], 0, {})
      assert.equal(broker.topics.find('later'), undefined)
      await bystander.call(apis[0], 9, produceRequest('orders'))
      await client.receiveAnswer(after)
      assert.deepEqual(client.answered, [fetch, after])
      assert.notEqual(broker.topics.find('later'), undefined)
    })

    test('requests are served one by one, as clients that pipeline expect', async () => {
      const opened = Promise.withResolvers<void>()
      broker.topics.gate = opened.promise
      client.post(apis[19], 5, { topics: [{ name: 'orders', numPartitions: 1, replicationFactor: 1 }] })
      const metadata = client.call(apis[3], 9, { topics: [{ name: 'orders' }], allowAutoTopicCreation: false })
      await bystander.call(apis[18], 0, {})
      opened.resolve()
      assert.equal((await metadata).topics[0]!.errorCode, 0)
    })

    test('thousands of requests in one piece are all answered', async () => {
      await broker.makeTopic('orders')
      const count = 3 * kafkaLimits.inFlightRequestCountMax
      const frames = Array.from({ length: count }, (_, index) =>
        encodeFrame(apis[0], 9, index, produceRequest('orders')),
      )
      client.send(Buffer.concat(frames))
      await until(() => client.answered.length === count)
      assert.deepEqual(client.answered, [...frames.keys()])
    })

    test('a request that comes byte by byte is served', async () => {
      for (const byte of encodeFrame(apis[3], 9, 77, { topics: null })) {
        client.send(Buffer.of(byte))
        await bystander.call(apis[18], 0, {})
      }
      await until(() => client.answered.length === 1)
    })

    test('a large batch arrives whole', async () => {
      const partition = await broker.makeTopic('orders')
      partition.batchBytesMax = 8_000_000
      const records = makeTestBatch({ values: ['x'.repeat(3_000_000)] })
      const topicData = [{ name: 'orders', partitionData: [{ index: 0, records }] }]
      await client.call(apis[0], 9, { acks: -1, timeoutMs: 60_000, topicData })
      const answer = await client.call(apis[1], 11, fetchRequest('orders'))
      const stored = answer.responses[0]!.partitions[0]!.records!
      assert.deepEqual(stored.subarray(16), records.subarray(16))
    })
  })

  describe('bad input', () => {
    test('an unknown API key closes the connection', async () => {
      client.send(Buffer.from('0000000e03e7000000000001000474657374', 'hex'))
      await assertBrokenOff('kafka request cannot be read')
    })

    test('an unknown version closes the connection', async () => {
      client.send(Buffer.from('0000000e000300630000000100047465737400', 'hex'))
      await assertBrokenOff('kafka request cannot be read')
    })

    test('a removed version closes the connection', async () => {
      // Produce is shown from version 0 on, but served from 3 on.
      client.send(Buffer.from('0000000e00000002000000010004746573740000', 'hex'))
      await assertBrokenOff('kafka request cannot be read')
    })

    for (const [what, size] of [
      ['negative', -1],
      ['oversized', 16 * 1024 * 1024 + 1],
      ['the largest', 2147483647],
    ] as const) {
      test(`a frame of ${what} size closes the connection`, async () => {
        const bytes = Buffer.alloc(4)
        bytes.writeInt32BE(size)
        client.send(bytes)
        await assertBrokenOff('kafka request of impossible size')
      })
    }

    test('a client of another protocol is named in the log', async () => {
      client.send(Buffer.from('GET /metrics HTTP/1.1\r\n\r\n'))
      await assertBrokenOff('kafka request of impossible size')
      assert.ok(broker.lines.some(({ fields }) => fields?.['hint'] === 'the client speaks HTTP'))
    })

    test('a frame too short for a header closes the connection', async () => {
      client.send(Buffer.from('0000000412345678', 'hex'))
      await assertBrokenOff('kafka request cannot be read')
    })

    test('an array count beyond the bytes there are closes the connection', async () => {
      const bytes = encodeFrame(apis[3], 1, 1, { topics: [] })
      bytes.writeInt32BE(0x7fffffff, bytes.length - 4)
      client.send(bytes)
      await assertBrokenOff('kafka request cannot be read')
    })

    test('a negative array count closes the connection', async () => {
      const bytes = encodeFrame(apis[3], 1, 1, { topics: [] })
      bytes.writeInt32BE(-7, bytes.length - 4)
      client.send(bytes)
      await assertBrokenOff('kafka request cannot be read')
    })

    test('what was asked before the bad bytes is still answered', async () => {
      const good = encodeFrame(apis[18], 0, 5, {})
      client.send(Buffer.concat([good, Buffer.from('ffffffff', 'hex'), good]))
      await client.closedByBroker
      assert.deepEqual(client.answered, [5])
    })

    test('a name that no topic can have is refused, and the connection goes on', async () => {
      const answer = await client.call(apis[3], 9, { topics: [{ name: 'no/such name' }], allowAutoTopicCreation: true })
      assert.equal(answer.topics[0]!.errorCode, 17)
      assert.equal((await client.call(apis[18], 0, {})).errorCode, 0)
    })
  })

  describe('failures inside', () => {
    test('an unexpected exception ends the request, with a line that has its stack', async () => {
      broker.topics.list = () => {
        throw new TypeError('boom')
      }
      // This API has no place for an error of the whole request, so the connection is closed.
      await assert.rejects(client.call(apis[75], 0, { topics: [], responsePartitionLimit: 10 }), /closed/)
      const [line] = broker.errors()
      assert.equal(line?.event, 'kafka handler failed')
      assert.match(String(line?.fields?.['stack']), /TypeError: boom\n.*at /)
      assert.equal((await bystander.call(apis[18], 0, {})).errorCode, 0)
    })

    test('an exception for one item of a request leaves the others alone', async () => {
      await broker.makeTopic('good')
      await broker.makeTopic('bad')
      const describeGood = broker.topics.describeConfigs.bind(broker.topics)
      broker.topics.describeConfigs = (name) => {
        if (name === 'bad') throw new TypeError('boom')
        return describeGood(name)
      }
      const resources = ['good', 'bad'].map((resourceName) => ({
        resourceType: 2,
        resourceName,
        configurationKeys: null,
      }))
      const answer = await client.call(apis[32], 4, { resources })
      assert.deepEqual(
        answer.results.map(({ errorCode }) => errorCode),
        [0, -1],
      )
      assert.equal(broker.errors().length, 1)
    })

    test('an answer that cannot be encoded closes the connection', async () => {
      broker.groups.heartbeat = () => 'unknown-member'
      broker.groups.list = () => ({ error: null, groups: [{ groupId: 7 as unknown as string } as never] })
      await assert.rejects(client.call(apis[16], 3, {}))
      assert.equal(broker.errors()[0]?.event, 'kafka answer cannot be encoded')
      assert.equal((await bystander.call(apis[18], 0, {})).errorCode, 0)
    })

    test('an exception while a fetch waits ends that connection only', async () => {
      const partition = await broker.makeTopic('orders')
      client.post(apis[1], 11, fetchRequest('orders'))
      await until(() => partition.listenerCount === 1)
      partition.readableBytes = () => {
        throw new TypeError('boom')
      }
      await bystander.call(apis[0], 9, produceRequest('orders'))
      await client.closedByBroker
      assert.equal(partition.listenerCount, 0)
      assert.equal(broker.errors().length, 1)
    })

    test('a read that fails late is an error of its partition', async () => {
      const partition = await broker.makeTopic('orders')
      partition.read = () => Promise.reject(new BrokerError('storage'))
      const answer = await client.call(apis[1], 11, fetchRequest('orders', { maxWaitMs: 0 }))
      assert.equal(answer.responses[0]!.partitions[0]!.errorCode, 56)
      partition.read = () => Promise.reject(new TypeError('boom'))
      const worse = await client.call(apis[1], 11, fetchRequest('orders', { maxWaitMs: 0 }))
      assert.equal(worse.responses[0]!.partitions[0]!.errorCode, -1)
      assert.equal(broker.errors().length, 1)
    })

    test('an expected failure of a whole request is answered with its code', async () => {
      broker.groups.join = () => Promise.reject(new BrokerError('storage'))
      const answer = await client.call(apis[11], 5, { groupId: 'g', protocolType: 'consumer' })
      assert.equal(answer.errorCode, 56)
      assert.deepEqual(broker.errors(), [])
    })
  })

  describe('limits', () => {
    test('a client that does not read is not read any more, and its memory is bounded', async () => {
      const partition = await broker.makeTopic('orders')
      partition.batchBytesMax = 8_000_000
      const records = makeTestBatch({ values: ['x'.repeat(4_000_000)] })
      const topicData = [{ name: 'orders', partitionData: [{ index: 0, records }] }]
      await bystander.call(apis[0], 9, { acks: -1, timeoutMs: 60_000, topicData })
      client.pauseReading()
      const reads: number[] = []
      const read = partition.read.bind(partition)
      partition.read = (request) => {
        reads.push(request.offset)
        return read(request)
      }
      for (let each = 0; each < 40; each++) client.post(apis[1], 11, fetchRequest('orders'))
      // Enough turns for all 40 if nothing held the broker back: it stops after 8 MiB beyond the system's buffers.
      await until(() => reads.length >= 3)
      for (let turn = 0; turn < 50; turn++) await bystander.call(apis[18], 0, {})
      assert.ok(reads.length < 15, `${reads.length} answers of 4 MB were made for a client that does not read`)
      client.resumeReading()
      await until(() => client.answered.length === 40)
      assert.equal(partition.readsOpen, 0)
    })

    test('a client whose answers pile up beyond the limit is closed', async () => {
      await broker.stop()
      broker = await TestBroker.start({ connectionOutputBytesMax: 1_000_000, connectionOutputPauseBytes: 500_000 })
      const partition = await broker.makeTopic('orders')
      partition.batchBytesMax = 16_000_000
      bystander = await broker.connect()
      const topicData = [
        {
          name: 'orders',
          partitionData: [{ index: 0, records: makeTestBatch({ values: ['x'.repeat(12_000_000)] }) }],
        },
      ]
      await bystander.call(apis[0], 9, { acks: -1, timeoutMs: 60_000, topicData })
      client = await broker.connect()
      client.pauseReading()
      client.post(apis[1], 11, fetchRequest('orders'))
      await until(() => broker.listener.connectionCount === 1)
      assert.ok(warnings().includes('kafka client does not read its answers'))
      assert.equal(partition.readsOpen, 0)
    })

    test('connections beyond the limits are refused', async () => {
      await broker.stop()
      broker = await TestBroker.start({ connectionCountMax: 3, connectionCountPerAddressMax: 2 })
      const first = await broker.connect()
      await first.call(apis[18], 0, {})
      const second = await broker.connect()
      await second.call(apis[18], 0, {})
      const third = await broker.connect()
      await third.closedByBroker
      first.close()
      await until(() => broker.listener.connectionCount === 1)
      bystander = await broker.connect()
      assert.equal((await bystander.call(apis[18], 0, {})).errorCode, 0)
    })

    test('requests beyond the memory for all wait until there is room', async () => {
      await broker.stop()
      broker = await TestBroker.start({ requestMemoryBytes: 150 })
      const partition = await broker.makeTopic('orders')
      partition.held = true
      client = await broker.connect()
      bystander = await broker.connect()
      const first = client.call(apis[0], 9, produceRequest('orders'))
      await until(() => partition.logEndOffset === 1)
      const second = client.call(apis[0], 9, produceRequest('orders'))
      await until(() => partition.logEndOffset === 2)
      const third = bystander.call(apis[0], 9, produceRequest('orders'))
      // Another connection that gets an answer shows that the third request had its chance and did not take it.
      await broker.connect().then((other) => other.close())
      assert.equal(partition.logEndOffset, 2)
      partition.held = false
      partition.commit()
      await Promise.all([first, second, third])
      assert.equal(partition.logEndOffset, 3)
    })

    test('idle connections are closed, and those that wait for an answer are not', async () => {
      await broker.stop()
      broker = await TestBroker.start({ connectionIdleMs: 300 })
      const partition = await broker.makeTopic('orders')
      client = await broker.connect()
      bystander = await broker.connect()
      bystander.post(apis[1], 11, fetchRequest('orders'))
      await until(() => partition.listenerCount === 1)
      await client.closedByBroker
      await until(() => broker.listener.connectionCount === 1)
    })
  })

  describe('stopping', () => {
    test('answers what waits, and then closes', async () => {
      const partition = await broker.makeTopic('orders')
      const held = await broker.makeTopic('held')
      held.held = true
      const fetch = client.call(apis[1], 11, fetchRequest('orders'))
      const produce = bystander.call(apis[0], 9, produceRequest('held'))
      await until(() => partition.listenerCount === 1 && held.logEndOffset === 1)
      const stopped = broker.listener.stop({ timeoutMs: 10_000 })
      assert.equal((await fetch).responses[0]!.partitions[0]!.errorCode, 0)
      await client.closedByBroker
      held.commit()
      assert.equal((await produce).responses[0]!.partitionResponses[0]!.errorCode, 0)
      await stopped
      assert.equal(broker.listener.connectionCount, 0)
      assert.deepEqual(broker.errors(), [])
    })

    test('cuts off what does not end in time', async () => {
      const held = await broker.makeTopic('held')
      held.held = true
      client.post(apis[0], 9, produceRequest('held'))
      await until(() => held.logEndOffset === 1)
      await broker.listener.stop({ timeoutMs: 20 })
      await client.closedByBroker
      // The commit comes when nobody is there any more.
      held.commit()
      assert.deepEqual(broker.errors(), [])
    })

    test('refuses new connections', async () => {
      await broker.listener.stop({ timeoutMs: 1000 })
      await assert.rejects(broker.connect())
    })

    test('several addresses may be listened on', async () => {
      const { port } = broker.address
      const second = await broker.listener.start({ host: '127.0.0.2', port })
      assert.deepEqual(second, { host: '127.0.0.2', port })
      broker.address = second
      const other = await broker.connect()
      const { brokers } = await other.call(apis[3], 9, { topics: [] })
      assert.deepEqual([brokers[0]!.host, brokers[0]!.port], ['127.0.0.2', port])
    })
  })
})
