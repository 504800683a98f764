import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDisk } from '../../host/memory/memory-disk.ts'
import { MetadataError } from '../metadata-error.ts'
import type { MetadataStore, TransactionResult, WatchOutcome } from '../metadata-store.ts'
import { EmbeddedMetadataStore } from './embedded-store.ts'
import type { EmbeddedStoreLimits } from './limits.ts'
import { ManualClock } from './manual-clock.fixture.ts'
import { storePath } from './store-file.ts'
import { World } from './world.fixture.ts'

const directory = 'metadata'
const path = storePath(directory)

interface Opened {
  store: EmbeddedMetadataStore
  clock: ManualClock
}

async function open(disk: MemoryDisk, limits: Partial<EmbeddedStoreLimits> = {}): Promise<Opened> {
  const clock = new ManualClock()
  return { store: await EmbeddedMetadataStore.open({ disk, clock, directory, limits }), clock }
}

function put(store: MetadataStore, key: string, value = ''): Promise<TransactionResult> {
  return store.transaction({ then: [{ kind: 'put', key, value }] })
}

function kindOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: unknown) => {
      assert.ok(error instanceof MetadataError, String(error))
      return error.kind
    },
  )
}

/** Takes all room but `freeBytes`, until the function returned is called. */
function fill(disk: MemoryDisk, freeBytes: number): () => void {
  const file = disk.open('ballast', 'create')
  file.write([new Uint8Array(disk.space('').freeBytes - freeBytes)], 0)
  file.close()
  return () => disk.remove('ballast')
}

test('the folder of a new store is made durable before anything is in it', async () => {
  const world = new World(4)
  await world.begin()
  const done: string[] = []
  world.disk.record((operation) => {
    if (operation.kind === 'sync-directory-end' || operation.kind === 'create') done.push(operation.path)
  })
  const store = await world.open()
  assert.deepEqual(done, ['/data', '/data/metadata/metadata.store.tmp', '/data/metadata'])
  await world.settle(store.close())
})

test('writes of one turn share one sync', async () => {
  const world = new World(1)
  await world.begin()
  const store = await world.open()
  let syncCount = 0
  world.disk.record((operation) => {
    if (operation.kind === 'sync-begin') syncCount++
  })
  await world.settle(Promise.all(Array.from({ length: 50 }, (_, index) => put(store, `key/${index}`))))
  assert.equal(syncCount, 1)
  assert.equal((await store.range('')).revision, 51)
  await world.settle(store.close())
})

test('a write is not seen before it is synced', async () => {
  const world = new World(2)
  await world.begin()
  const store = await world.open()
  const told: WatchOutcome[] = []
  store.watch('', 1, (outcome) => told.push(outcome))
  world.disk.stall()
  const writing = put(store, 'a')
  await world.scheduler.run(world.scheduler.nowMs + 1000)
  assert.deepEqual([await store.get('a'), (await store.range('')).revision, told.length], [undefined, 1, 0])
  world.disk.release()
  await world.settle(writing)
  assert.deepEqual([(await store.get('a'))?.modRevision, told.length], [2, 1])
  await world.settle(store.close())
})

test('after a failed sync nothing is written until the store is opened anew', async () => {
  const world = new World(3)
  await world.begin()
  let store = await world.open()
  await world.settle(put(store, 'before'))
  const lease = await world.settle(store.grantLease(60_000))
  const told: WatchOutcome[] = []
  store.watch('', 1, (outcome) => told.push(outcome))
  world.disk.failNextSync()
  const failing = [kindOf(put(store, 'lost')), kindOf(store.transaction({ then: [{ kind: 'get', key: 'lost' }] }))]
  assert.deepEqual(await world.settle(Promise.all(failing)), ['unavailable', 'unavailable'])
  const later = [kindOf(put(store, 'later')), kindOf(store.keepAlive(lease.id)), kindOf(store.revokeLease(lease.id))]
  assert.deepEqual(await world.settle(Promise.all(later)), ['unavailable', 'unavailable', 'unavailable'])
  assert.throws(() => store.watch('', 1, () => undefined), { kind: 'unavailable' })
  assert.equal((await store.range('')).count, 1, 'what was durable can still be read')
  assert.deepEqual(told.at(-1)?.kind, 'failed')
  await world.settle(store.close())
  world.crash('power')
  store = await world.open()
  assert.notEqual(await store.get('before'), undefined)
  await world.settle(put(store, 'later'))
  await world.settle(store.close())
})

test('on a full disk a write is refused without a trace, and the next one with room is made', async () => {
  const disk = new MemoryDisk(100_000)
  const { store } = await open(disk)
  await put(store, 'a', '1')
  const makeRoom = fill(disk, 200)
  const lease = kindOf(store.grantLease(60_000))
  const size = disk.sizeOf(path)
  const refused = [kindOf(put(store, 'a', 'x'.repeat(400))), kindOf(put(store, 'b', '2'))]
  assert.deepEqual(await Promise.all([lease, ...refused]), ['full', 'full', 'full'], 'a group is written whole or not')
  assert.equal(disk.sizeOf(path), size, 'what was written of the group is cut off again')
  assert.deepEqual([(await store.range('')).revision, (await store.get('a'))?.value], [2, '1'])
  makeRoom()
  assert.equal((await put(store, 'a', '3')).revision, 3)
  await store.close()
  const { store: again } = await open(disk)
  assert.deepEqual(
    (await again.range('')).keyValues.map(({ key, value, version }) => [key, value, version]),
    [['a', '3', 2]],
  )
  await again.close()
})

test('the file stays small however often keys change, and room for a snapshot may be missing for a while', async () => {
  const disk = new MemoryDisk(1_000_000)
  const { store } = await open(disk, { entriesBytesMin: 2000 })
  let largest = 0
  for (let index = 0; index < 300; index++) {
    await put(store, `key/${index % 5}`, String(index))
    largest = Math.max(largest, disk.sizeOf(path)!)
  }
  assert.ok(largest < 4000, `${largest} bytes`)
  await put(store, 'large', 'x'.repeat(10_000))
  const makeRoom = fill(disk, 8000)
  for (let index = 0; index < 50; index++) await put(store, 'key/0', String(index))
  makeRoom()
  for (let index = 0; index < 1000; index++) await put(store, 'key/0', String(index))
  await put(store, 'large', '')
  for (let index = 0; index < 1000; index++) await put(store, 'key/0', String(index))
  assert.deepEqual(disk.list(directory), ['metadata.store'])
  assert.ok(disk.sizeOf(path)! < 100_000, `${disk.sizeOf(path)} bytes`)
  await store.close()
})

test('a clean stop leaves a file that is opened without being rewritten', async () => {
  const disk = new MemoryDisk()
  const { store } = await open(disk)
  await put(store, 'a', '1')
  await store.close()
  const size = disk.sizeOf(path)
  for (let count = 0; count < 3; count++) await (await open(disk)).store.close()
  assert.equal(disk.sizeOf(path), size)
})

test('a lease lives while it is kept alive, and a restart gives it its full time again', async () => {
  const disk = new MemoryDisk()
  const { store, clock } = await open(disk)
  const lease = await store.grantLease(1000)
  await store.transaction({ then: [{ kind: 'put', key: 'a', value: '', lease: lease.id }] })
  for (let count = 0; count < 5; count++) {
    clock.advance(900)
    await store.keepAlive(lease.id)
  }
  clock.advance(900)
  await store.close()
  const { store: again, clock: clockAgain } = await open(disk)
  clockAgain.advance(999)
  assert.equal(await kindOf(put(again, 'flush')), 'done')
  assert.notEqual(await again.get('a'), undefined)
  clockAgain.advance(1)
  assert.equal(await kindOf(again.keepAlive(lease.id)), 'lease-not-found')
  await put(again, 'flush')
  assert.equal(await again.get('a'), undefined)
  assert.notEqual((await again.grantLease(1000)).id, lease.id, 'ids are never given twice')
  await again.close()
})

test('the end of a lease that cannot be written is tried again', async () => {
  const disk = new MemoryDisk(10_000)
  const { store, clock } = await open(disk)
  const lease = await store.grantLease(1000)
  await store.transaction({ then: [{ kind: 'put', key: 'a', value: '', lease: lease.id }] })
  const makeRoom = fill(disk, 1)
  clock.advance(1000)
  assert.equal(await kindOf(put(store, 'b')), 'full')
  assert.notEqual(await store.get('a'), undefined)
  makeRoom()
  clock.advance(1000)
  await put(store, 'b')
  assert.equal(await store.get('a'), undefined)
  await store.close()
})

test('history is bounded in revisions and in bytes', async () => {
  for (const limits of [{ historyRevisionsMax: 5 }, { historyBytesMax: 5 * (64 + 1 + 100) }]) {
    const { store } = await open(new MemoryDisk(), limits)
    for (let count = 0; count < 20; count++) await put(store, 'a', 'x'.repeat(100))
    const told: WatchOutcome[] = []
    store.watch('', 16, (outcome) => told.push(outcome))
    store.watch('', 17, (outcome) => told.push(outcome))
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(
      told.map((outcome) => (outcome.kind === 'changes' ? outcome.revision : outcome)),
      [{ kind: 'compacted', compactRevision: 16 }, 17, 18, 19, 20, 21],
    )
    assert.equal(await kindOf(store.range('', { atRevision: 15 })), 'compacted')
    assert.equal((await store.range('', { atRevision: 16 })).keyValues[0]?.version, 15)
    await store.close()
  }
})

test('every queue and table has an end', async () => {
  const limits = { bytesLiveMax: 300, pendingCountMax: 3, leasesMax: 2, watchesMax: 1 }
  const { store } = await open(new MemoryDisk(), limits)
  const burst = Array.from({ length: 5 }, () => kindOf(put(store, 'a')))
  assert.deepEqual(await Promise.all(burst), ['done', 'done', 'done', 'overloaded', 'overloaded'])
  await put(store, 'b', 'x'.repeat(300))
  assert.equal(await kindOf(put(store, 'c')), 'full')
  assert.equal((await store.transaction({ then: [{ kind: 'delete', key: 'b' }] })).revision, 6)
  assert.equal(await kindOf(put(store, 'c')), 'done')
  const grants = [0, 1, 2].map(() => kindOf(store.grantLease(1000)))
  assert.deepEqual(await Promise.all(grants), ['done', 'done', 'overloaded'])
  store.watch('', 1, () => undefined).cancel()
  store.watch('', 1, () => undefined)
  assert.throws(() => store.watch('', 1, () => undefined), { kind: 'overloaded' })
  await store.close()
})

test('a watch may be cancelled by a listener, its own included', async () => {
  const { store } = await open(new MemoryDisk())
  let count = 0
  const watches = [0, 1].map(() =>
    store.watch('', 1, () => {
      count++
      for (const watch of watches) watch.cancel()
    }),
  )
  await put(store, 'a')
  await put(store, 'a')
  assert.equal(count, 1)
  await store.close()
})
