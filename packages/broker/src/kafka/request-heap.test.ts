import { equal, ok, throws } from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { apis, decode, encode, Reader, WireError, Writer } from '@polylog/wire'
import type { Message } from '@polylog/wire'
import { requestHeapBytesMax } from './kafka-config.ts'
import { TestBroker } from './testing/test-broker.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const mib = 1024 * 1024

function readerOf(bytes: Uint8Array): Reader {
  const reader = new Reader(bytes)
  reader.heapBytesLeft = requestHeapBytesMax(bytes.length)
  return reader
}

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}

/** Decodes as the broker does what a client would send. */
function accept<Output, Input>(message: Message<Output, Input>, version: number, value: NoInfer<Input>): void {
  const writer = new Writer()
  encode(message, version, value, writer)
  decode(message, version, readerOf(writer.concat()))
}

describe('the memory of a request', () => {
  it('suffices for the largest that clients send', () => {
    const name = (i: number): string => `t${i}`
    const indexes = many(100_000, (i) => i)
    for (const version of [1, 12])
      accept(apis[3].request, version, { topics: many(10_000, (i) => ({ name: name(i) })) })
    for (const version of [1, 7]) {
      accept(apis[9].request, version, { groupId: 'g', topics: [{ name: 't', partitionIndexes: indexes }] })
      accept(apis[9].request, version, {
        groupId: 'g',
        topics: many(10_000, (i) => ({ name: name(i), partitionIndexes: many(10, (p) => p) })),
      })
    }
    for (const version of [2, 9]) {
      const partitions = indexes.map((partitionIndex) => ({ partitionIndex, committedOffset: 2 ** 40 }))
      accept(apis[8].request, version, { groupId: 'g', topics: [{ name: 't', partitions }] })
    }
    for (const version of [4, 12]) {
      const partitions = indexes.map((partition) => ({ partition, fetchOffset: 2 ** 40, partitionMaxBytes: mib }))
      accept(apis[1].request, version, { maxWaitMs: 0, minBytes: 0, topics: [{ topic: 't', partitions }] })
    }
    for (const version of [1, 7]) {
      const partitions = indexes.map((partitionIndex) => ({ partitionIndex, timestamp: -1 }))
      accept(apis[2].request, version, { replicaId: -1, topics: [{ name: 't', partitions }] })
    }
  })

  it('is bounded for 16 MiB of elements of next to nothing', () => {
    // Three bytes each: an empty name, an empty list of partitions, no tagged fields.
    const count = Math.floor((16 * mib - 100) / 3)
    const head = Buffer.from([2, 0x67])
    const varint: number[] = []
    for (let rest = count + 1; rest > 0; rest = Math.floor(rest / 128))
      varint.push((rest % 128) | (rest >= 128 ? 128 : 0))
    const bytes = Buffer.concat([
      head,
      Buffer.from(varint),
      Buffer.alloc(3 * count, Buffer.from([1, 1, 0])),
      Buffer.from([0, 0]),
    ])
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    throws(() => decode(apis[9].request, 7, readerOf(bytes)), WireError)
    const grown = process.memoryUsage().heapUsed - before
    ok(grown < 8 * mib, `${grown} bytes`)
    // It is the budget that refuses them, not their form.
    const form = Buffer.concat([head, Buffer.from([11]), Buffer.alloc(30, Buffer.from([1, 1, 0])), Buffer.from([0, 0])])
    equal(decode(apis[9].request, 7, readerOf(form)).topics?.length, 10)
  })

  it('is bounded where small arrays nest in large ones', () => {
    // Each topic is announced with many partitions of four bytes, as dense as it gets.
    const writer = new Writer()
    const topics = many(40_000, () => ({
      name: '',
      partitions: many(30, () => ({ partitionIndex: 0, committedOffset: 0 })),
    }))
    encode(apis[8].request, 2, { groupId: 'g', topics }, writer)
    const bytes = writer.concat()
    topics.length = 0
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    throws(() => decode(apis[8].request, 2, readerOf(bytes)), WireError)
    collectGarbage()
    const grown = process.memoryUsage().heapUsed - before
    ok(grown < requestHeapBytesMax(bytes.length), `${grown} bytes`)
  })
})

describe('a request that would take too much memory', () => {
  let broker: TestBroker
  beforeEach(async () => {
    broker = await TestBroker.start()
  })
  afterEach(() => broker.stop())

  it('ends its connection, and no other', async () => {
    const [client, bystander] = [await broker.connect(), await broker.connect()]
    client.post(apis[3], 1, { topics: many(500_000, () => ({ name: '' })) })
    await client.closedByBroker
    ok(broker.lines.some(({ level, fields }) => level === 'warn' && JSON.stringify(fields).includes('too much memory')))
    equal((await bystander.call(apis[18], 0, {})).errorCode, 0)
  })
})
