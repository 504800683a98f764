import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Broker } from '../broker.ts'
import { BrokerError } from '../errors/errors.ts'
import { DiskError } from '../host/disk.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { baseOffsetOf, renewCrc } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import type { BatchOptions } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { Appended, AppendFault, Partition } from './partition.ts'

/** A broker on its own; the same disk twice is a restart. */
function open(disk: MemoryDisk): Promise<Broker> {
  const http = { listen: () => Promise.reject(new Error('there is no HTTP here')) }
  const given = { kafkaAddress: { host: '127.0.0.1', port: 0 }, httpAddress: undefined, offsetsPartitionCount: 1 }
  const parts = { host: { ...createNodeHost(), disk }, http, logger: silentLogger }
  return Broker.start({ ...given, dataDirectory: '/data', durability: 'fsync' }, parts)
}

function create({ topics }: Broker, name: string, configs: Record<string, string> = {}): Promise<unknown> {
  return topics.create({ name, partitionCount: 2, replicationFactor: 1, configs: new Map(Object.entries(configs)) })
}

function batch(values: readonly string[], options: Partial<BatchOptions> = {}): Buffer {
  const records = values.map((value) => ({ key: Buffer.from('k'), value: Buffer.from(value) }))
  return buildBatch(records, { baseTimestampMs: Date.now(), ...options })
}

function committed(partition: Partition, appended: Appended | AppendFault): Promise<Appended> {
  if ('code' in appended) throw new Error(`${appended.code}: ${appended.detail}`)
  return new Promise((resolve, reject) => {
    partition.whenCommitted(appended.endOffset, (fault) => (fault ? reject(new Error(fault.code)) : resolve(appended)))
  })
}

function codeOf(appended: Appended | AppendFault): string {
  return 'code' in appended ? appended.code : 'appended'
}

const isCode = (code: string) => (error: unknown) => error instanceof BrokerError && error.code === code

describe('topics with their logs', () => {
  it('survive a restart, with configs and added partitions', async () => {
    const disk = new MemoryDisk()
    const first = await open(disk)
    await create(first, 'orders', { 'retention.ms': '1000' })
    await first.topics.addPartitions('orders', 5, undefined)
    await first.topics.changeConfigs('orders', [{ name: 'segment.ms', operation: 'set', value: '9999' }])
    const { id } = first.topics.find('orders')!
    equal(first.store.get(`orders-4.${id}`)!.settings.segmentMs, 9999)
    await first.stop()
    const second = await open(disk)
    const topic = second.topics.find('orders')!
    equal(topic.id, id)
    equal(topic.partitions.length, 5)
    deepEqual(Object.fromEntries(topic.configs), { 'retention.ms': '1000', 'segment.ms': '9999' })
    equal(second.topics.partition('orders', 4)!.logEndOffset, 0)
    equal(second.store.get(`orders-4.${id}`)!.settings.segmentMs, 9999)
    await second.stop()
  })

  it('are gone with them, and one made anew is empty', async () => {
    const disk = new MemoryDisk()
    const broker = await open(disk)
    await create(broker, 'orders')
    const partition = broker.topics.partition('orders', 0)!
    await committed(partition, partition.append(batch(['a']), false, -1))
    await broker.topics.delete('orders')
    equal(codeOf(partition.append(batch(['b']), false, -1)), 'not-leader')
    await create(broker, 'orders')
    equal(broker.topics.partition('orders', 0)!.logEndOffset, 0)
    await broker.stop()
    const again = await open(disk)
    equal([...again.store.logs()].filter(({ name }) => name.startsWith('orders-')).length, 2)
    equal(again.topics.partition('orders', 0)!.logEndOffset, 0)
    await again.stop()
  })

  it('say that storage failed when records cannot be deleted', async () => {
    const broker = await open(new MemoryDisk())
    await create(broker, 'orders')
    const partition = broker.topics.partition('orders', 0)!
    await committed(partition, partition.append(batch(['a', 'b']), false, -1))
    broker.store.moveStart = () => Promise.reject(new DiskError('full', '/data', 'no space'))
    await rejects(partition.deleteRecordsBefore(1), { name: 'BrokerError', code: 'storage' })
    await broker.stop()
  })
})

describe('a partition', () => {
  async function withPartition(
    configs: Record<string, string>,
    test: (partition: Partition) => Promise<void>,
  ): Promise<void> {
    await using broker = await open(new MemoryDisk())
    await create(broker, 'orders', configs)
    await test(broker.topics.partition('orders', 0)!)
  }

  it('serves a record only once it is durable', () =>
    withPartition({}, async (partition) => {
      const appended = partition.append(batch(['a', 'b']), false, -1)
      equal(partition.highWatermark, 0)
      equal(partition.logEndOffset, 2)
      const request = { offset: 0, bytesMax: 1000, atLeastOne: true, isolation: 'read-uncommitted' as const }
      equal((await partition.read(request)).bytes, 0)
      await committed(partition, appended)
      equal(partition.highWatermark, 2)
      const read = await partition.read(request)
      equal(baseOffsetOf(read.chunks[0]!, 0), 0)
      equal(partition.readableBytes(0, 'read-committed'), read.bytes)
      equal(partition.readableBytes(2, 'read-committed'), 0)
    }))

  it('refuses what is malformed, too large, transactional or from another time', () =>
    withPartition({ 'max.message.bytes': '1000', 'message.timestamp.after.max.ms': '1000' }, async (partition) => {
      const broken = batch(['a'])
      broken[64] = broken[64]! ^ 1
      equal(codeOf(partition.append(broken, false, -1)), 'corrupt-batch')
      equal(codeOf(partition.append(batch(['x'.repeat(2000)]), false, -1)), 'message-too-large')
      equal(
        codeOf(
          partition.append(
            batch(['a'], { attributes: 0x10, producerId: 1, producerEpoch: 0, baseSequence: 0 }),
            false,
            -1,
          ),
        ),
        'invalid-record',
      )
      equal(codeOf(partition.append(batch(['a'], { attributes: 0x20 }), false, -1)), 'invalid-record')
      equal(
        codeOf(partition.append(batch(['a'], { baseTimestampMs: Date.now() + 60_000 }), false, -1)),
        'invalid-timestamp',
      )
      equal(codeOf(partition.append(Buffer.concat([batch(['a']), batch(['b'])]), false, -1)), 'invalid-record')
      equal(codeOf(partition.append(Buffer.alloc(10), false, -1)), 'corrupt-batch')
      const lying = batch(['a'])
      lying.writeInt32BE(5, 57)
      renewCrc(lying, 0)
      equal(codeOf(partition.append(lying, false, -1)), 'invalid-record')
      equal(partition.logEndOffset, 0)
    }))

  it('gives a repeated batch of an idempotent producer its first offset, and stores it once', () =>
    withPartition({}, async (partition) => {
      const mark = { producerId: 7, producerEpoch: 0 }
      const first = await committed(
        partition,
        partition.append(batch(['a', 'b'], { ...mark, baseSequence: 0 }), false, -1),
      )
      await committed(partition, partition.append(batch(['c'], { ...mark, baseSequence: 2 }), false, -1))
      const again = await committed(
        partition,
        partition.append(batch(['a', 'b'], { ...mark, baseSequence: 0 }), false, -1),
      )
      equal(again.baseOffset, first.baseOffset)
      equal(again.duplicate, true)
      equal(partition.logEndOffset, 3)
      equal(codeOf(partition.append(batch(['x'], { ...mark, baseSequence: 9 }), false, -1)), 'out-of-order-sequence')
      const older = { producerId: 7, producerEpoch: -1, baseSequence: 3 }
      equal(codeOf(partition.append(batch(['x'], older), false, -1)), 'invalid-producer-epoch')
      deepEqual(
        partition.activeProducers().map((p) => [p.producerId, p.producerEpoch, p.lastSequence]),
        [[7, 0, 2]],
      )
    }))

  it('wants a key for each record of a compacted topic', () =>
    withPartition({ 'cleanup.policy': 'compact' }, async (partition) => {
      const keyless = buildBatch([{ key: null, value: Buffer.from('v') }], { baseTimestampMs: Date.now() })
      equal(codeOf(partition.append(keyless, false, -1)), 'invalid-record')
      equal(codeOf(partition.append(batch(['v']), false, -1)), 'appended')
    }))

  it('stamps the time of the append where the topic wants that', () =>
    withPartition({ 'message.timestamp.type': 'LogAppendTime' }, async (partition) => {
      const appended = await committed(partition, partition.append(batch(['a'], { baseTimestampMs: 5 }), false, -1))
      ok(Math.abs(appended.logAppendTimeMs - Date.now()) < 60_000)
      const found = await partition.offsetForTimestamp(6)
      equal(found!.timestampMs, appended.logAppendTimeMs)
    }))

  it('finds records by time, also behind a log start that was moved', () =>
    withPartition({}, async (partition) => {
      for (const ms of [1000, 3000, 2000, 3000]) {
        await committed(partition, partition.append(batch(['v'], { baseTimestampMs: ms }), false, -1))
      }
      equal((await partition.offsetForTimestamp(1500))!.offset, 1)
      equal((await partition.offsetForTimestamp(3000))!.offset, 1)
      equal(await partition.offsetForTimestamp(3001), undefined)
      equal((await partition.offsetOfMaxTimestamp())!.offset, 1)
      equal(await partition.deleteRecordsBefore(2), 2)
      equal((await partition.offsetForTimestamp(0))!.offset, 2)
      equal((await partition.offsetOfMaxTimestamp())!.offset, 3)
    }))

  it('deletes records up to the high watermark and no further', () =>
    withPartition({}, async (partition) => {
      await committed(partition, partition.append(batch(['a', 'b', 'c']), false, -1))
      equal(await partition.deleteRecordsBefore(1), 1)
      equal(await partition.deleteRecordsBefore(0), 1)
      await rejects(partition.deleteRecordsBefore(4), isCode('offset-out-of-range'))
      equal(await partition.deleteRecordsBefore(-1), 3)
      const request = { offset: 0, bytesMax: 10, atLeastOne: true, isolation: 'read-committed' as const }
      await rejects(async () => partition.read(request), isCode('offset-out-of-range'))
    }))

  it('wakes listeners when the visible end moves, and not after they left', () =>
    withPartition({}, async (partition) => {
      let calls = 0
      const leave = partition.onAdvance(() => calls++)
      await committed(partition, partition.append(batch(['a']), false, -1))
      equal(calls, 1)
      leave()
      await committed(partition, partition.append(batch(['b']), false, -1))
      equal(calls, 1)
    }))
})
