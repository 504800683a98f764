import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EmbeddedMetadataStore } from '../cluster/embedded/embedded-store.ts'
import { completeSettings } from '../config/broker-settings.ts'
import { BrokerError } from '../errors/errors.ts'
import { DiskError } from '../host/disk.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { NodeClock } from '../host/node/node-clock.ts'
import { NodeRandom } from '../host/node/node-random.ts'
import { LogStore } from '../log/store.ts'
import { baseOffsetOf, renewCrc } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import type { BatchOptions } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { LocalTopics } from './local-topics.ts'
import type { Appended, AppendFault, Partition } from './partition.ts'
import { ProducerIds } from './producer-ids.ts'

const settings = completeSettings({ partitionCountDefault: 2 })
const clock = new NodeClock()
const random = new NodeRandom()

interface World {
  topics: LocalTopics
  store: LogStore
  metadata: EmbeddedMetadataStore
  deleted: string[]
  stop(): Promise<void>
}

/** The topic layer over real storage in memory; the same disk twice is a restart. */
async function open(disk: MemoryDisk): Promise<World> {
  disk.makeDirectory('/data')
  const metadata = await EmbeddedMetadataStore.open({ disk, clock, directory: '/data/metadata' })
  const deleted: string[] = []
  const topics = new LocalTopics({ metadata, clock, random, settings, deleted: (name) => deleted.push(name) })
  await topics.load()
  const store = await LogStore.open({
    disk,
    clock,
    logger: silentLogger,
    directory: '/data',
    directoryId: new Uint8Array(16),
    settingsOf: (name) => topics.logSettings(name),
    journalFileBytes: 1 << 20,
    directBytesMin: 1 << 17,
    tailMemoryBytesMax: 8 << 20,
    openFilesMax: 64,
    durable: (log) => log.onChange(),
  })
  await topics.attach(store)
  const stop = async (): Promise<void> => {
    await store.close()
    await metadata.close()
  }
  return { topics, store, metadata, deleted, stop }
}

function create(topics: LocalTopics, name: string, configs: Record<string, string> = {}): Promise<unknown> {
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

describe('LocalTopics', () => {
  it('topics, configs and added partitions survive a restart', async () => {
    const disk = new MemoryDisk()
    const first = await open(disk)
    await create(first.topics, 'orders', { 'retention.ms': '1000' })
    await first.topics.addPartitions('orders', 5, undefined)
    await first.topics.changeConfigs('orders', [{ name: 'segment.ms', operation: 'set', value: '9999' }])
    const { id } = first.topics.find('orders')!
    await first.stop()
    const second = await open(disk)
    const topic = second.topics.find('orders')!
    equal(topic.id, id)
    equal(second.topics.findById(id), topic)
    equal(topic.partitions.length, 5)
    deepEqual(Object.fromEntries(topic.configs), { 'retention.ms': '1000', 'segment.ms': '9999' })
    equal(second.topics.partition('orders', 4)!.logEndOffset, 0)
    equal(second.store.get(`orders-4.${id}`)!.settings.segmentMs, 9999)
    await second.stop()
  })

  it('a deleted topic is gone with its logs, and one made anew is empty and has another id', async () => {
    const disk = new MemoryDisk()
    const world = await open(disk)
    await create(world.topics, 'orders')
    const before = world.topics.find('orders')!.id
    const partition = world.topics.partition('orders', 0)!
    await committed(partition, partition.append(batch(['a']), false, -1))
    await world.topics.delete('orders')
    deepEqual(world.deleted, ['orders'])
    equal(codeOf(partition.append(batch(['b']), false, -1)), 'storage')
    await create(world.topics, 'orders')
    equal(world.topics.partition('orders', 0)!.logEndOffset, 0)
    ok(world.topics.find('orders')!.id !== before)
    await world.stop()
    const again = await open(disk)
    equal([...again.store.logs()].length, 2)
    equal(again.topics.partition('orders', 0)!.logEndOffset, 0)
    await again.stop()
  })

  it('makes a topic once when many ask at the same time', async () => {
    const world = await open(new MemoryDisk())
    const topics = await Promise.all(Array.from({ length: 20 }, () => world.topics.ensure('orders')))
    equal(new Set(topics.map((topic) => topic.id)).size, 1)
    await rejects(create(world.topics, 'orders'), isCode('topic-exists'))
    await world.stop()
  })

  it('only checks when asked to', async () => {
    const world = await open(new MemoryDisk())
    const spec = { name: 'orders', partitionCount: 3, replicationFactor: 1, configs: new Map<string, string>() }
    equal((await world.topics.create(spec, true)).partitions.length, 3)
    equal(world.topics.find('orders'), undefined)
    await world.topics.create(spec)
    equal((await world.topics.addPartitions('orders', 4, undefined, true)).partitions.length, 4)
    equal(world.topics.find('orders')!.partitions.length, 3)
    await rejects(world.topics.addPartitions('orders', 3, undefined), isCode('invalid-partition-count'))
    await rejects(world.topics.addPartitions('none', 3, undefined), isCode('unknown-topic'))
    await world.stop()
  })

  it('keeps its own topics from being deleted', async () => {
    const world = await open(new MemoryDisk())
    await create(world.topics, '__consumer_offsets')
    equal(world.topics.find('__consumer_offsets')!.internal, true)
    await rejects(world.topics.delete('__consumer_offsets'), isCode('policy-violation'))
    await rejects(world.topics.delete('none'), isCode('unknown-topic'))
    await world.stop()
  })
})

describe('failures of storage below', () => {
  const isStorage = { name: 'BrokerError', code: 'storage' }

  it('are told as such when the metadata store is out of service', async () => {
    const { topics, metadata, store } = await open(new MemoryDisk())
    await create(topics, 'orders')
    await metadata.close()
    await rejects(create(topics, 'more'), isStorage)
    await rejects(topics.delete('orders'), isStorage)
    await rejects(topics.addPartitions('orders', 5, undefined), isStorage)
    await rejects(topics.replaceConfigs('orders', new Map([['retention.ms', '1000']])), isStorage)
    await rejects(new ProducerIds(metadata).next(), isStorage)
    await rejects(create(topics, 'orders'), { code: 'topic-exists' })
    await store.close()
  })

  it('are told as such when records cannot be deleted', async () => {
    const { topics, store, stop } = await open(new MemoryDisk())
    await create(topics, 'orders')
    const partition = topics.partition('orders', 0)!
    await committed(partition, partition.append(batch(['a', 'b']), false, -1))
    store.moveStart = () => Promise.reject(new DiskError('full', '/data', 'no space'))
    await rejects(partition.deleteRecordsBefore(1), isStorage)
    await stop()
  })
})

describe('LocalPartition', () => {
  async function withPartition(
    configs: Record<string, string>,
    body: (partition: Partition, world: World) => Promise<void>,
  ): Promise<void> {
    const world = await open(new MemoryDisk())
    await create(world.topics, 'orders', configs)
    await body(world.topics.partition('orders', 0)!, world)
    await world.stop()
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

describe('ProducerIds', () => {
  it('never gives an id twice, over restarts and together', async () => {
    const disk = new MemoryDisk()
    const seen = new Set<number>()
    for (let restart = 0; restart < 3; restart++) {
      const world = await open(disk)
      const ids = new ProducerIds(world.metadata)
      const other = new ProducerIds(world.metadata)
      const given = await Promise.all(Array.from({ length: 1500 }, (_, i) => (i % 3 === 0 ? other : ids).next()))
      for (const id of given) {
        ok(!seen.has(id), `${id} was given before`)
        seen.add(id)
      }
      await world.stop()
    }
    equal(seen.size, 4500)
  })
})
