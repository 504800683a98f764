import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connect, connectIn } from '../client.ts'
import { ClientError } from '../client-error.ts'
import { headerNames } from '../header-names.ts'
import { decodeRecords } from '../records/batch.ts'
import type { ReceivedRecord } from '../records/record.ts'
import { topic } from '../serialization/topic.ts'
import type { StandardSchemaV1 } from '../serialization/standard-schema.ts'
import { ControlledEnvironment } from '../testing/controlled-environment.ts'
import { FakeBroker } from '../testing/fake-broker.ts'
import type { Script } from '../testing/fake-broker.ts'
import { BatchError } from './message-producer.ts'

const producerId: NonNullable<Script[22]> = () => ({ errorCode: 0, producerId: 9, producerEpoch: 0 })

interface StoredBatch {
  partition: number
  bytes: Buffer
  records: ReceivedRecord[]
  producerId: number
  sequence: number
}

/** Answers Produce: with the next of `codes`, then with success at the offset after what is stored. */
function storing(stored: StoredBatch[], codes: number[] = []): NonNullable<Script[0]> {
  const ends = new Map<number, number>()
  return (request) => ({
    responses: request.topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index, records }) => {
        const errorCode = codes.shift() ?? 0
        if (errorCode !== 0) return { index, errorCode, baseOffset: -1 }
        const bytes = Buffer.from(records!)
        const decoded = decodeRecords(bytes, { topic: name, partition: index }, 0).records
        const sequence = bytes.readInt32BE(53)
        stored.push({
          partition: index,
          bytes,
          records: decoded,
          producerId: Number(bytes.readBigInt64BE(43)),
          sequence,
        })
        const baseOffset = ends.get(index) ?? 0
        ends.set(index, baseOffset + decoded.length)
        return { index, errorCode, baseOffset }
      }),
    })),
  })
}

const valuesOf = (stored: readonly StoredBatch[]): string[] =>
  stored.flatMap(({ records }) => records.map(({ value }) => String(value)))

function isClientError(code: ClientError['code'], pattern = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ClientError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, pattern)
    return true
  }
}

describe('a producer', () => {
  it('sends what one turn has in one batch, and tells each message where it is', async () => {
    const stored: StoredBatch[] = []
    await using fake = await FakeBroker.start({ 0: storing(stored), 22: producerId })
    await using client = await connect({ brokers: fake.address })
    const producer = client.producer()
    const sent = await Promise.all(
      ['a', 'b', 'c'].map((value) => producer.send('t', { value, key: 'k', tags: ['x', 'y'], headers: { h: '1' } })),
    )
    assert.equal(stored.length, 1)
    assert.deepEqual(
      sent.map(({ offset }) => offset),
      [0, 1, 2],
    )
    const headers = Object.fromEntries(stored[0]!.records[1]!.headers.map(({ key, value }) => [key, String(value)]))
    assert.deepEqual(headers, { [headerNames.id]: sent[1]!.id, [headerNames.tags]: 'x,y', h: '1' })
    assert.match(sent[0]!.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.ok(sent[0]!.id < sent[1]!.id && sent[1]!.id < sent[2]!.id)
  })

  it('sends batches that are large together in requests of their own', async () => {
    const stored: StoredBatch[] = []
    const counts: number[] = []
    const store = storing(stored)
    const script: Script = {
      22: producerId,
      0: (request, version) => {
        counts.push(request.topicData.flatMap(({ partitionData }) => partitionData).length)
        return store(request, version)
      },
    }
    await using fake = await FakeBroker.start(script)
    await using client = await connect({ brokers: fake.address })
    const producer = client.producer({ batchBytesMax: 6 * 2 ** 20 })
    await Promise.all([0, 1].map((partition) => producer.send('t', { value: 'small', partition })))
    await Promise.all([0, 1].map((partition) => producer.send('t', { value: Buffer.alloc(5 * 2 ** 20), partition })))
    assert.deepEqual(counts, [2, 1, 1])
  })

  it('sends the same batch with the same sequence after a refusal and after a lost connection', async () => {
    const stored: StoredBatch[] = []
    const store = storing(stored, [6, 7])
    let lost = false
    const script: Script = {
      22: producerId,
      0: (request, version) => {
        const answer = store(request, version)
        if (stored.length !== 1 || lost) return answer
        lost = true
        fake.disconnect()
        return undefined
      },
    }
    await using fake = await FakeBroker.start(script)
    await using client = await connect({ brokers: fake.address, retry: { initialMs: 1, maxMs: 2 } })
    const producer = client.producer()
    await producer.send('t', { value: 'a', partition: 0 })
    await producer.send('t', { value: 'b', partition: 0 })
    assert.deepEqual(
      stored.map(({ sequence, records }) => `${sequence}${String(records[0]!.value)}`),
      ['0a', '0a', '1b'],
    )
  })

  it('takes "duplicate sequence" for success, and a new identity when the broker has forgotten the old one', async () => {
    const stored: StoredBatch[] = []
    let id = 0
    const script: Script = {
      0: storing(stored, [46, 59]),
      22: () => ({ errorCode: 0, producerId: ++id, producerEpoch: 0 }),
    }
    await using fake = await FakeBroker.start(script)
    await using client = await connect({ brokers: fake.address, retry: { initialMs: 1, maxMs: 2 } })
    const producer = client.producer()
    assert.equal((await producer.send('t', { value: 'a', partition: 0 })).offset, -1)
    assert.equal((await producer.send('t', { value: 'b', partition: 0 })).offset, 0)
    assert.deepEqual([stored[0]!.producerId, stored[0]!.sequence], [2, 0])
  })

  it('cuts a batch that the broker finds too large, and names the one message that is', async () => {
    const stored: StoredBatch[] = []
    const store = storing(stored)
    const script: Script = {
      22: producerId,
      0: (request, version) => {
        const { index, records } = request.topicData[0]!.partitionData[0]!
        if (records!.length <= 400) return store(request, version)
        return { responses: [{ name: 't', partitionResponses: [{ index, errorCode: 10, baseOffset: -1 }] }] }
      },
    }
    await using fake = await FakeBroker.start(script)
    await using client = await connect({ brokers: fake.address })
    const producer = client.producer()
    const message = (value: string) => ({ value, partition: 0 })
    const sizes = [50, 50, 500, 50, 50]
    const failure = await producer
      .sendBatch(
        't',
        sizes.map((size, i) => message(String(i).repeat(size))),
      )
      .catch((error: unknown) => error)
    assert.ok(failure instanceof BatchError)
    assert.match(failure.message, /^1 of 5 messages were not sent/)
    assert.deepEqual(
      failure.results.map((result) => (result instanceof ClientError ? result.errorName : result.offset)),
      [0, 1, 'MESSAGE_TOO_LARGE', 2, 3],
    )
    assert.deepEqual(await producer.sendBatch('t', []), [])
  })

  it('really sends what it does not wait for, says when that failed, and flushes it when it is closed', async () => {
    const stored: StoredBatch[] = []
    await using fake = await FakeBroker.start({ 0: storing(stored, [29]), 22: producerId })
    await using client = await connect({ brokers: fake.address })
    const failures: string[] = []
    const producer = client.producer({ onOneWayError: (error, id) => failures.push(`${id} ${error.errorName}`) })
    const lost = producer.sendOneWay('t', { value: 'no', partition: 0 })
    await producer.flush()
    assert.deepEqual(failures, [`${lost} TOPIC_AUTHORIZATION_FAILED`])
    const ids = producer.sendOneWayBatch('t', ['a', 'b', 'c'])
    await producer.close()
    assert.equal(new Set(ids).size, 3)
    assert.deepEqual(valuesOf(stored).toSorted(), ['a', 'b', 'c'])
    await assert.rejects(producer.send('t', 'late'), isClientError('closed'))
  })

  it('waits while its buffer is full, in order, and refuses what cannot wait', async () => {
    const stored: StoredBatch[] = []
    const held: (() => void)[] = []
    await using fake = await FakeBroker.start({ 0: storing(stored), 22: producerId }, (name) =>
      name === 'Produce' && held.length === 0 ? new Promise<void>((resolve) => held.push(resolve)) : undefined,
    )
    await using client = await connect({ brokers: fake.address })
    const producer = client.producer({ bufferBytesMax: 200 })
    const sending = ['a', 'b', 'c', 'd'].map((value) => producer.send('t', { value: value.repeat(50), partition: 0 }))
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.throws(() => producer.sendOneWay('t', 'e'), isClientError('buffer-full'))
    held[0]!()
    const results = await Promise.all(sending)
    assert.deepEqual(
      results.map(({ offset }) => offset),
      [0, 1, 2, 3],
    )
  })
})

describe('a producer whose time is controlled', () => {
  it('gives up a message at its time-out, and never uses its sequence numbers again', async () => {
    const environment = new ControlledEnvironment()
    const stored: StoredBatch[] = []
    let id = 0
    let answers = false
    const store = storing(stored)
    const script: Script = {
      0: (request, version) => (answers ? store(request, version) : undefined),
      22: () => ({ errorCode: 0, producerId: ++id, producerEpoch: 0 }),
    }
    await using fake = await FakeBroker.start(script)
    const client = await connectIn(environment, { brokers: fake.address })
    const producer = client.producer({ deliveryTimeoutMs: 5000 })
    const sending = producer.send('t', { value: 'a', partition: 0 })
    let failure: unknown
    sending.catch((error: unknown) => (failure = error))
    while (!fake.asked.includes('Produce')) await new Promise((resolve) => setImmediate(resolve))
    await environment.until(() => failure !== undefined, 1000)
    assert.ok(isClientError('timed-out', /did not answer Produce/)(failure))
    answers = true
    const next = producer.send('t', { value: 'b', partition: 0 })
    await next
    assert.deepEqual([stored[0]!.producerId, stored[0]!.sequence], [2, 0])
    await client.close()
  })

  it('waits for company as long as it was told', async () => {
    const environment = new ControlledEnvironment()
    const stored: StoredBatch[] = []
    await using fake = await FakeBroker.start({ 0: storing(stored), 22: producerId })
    const client = await connectIn(environment, { brokers: fake.address })
    const producer = client.producer({ lingerMs: 20 })
    producer.sendOneWay('t', { value: 'so that the topic is known', partition: 1 })
    await environment.until(() => stored.length === 1)
    await producer.flush()
    const first = producer.send('t', { value: 'a', partition: 0 })
    await environment.advance(19)
    assert.equal(stored.length, 1)
    const second = producer.send('t', { value: 'b', partition: 0 })
    await environment.advance(1)
    await Promise.all([first, second])
    assert.deepEqual(valuesOf(stored).slice(1), ['a', 'b'])
    assert.equal(stored.length, 2)
    await client.close()
  })
})

describe('typed topics', () => {
  const positive: StandardSchemaV1<number, string> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof value === 'number' && value > 0
          ? { value: String(value) }
          : { issues: [{ message: 'must be positive', path: ['amount', { key: 0 }] }] },
    },
  }

  it('check what is sent, and send what was given', async () => {
    const stored: StoredBatch[] = []
    await using fake = await FakeBroker.start({ 0: storing(stored), 22: producerId })
    await using client = await connect({ brokers: fake.address })
    const producer = client.producer()
    const amounts = topic('t', positive)
    await producer.send(amounts, { value: 5 })
    assert.deepEqual(valuesOf(stored), ['5'])
    const refused = isClientError('invalid-value', /does not fit topic "t": amount\.0: must be positive/)
    await assert.rejects(producer.send(amounts, { value: -5 }), refused)
    assert.equal(await amounts.serializer.deserialize(Buffer.from('7')), '7')
  })

  it('keep the order of calls when serialising takes different times', async () => {
    const stored: StoredBatch[] = []
    await using fake = await FakeBroker.start({ 0: storing(stored), 22: producerId })
    await using client = await connect({ brokers: fake.address })
    const producer = client.producer()
    const release: (() => void)[] = []
    const slow = topic<string, string>('t', {
      serialize: (value) =>
        value === 'slow' ? new Promise((resolve) => release.push(() => resolve(value))) : Promise.resolve(value),
      deserialize: String,
    })
    const sending = ['slow', 'fast'].map((value) => producer.send(slow, { value, partition: 0 }))
    await new Promise((resolve) => setImmediate(resolve))
    release[0]!()
    await Promise.all(sending)
    assert.deepEqual(valuesOf(stored), ['slow', 'fast'])
  })
})
