import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeVersioned,
  encodeVersioned,
} from '@polylog/wire'
import { alterTopicConfigs, createTopic } from './admin.ts'
import { ClientError } from './client-error.ts'
import { Cluster } from './cluster.ts'
import { Fetcher } from './fetcher.ts'
import { GroupReader } from './group/group-reader.ts'
import { committedOffsets, describeGroup } from './groups.ts'
import { listOffsets } from './offsets.ts'
import { murmur2, partitionOf } from './partitioner.ts'
import { RecordProducer } from './producer/record-producer.ts'
import { decodeRecords, encodeBatch } from './records/batch.ts'
import { FakeBroker } from './testing/fake-broker.ts'
import type { Script } from './testing/fake-broker.ts'

function refused(name: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ClientError && error.errorName === name && pattern.test(error.message)
}

/** A produce handler that stores batches and answers the codes in `codes` first. */
function storing(stored: Buffer[], codes: number[]): NonNullable<Script[0]> {
  return (request) => {
    const { index, records } = request.topicData[0]!.partitionData[0]!
    const errorCode = codes.shift() ?? 0
    stored.push(Buffer.from(records!))
    const baseOffset = errorCode === 0 ? 7 : -1
    return { responses: [{ name: 't', partitionResponses: [{ index, errorCode, baseOffset }] }] }
  }
}

const producerId: NonNullable<Script[22]> = () => ({ errorCode: 0, producerId: 9, producerEpoch: 0 })

describe('RecordProducer', () => {
  it('chooses partitions by key and splits batches by size', async () => {
    const stored: Buffer[] = []
    await using fake = await FakeBroker.start({ 0: storing(stored, []), 22: producerId })
    await using cluster = new Cluster({ brokers: fake.address })
    const producer = new RecordProducer(cluster, { batchBytesMax: 200 })
    const records = ['a', 'b', 'a', 'b', 'a'].map((key, i) => ({ key, value: String(i).repeat(60) }))
    const delivered = await producer.send('t', records)
    assert.equal(
      [...delivered.values()].reduce((sum, count) => sum + count, 0),
      5,
    )
    assert.ok(stored.length > delivered.size, `${stored.length} batches`)
    const keys = new Set<string>()
    for (const [i, batch] of stored.entries()) {
      for (const { key } of decodeRecords(batch, { topic: 't', partition: 0 }, 0).records) keys.add(key!.toString())
      assert.ok(batch.length < 300, `batch ${i} has ${batch.length} bytes`)
    }
    assert.deepEqual([...keys].toSorted(), ['a', 'b'])
    assert.deepEqual(await producer.send('t', []), new Map())
  })

  it('sends the same batch again after an error that passes, and goes on counting', async () => {
    const stored: Buffer[] = []
    await using fake = await FakeBroker.start({ 0: storing(stored, [6]), 22: producerId })
    await using cluster = new Cluster({ brokers: fake.address })
    const producer = new RecordProducer(cluster)
    assert.deepEqual(await producer.send('t', [{ value: 'x', partition: 0 }]), new Map([[0, 1]]))
    await producer.send('t', [{ value: 'y', partition: 0 }])
    assert.equal(stored.length, 3)
    assert.deepEqual(stored[0], stored[1])
    assert.deepEqual(
      stored.map((batch) => [batch.readBigInt64BE(43), batch.readInt32BE(53)]),
      [
        [9n, 0],
        [9n, 0],
        [9n, 1],
      ],
    )
  })

  it('gives the reason of a refusal', async () => {
    const answer: NonNullable<Script[0]> = () => ({
      responses: [
        {
          name: 't',
          partitionResponses: [{ index: 0, errorCode: 10, baseOffset: -1, errorMessage: 'the batch has 9 bytes' }],
        },
      ],
    })
    await using fake = await FakeBroker.start({ 0: answer, 22: producerId })
    await using cluster = new Cluster({ brokers: fake.address })
    const producer = new RecordProducer(cluster)
    const sentence = /^cannot write to partition 0 of "t": the batch has 9 bytes \(MESSAGE_TOO_LARGE\)$/
    await assert.rejects(producer.send('t', [{ value: 'x', partition: 0 }]), refused('MESSAGE_TOO_LARGE', sentence))
    await assert.rejects(producer.send('t', [{ value: 'x', partition: 2 }]), /has partitions 0 to 1, not 2/)
    const missing = new RecordProducer(cluster, { createTopics: false }).send('nope', [{ value: 'x' }])
    await assert.rejects(missing, refused('UNKNOWN_TOPIC_OR_PARTITION', /there is no topic "nope"/))
  })
})

/** Two partitions, of which partition 0 holds the values given. */
function reading(values: string[], outOfRange: { below: number } = { below: 0 }): Script {
  return {
    1: (request) => ({
      responses: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, fetchOffset }) => {
          if (fetchOffset < outOfRange.below)
            return { partitionIndex: partition, errorCode: 1, highWatermark: -1, records: null }
          const wanted = partition === 0 ? values.slice(fetchOffset).map((value) => ({ value })) : []
          const batch = wanted.length === 0 ? null : encodeBatch(wanted, 'gzip', 5)
          batch?.writeBigInt64BE(BigInt(fetchOffset), 0)
          const highWatermark = partition === 0 ? values.length : 0
          return { partitionIndex: partition, errorCode: 0, highWatermark, records: batch }
        }),
      })),
    }),
    2: (request) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, timestamp }) => {
          const end = partitionIndex === 0 ? values.length : 0
          const offset = timestamp === -1 ? end : timestamp === -2 ? outOfRange.below : -1
          return { partitionIndex, errorCode: 0, timestamp: -1, offset }
        }),
      })),
    }),
  }
}

describe('Fetcher', () => {
  it('reads on from its position and knows the end', async () => {
    await using fake = await FakeBroker.start(reading(['a', 'b', 'c']))
    await using cluster = new Cluster({ brokers: fake.address })
    const fetcher = new Fetcher(cluster, { waitMs: 1 })
    fetcher.seek({ topic: 't', partition: 0 }, 1)
    fetcher.seek({ topic: 't', partition: 1 }, 0)
    assert.equal(fetcher.isAtEnd, false)
    const records = await fetcher.poll()
    assert.deepEqual(
      records.map(({ offset, value }) => `${offset}${value?.toString()}`),
      ['1b', '2c'],
    )
    assert.equal(fetcher.isAtEnd, true)
    assert.deepEqual(await fetcher.poll(), [])
  })

  it('fails or moves when the offset is gone, as it was told', async () => {
    await using fake = await FakeBroker.start(reading(['a', 'b', 'c'], { below: 2 }))
    await using cluster = new Cluster({ brokers: fake.address })
    const strict = new Fetcher(cluster, { waitMs: 1 })
    strict.seek({ topic: 't', partition: 0 }, 0)
    await assert.rejects(strict.poll(), refused('OFFSET_OUT_OF_RANGE', /partition 0 of "t" from offset 0/))
    const lenient = new Fetcher(cluster, { waitMs: 1, outOfRange: 'beginning' })
    lenient.seek({ topic: 't', partition: 0 }, 0)
    assert.deepEqual(await lenient.poll(), [])
    assert.equal((await lenient.poll())[0]?.offset, 2)
  })

  it('survives the loss of its connection', async () => {
    await using fake = await FakeBroker.start(reading(['a']))
    await using cluster = new Cluster({ brokers: fake.address })
    const fetcher = new Fetcher(cluster, { waitMs: 1 })
    fetcher.seek({ topic: 't', partition: 0 }, 0)
    await fetcher.poll()
    fake.disconnect()
    fetcher.seek({ topic: 't', partition: 0 }, 0)
    let records = await fetcher.poll()
    if (records.length === 0) records = await fetcher.poll()
    assert.equal(records.length, 1)
  })
})

describe('listOffsets', () => {
  it('takes a time after the last record for the end', async () => {
    await using fake = await FakeBroker.start(reading(['a', 'b']))
    await using cluster = new Cluster({ brokers: fake.address })
    assert.deepEqual(
      [...(await listOffsets(cluster, 't', [0, 1], { timestampMs: 99 }))],
      [
        [0, 2],
        [1, 0],
      ],
    )
    assert.deepEqual([...(await listOffsets(cluster, 't', [0], 'beginning'))], [[0, 0]])
  })
})

describe('GroupReader', () => {
  it('joins, assigns, reads from the commit on, commits what was processed and leaves', async () => {
    const commits: string[] = []
    const script: Script = {
      ...reading(['a', 'b', 'c']),
      10: () => ({ errorCode: 0, nodeId: 1, host: '127.0.0.1', port: fake.port }),
      11: (request) => {
        if (request.memberId === '') return { errorCode: 79, protocolName: '', leader: '', memberId: 'm1', members: [] }
        const members = [{ memberId: 'm1', metadata: request.protocols[0]!.metadata }]
        return { errorCode: 0, generationId: 4, protocolName: 'range', leader: 'm1', memberId: 'm1', members }
      },
      14: (request) => ({ errorCode: 0, assignment: request.assignments[0]!.assignment }),
      9: () => ({
        errorCode: 0,
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1, metadata: '', errorCode: 0 }] }],
      }),
      8: (request) => {
        const { name, partitions } = request.topics[0]!
        commits.push(`${request.generationIdOrMemberEpoch} ${name} ${partitions.map((p) => p.committedOffset).join()}`)
        return { topics: [{ name: name, partitions: partitions.map((p) => ({ ...p, errorCode: 0 })) }] }
      },
      12: () => ({ errorCode: 0 }),
      13: () => ({ errorCode: 0, members: [] }),
    }
    await using fake = await FakeBroker.start(script)
    await using cluster = new Cluster({ brokers: fake.address })
    const consumer = new GroupReader(cluster, { group: 'g', topics: ['t'], from: 'beginning', waitMs: 1 })
    const records = await consumer.poll()
    assert.deepEqual(
      records.map(({ value }) => value?.toString()),
      ['b', 'c'],
    )
    assert.equal(consumer.assigned.length, 2)
    assert.equal(consumer.isAtEnd, true)
    assert.deepEqual(commits, [])
    await consumer.close()
    assert.deepEqual(commits, ['4 t 3'])
    assert.equal(fake.asked.at(-1), 'LeaveGroup')
  })
})

describe('admin calls', () => {
  it("pass on the broker's own words", async () => {
    await using fake = await FakeBroker.start({
      19: () => ({ topics: [{ name: 't', errorCode: 36, errorMessage: 'Topic "t" exists.' }] }),
      44: () => ({ responses: [{ errorCode: 40, errorMessage: 'No.', resourceType: 2, resourceName: 't' }] }),
    })
    await using cluster = new Cluster({ brokers: fake.address })
    const exists = /^cannot create topic "t": Topic "t" exists\. \(TOPIC_ALREADY_EXISTS\)$/
    await assert.rejects(createTopic(cluster, { name: 't' }), refused('TOPIC_ALREADY_EXISTS', exists))
    const change = alterTopicConfigs(cluster, 't', new Map([['retention.ms', null]]))
    await assert.rejects(change, refused('INVALID_CONFIG', /cannot change topic "t": No\./))
  })

  it('describe groups and their members', async () => {
    const assignment = encodeVersioned(ConsumerProtocolAssignment, 1, {
      assignedPartitions: [{ topic: 't', partitions: [0, 1] }],
      userData: null,
    })
    const group = { errorCode: 0, groupId: 'g', groupState: 'Stable', protocolType: 'consumer', protocolData: 'range' }
    const member = { memberId: 'm', clientId: 'c', clientHost: '/1.2.3.4', memberMetadata: Buffer.alloc(0) }
    await using fake = await FakeBroker.start({
      10: () => ({ errorCode: 0, nodeId: 1, host: '127.0.0.1', port: fake.port }),
      15: ({ groups: [id] }) => ({
        groups: [id === 'g' ? { ...group, members: [{ ...member, memberAssignment: assignment }] } : dead],
      }),
      9: () => ({ errorCode: 0, topics: [] }),
    })
    const dead = { ...group, groupState: 'Dead', members: [] }
    await using cluster = new Cluster({ brokers: fake.address })
    const { members } = await describeGroup(cluster, 'g')
    assert.deepEqual(members[0]?.assigned, [
      { topic: 't', partition: 0 },
      { topic: 't', partition: 1 },
    ])
    await assert.rejects(describeGroup(cluster, 'x'), refused('GROUP_ID_NOT_FOUND', /there is no group "x"/))
    assert.deepEqual(await committedOffsets(cluster, 'g'), [])
    assert.equal(decodeVersioned(ConsumerProtocolAssignment, assignment).assignedPartitions.length, 1)
    assert.ok(ConsumerProtocolSubscription.versions[1] >= 1)
  })
})

describe('murmur2', () => {
  it("chooses as Kafka's own clients do", () => {
    // From UtilsTest.testMurmur2 of Apache Kafka.
    const known: [string, number][] = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ]
    for (const [text, hash] of known) assert.equal(murmur2(Buffer.from(text)), hash, text)
    assert.equal(partitionOf(Buffer.from('21'), 10), (-973932308 & 0x7fffffff) % 10)
  })
})
