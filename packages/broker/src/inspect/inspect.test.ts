import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { Broker } from '../broker.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { NodeHttpServer } from '../host/node/node-http.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import type { Disk } from '../host/disk.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { inspectDirectory } from './inspect.ts'
import { removeSetAside } from './set-aside.ts'

/** A directory with one topic of 100 records, its broker stopped. */
async function filledDirectory(): Promise<Disk> {
  const disk = new MemoryDisk()
  const host = { ...createNodeHost(), disk }
  const settings = { kafkaAddress: { host: '127.0.0.1', port: 0 }, httpAddress: undefined, dataDirectory: '/data' }
  await using broker = await Broker.start(settings, { host, http: new NodeHttpServer(), logger: silentLogger })
  await broker.topics.create({ name: 'orders', partitionCount: 1, replicationFactor: 1, configs: new Map() })
  const partition = broker.topics.partition('orders', 0)!
  for (let i = 0; i < 100; i++) await partition.appendRecords([{ key: null, value: Buffer.from(`record ${i}`) }])
  return disk
}

test('an intact directory has no problems and shows its topics', async () => {
  const report = await inspectDirectory(await filledDirectory(), '/data', () => {})
  deepEqual(report.problems, [])
  equal(report.cleanlyStopped, true)
  const orders = report.logs.find((log) => log.topic === 'orders')!
  equal(orders.records, 100)
  equal(orders.endOffset, 100)
  equal(orders.partition, 0)
})

test('a flipped bit in a segment is found and its place is named', async () => {
  const disk = await filledDirectory()
  const folder = disk.list('/data/logs').find((name) => name.startsWith('orders-'))!
  const path = `/data/logs/${folder}/00000000000000000000.log`
  const file = disk.open(path, 'write')
  const byte = Buffer.alloc(1)
  file.readNow(byte, 1000)
  file.write([Buffer.from([byte[0]! ^ 4])], 1000)
  file.close()
  const report = await inspectDirectory(disk, '/data', () => {})
  equal(report.problems.length, 1)
  match(report.problems[0]!, /orders-0.*byte 9\d\d/)
})

test('a topic that only the journal knows of, after a kill, is shown with its records', async () => {
  const disk = new MemoryDisk()
  const host = { ...createNodeHost(), disk }
  const settings = { kafkaAddress: { host: '127.0.0.1', port: 0 }, httpAddress: undefined, dataDirectory: '/data' }
  await using broker = await Broker.start(settings, { host, http: new NodeHttpServer(), logger: silentLogger })
  await broker.topics.create({ name: 'orders', partitionCount: 1, replicationFactor: 1, configs: new Map() })
  await broker.topics.partition('orders', 0)!.appendRecords([{ key: null, value: Buffer.from('two coffees') }])
  const report = await inspectDirectory(disk, '/data', () => {})
  const orders = report.logs.find((log) => log.topic === 'orders')
  deepEqual([orders?.endOffset, orders?.journaledRecords], [1, 1])
})

function put(disk: Disk, path: string, bytes: number): void {
  const file = disk.open(path, 'create')
  file.write([Buffer.alloc(bytes)], 0)
  file.close()
}

test('what recoveries have set aside is listed with size and kind, and removed with nothing else', async () => {
  const disk = await filledDirectory()
  const folder = disk.list('/data/logs').find((name) => name.startsWith('orders-'))!
  const everything = (): string[] => [
    ...disk.list('/data'),
    ...disk.list('/data/journal'),
    ...disk.list(`/data/logs/${folder}`),
  ]
  disk.makeDirectory('/data/orphans/old-0.xyz.7')
  const before = everything()
  put(disk, '/data/orphans/old-0.xyz.7/00000000000000000000.log', 5)
  put(disk, '/data/orphans/old-0.xyz.7/00000000000000000000.index', 2)
  put(disk, '/data/journal/0000000000000009.journal.kept', 30)
  put(disk, '/data/journal/0000000000000008.journal.torn', 40)
  put(disk, `/data/logs/${folder}/00000000000000000000.log.4711.torn`, 50)
  put(disk, `/data/logs/${folder}/00000000000000000000.log.4711.torn-2`, 60)
  const { setAside, problems } = await inspectDirectory(disk, '/data', () => {})
  deepEqual(problems, [])
  deepEqual(
    setAside.map(({ path, bytes, kind }) => [path.replace('/data/', ''), bytes, kind]),
    [
      ['journal/0000000000000008.journal.torn', 40, 'torn'],
      ['journal/0000000000000009.journal.kept', 30, 'kept'],
      [`logs/${folder}/00000000000000000000.log.4711.torn`, 50, 'torn'],
      [`logs/${folder}/00000000000000000000.log.4711.torn-2`, 60, 'torn'],
      ['orphans/old-0.xyz.7', 7, 'orphan'],
    ],
  )
  deepEqual(await removeSetAside(disk, '/data'), setAside)
  deepEqual(everything(), before)
  deepEqual(disk.list('/data/orphans'), [])
  const after = await inspectDirectory(disk, '/data', () => {})
  deepEqual([after.setAside, after.problems], [[], []])
})

test('nothing is removed from under a broker', async () => {
  const disk = await filledDirectory()
  put(disk, '/data/journal/0000000000000008.journal.torn', 40)
  const lock = disk.lock('/data/lock')
  await rejects(removeSetAside(disk, '/data'), { kind: 'locked' })
  equal((await inspectDirectory(disk, '/data', () => {})).setAside.length, 1)
  lock.release()
})
