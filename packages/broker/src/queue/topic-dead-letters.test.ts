import { deepEqual, equal, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualClock } from '../group/testing/manual-clock.ts'
import { MemoryPartition } from '../kafka/testing/memory-partition.ts'
import { batchBytesOf, recordCountOf } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import { headersOf } from '../record/headers.ts'
import { openRecords, RecordReader } from '../record/records.ts'
import type { Partition } from '../topic/partition.ts'
import type { Topic } from '../topic/topics.ts'
import { TopicDeadLetters } from './topic-dead-letters.ts'

const id = { groupId: 'g', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', index: 1 }

function world(given: { mayCreate?: boolean; partitionCount?: number } = {}) {
  const clock = new ManualClock()
  const source = new MemoryPartition(clock, 'jobs', id.topicId, 1)
  const target = new MemoryPartition(clock, 'dead', 'AAAAAAAAAAAAAAAAAAAAAg', 2)
  const partitions = Array.from({ length: given.partitionCount ?? 4 }, (_, index) => ({ index, leader: 9 }))
  const topic = { name: 'dead', id: target.topicId, partitions } as unknown as Topic
  const state = { topic: topic as Topic | undefined, led: 2 as number | undefined }
  const elsewhere: number[] = []
  const letters = new TopicDeadLetters({
    topics: {
      find: () => state.topic,
      ensure: async () => (state.topic = topic),
      partition: (_name, index) => (index === state.led ? (target as Partition) : undefined),
    },
    mayCreate: given.mayCreate ?? false,
    nowMs: () => clock.nowMs(),
    appendElsewhere: async (_topic, index) => void elsewhere.push(index),
  })
  const append = async (count: number, valueBytes = 10): Promise<void> => {
    const records = Array.from({ length: count }, (_, at) => ({
      key: Buffer.from(`k${at}`),
      value: Buffer.alloc(valueBytes, at),
      headers: [{ key: Buffer.from('own'), value: Buffer.from(String(at)) }],
    }))
    source.append(buildBatch(records, { baseTimestampMs: 1234 }), true, -1)
    await clock.advance(1)
  }
  const write = async (first: number, last: number): Promise<number> => {
    const writing = letters.write('dead', source, id, { first, last, reason: 'rejected', deliveryCount: 3 })
    writing.catch(() => undefined)
    await clock.advance(50)
    return writing
  }
  return { source, target, state, elsewhere, append, write, clock }
}

/** Key, value size, and headers of each record, and its time. */
async function contents(partition: MemoryPartition) {
  const read = await partition.read({ offset: 0, bytesMax: 1 << 30, atLeastOne: true, isolation: 'read-uncommitted' })
  const found: { key: string; valueBytes: number | undefined; headers: Record<string, string> }[] = []
  for (const chunk of read.chunks) {
    for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
      const records = openRecords(chunk, at)
      const reader = new RecordReader(records, recordCountOf(chunk, at))
      for (let record = reader.next(); record !== undefined; record = reader.next()) {
        const headers = headersOf(records, record).map(({ key, value }) => [key, Buffer.from(value!).toString()])
        const key = Buffer.from(record.key!).toString()
        found.push({ key, valueBytes: record.value?.length, headers: Object.fromEntries(headers) })
      }
    }
  }
  read.release()
  return found
}

describe('dead letters', () => {
  it('are what lies in the span, batch for batch, with why and where from', async () => {
    const { source, target, append, write } = world()
    await append(3)
    await append(3)
    equal(await write(2, 4), 3)
    const found = await contents(target)
    deepEqual(
      found.map(({ key, headers }) => [key, headers['own'], headers['polylog.dead.offset']]),
      [
        ['k2', '2', '2'],
        ['k0', '0', '3'],
        ['k1', '1', '4'],
      ],
    )
    const { own: _, ...added } = found[0]!.headers
    deepEqual(added, {
      'polylog.dead.reason': 'rejected',
      'polylog.dead.topic': 'jobs',
      'polylog.dead.partition': '1',
      'polylog.dead.offset': '2',
      'polylog.dead.group': 'g',
      'polylog.dead.deliveries': '3',
    })
    equal(source.readsOpen, 0)
  })

  it('lose their value, but not the news, where the topic takes only smaller ones', async () => {
    const { target, append, write } = world()
    target.batchBytesMax = 1000
    await append(1, 100)
    await append(2, 900)
    equal(await write(0, 2), 3)
    const found = await contents(target)
    deepEqual(
      found.map(({ valueBytes, headers }) => [valueBytes, headers['polylog.dead.value']]),
      [
        [100, undefined],
        [undefined, 'too-large'],
        [undefined, 'too-large'],
      ],
    )
  })

  it('get the time of the day where the topic does not take theirs, which a header tells', async () => {
    const { target, append, write } = world()
    await append(2)
    const take = target.append.bind(target)
    let isFirst = true
    target.append = (...args) => {
      const isRefused = isFirst
      isFirst = false
      return isRefused ? { code: 'invalid-timestamp', detail: 'beyond the limit' } : take(...args)
    }
    equal(await write(0, 1), 2)
    deepEqual(
      (await contents(target)).map(({ headers }) => headers['polylog.dead.timestamp']),
      ['1234', '1234'],
    )
  })

  it('are refused where the topic takes no time at all, however late it has become meanwhile', async () => {
    const { target, clock, append, write } = world()
    await append(2)
    let asked = 0
    const nowMs = clock.nowMs.bind(clock)
    clock.nowMs = () => nowMs() + asked
    target.append = () => {
      // Without this bound the test would have no end.
      if (++asked > 10) throw new Error('tried for ever')
      return { code: 'invalid-timestamp', detail: 'beyond the limit' }
    }
    await rejects(write(0, 1), { code: 'invalid-timestamp' })
    equal(asked, 2)
  })

  it('are as many as retention has left', async () => {
    const { source, append, write } = world()
    await append(3)
    await append(3)
    await source.deleteRecordsBefore(6)
    equal(await write(0, 5), 0)
  })

  it('go to another broker where none of the partitions is led here', async () => {
    const { state, elsewhere, append, write } = world()
    state.led = undefined
    await append(2)
    equal(await write(0, 1), 2)
    deepEqual(elsewhere, [1])
  })

  it('wait for a topic, or make it if that is allowed', async () => {
    const closed = world()
    closed.state.topic = undefined
    await closed.append(1)
    await rejects(closed.write(0, 0), { code: 'unknown-topic' })
    const open = world({ mayCreate: true })
    open.state.topic = undefined
    await open.append(1)
    equal(await open.write(0, 0), 1)
  })
})
