import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk, DiskErrorKind } from '../disk.ts'
import { DiskError } from '../disk.ts'
import type { DiskOperation } from './disk-operation.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { SimulatedWorld } from './simulated-world.ts'

const seedCount = 200

function contentOf(disk: Disk, path: string): Uint8Array | undefined {
  const size = disk.sizeOf(path)
  if (size === undefined) return undefined
  const file = disk.open(path, 'read')
  const bytes = new Uint8Array(size)
  file.readNow(bytes, 0)
  file.close()
  return bytes
}

/** A folder 'd' with a file 'd/a' of 4,096 bytes of 1, all of it durable. */
async function durableFile(seed: number): Promise<{ world: SimulatedWorld; node: SimulatedNode }> {
  const world = new SimulatedWorld(seed)
  const node = world.node('one')
  const { disk } = node.host
  disk.makeDirectory('d')
  const file = disk.open('d/a', 'create')
  file.write([new Uint8Array(4096).fill(1)], 0)
  const synced = Promise.all([file.sync(), disk.syncDirectory('d'), disk.syncDirectory('')])
  await world.scheduler.complete(synced)
  return { world, node }
}

/** What a crash leaves of `work` on top of the durable file, for many seeds. */
async function afterCrashes(work: (disk: Disk) => void, path = 'd/a'): Promise<(Uint8Array | undefined)[]> {
  const results: (Uint8Array | undefined)[] = []
  for (let seed = 0; seed < seedCount; seed += 1) {
    const { node } = await durableFile(seed)
    work(node.host.disk)
    node.losePower()
    results.push(contentOf(node.powerOn().disk, path))
  }
  return results
}

function ascending(one: number, other: number): number {
  return one - other
}

function isKind(kind: DiskErrorKind): (error: unknown) => boolean {
  return (error) => error instanceof DiskError && error.kind === kind
}

describe('a simulated loss of power', () => {
  it('tears unsynced writes at sectors, keeps or loses them whole, and touches nothing else', async () => {
    const results = await afterCrashes((disk) => disk.open('d/a', 'write').write([new Uint8Array(2000).fill(2)], 700))
    const fates = new Set<string>()
    for (const bytes of results) {
      assert.equal(bytes?.length, 4096)
      assert.ok(bytes.subarray(0, 700).every((byte) => byte === 1))
      assert.ok(bytes.subarray(2700).every((byte) => byte === 1))
      const sectors: number[] = []
      for (const [from, to] of [
        [700, 1024],
        [1024, 1536],
        [1536, 2048],
        [2048, 2560],
        [2560, 2700],
      ] as const) {
        const part: Set<number> = new Set(bytes.subarray(from, to))
        assert.equal(part.size, 1, 'a sector is written whole or not at all')
        sectors.push(...part)
      }
      fates.add(sectors.join(''))
    }
    assert.ok(fates.has('11111') && fates.has('22222') && fates.size > 10, [...fates].join())
  })

  it('may leave a grown file short, torn, or full of zeroes', async () => {
    const results = await afterCrashes((disk) => {
      const file = disk.open('d/a', 'write')
      for (let index = 0; index < 4; index += 1) file.write([new Uint8Array(1024).fill(2)], 4096 + index * 1024)
    })
    const sizes = new Set(results.map((bytes) => bytes!.length))
    assert.deepEqual([...sizes].toSorted(ascending), [4096, 5120, 6144, 7168, 8192])
    assert.ok(results.some((bytes) => bytes!.at(-1) === 0))
    assert.ok(results.some((bytes) => bytes!.length === 8192 && bytes!.subarray(4096).every((byte) => byte === 2)))
    // Data of a later write without that of an earlier one.
    assert.ok(results.some((bytes) => bytes!.length === 8192 && bytes![4096] === 0 && bytes![8191] === 2))
  })

  it('may undo a truncation, but never shows cut bytes in a file that has grown again', async () => {
    const results = await afterCrashes((disk) => {
      const file = disk.open('d/a', 'write')
      file.truncate(1024)
      file.truncate(3000)
    })
    const sizes = new Set(results.map((bytes) => bytes!.length))
    assert.deepEqual([...sizes].toSorted(ascending), [1024, 3000, 4096])
    for (const bytes of results) {
      if (bytes!.length === 3000) assert.ok(bytes!.subarray(1024).every((byte) => byte === 0))
    }
  })

  it('leaves a renamed file under its old name or its new one, with its content', async () => {
    const names = new Set<string>()
    for (let seed = 0; seed < seedCount; seed += 1) {
      const { node, world } = await durableFile(seed)
      const { disk } = node.host
      const draft = disk.open('d/draft', 'create')
      draft.write([new Uint8Array(600).fill(9)], 0)
      await world.scheduler.complete(Promise.all([draft.sync(), disk.syncDirectory('d')]))
      disk.rename('d/draft', 'd/a')
      node.losePower()
      const after = node.powerOn().disk
      names.add(after.list('d').join())
      const target = contentOf(after, 'd/a')!
      if (after.list('d').length === 2) assert.ok(target.length === 4096 && target.every((byte) => byte === 1))
      else assert.ok(target.length === 600 && target.every((byte) => byte === 9))
    }
    assert.deepEqual([...names].toSorted(), ['a', 'a,draft'])
  })

  it('never loses a file that moves into a new folder, or out of a removed one', async () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < seedCount; seed += 1) {
      const { node } = await durableFile(seed)
      const { disk } = node.host
      disk.makeDirectory('e/f')
      disk.rename('d/a', 'e/f/b')
      disk.removeDirectory('d')
      node.losePower()
      const after = node.powerOn().disk
      const places = ['d/a', 'e/f/b'].filter((path) => after.sizeOf(path) === 4096)
      assert.equal(places.length, 1, `seed ${seed}`)
      outcomes.add(places[0]!)
    }
    assert.equal(outcomes.size, 2)
  })

  it('may lose a new name although the content was synced, and a removed name may come back', async () => {
    const made = await afterCrashes((disk) => disk.open('d/new', 'create').close(), 'd/new')
    assert.ok(made.includes(undefined) && made.some((bytes) => bytes?.length === 0))
    const removed = await afterCrashes((disk) => disk.remove('d/a'))
    assert.ok(removed.includes(undefined) && removed.some((bytes) => bytes?.length === 4096))
  })

  it('loses a file whose folder was never made durable in its own folder', async () => {
    let lostCount = 0
    for (let seed = 0; seed < 50; seed += 1) {
      const world = new SimulatedWorld(seed)
      const node = world.node('one')
      const { disk } = node.host
      disk.makeDirectory('new')
      const file = disk.open('new/a', 'create')
      await world.scheduler.complete(Promise.all([file.sync(), disk.syncDirectory('new')]))
      node.losePower()
      if (node.powerOn().disk.sizeOf('new/a') === undefined) lostCount += 1
    }
    assert.ok(lostCount > 5 && lostCount < 45)
  })

  it('during a sync may keep all or nothing of what the sync covers, and nobody is told', async () => {
    const kept = new Set<number>()
    for (let seed = 0; seed < 100; seed += 1) {
      const { node, world } = await durableFile(seed)
      const file = node.host.disk.open('d/a', 'write')
      file.write([new Uint8Array(512).fill(2)], 0)
      file.sync().then(
        () => assert.fail('told a dead process'),
        () => assert.fail('told a dead process'),
      )
      node.losePower()
      kept.add(contentOf(node.powerOn().disk, 'd/a')![0]!)
      await world.scheduler.runFor(1000)
      assert.throws(() => file.size(), /dead process/)
    }
    assert.deepEqual([...kept].toSorted(ascending), [1, 2])
  })

  it('does not lose what was written before the process was killed', async () => {
    const { node, world } = await durableFile(1)
    const file = node.host.disk.open('d/a', 'write')
    node.host.disk.lock('d/lock')
    file.write([new Uint8Array(512).fill(2)], 0)
    file.sync().then(
      () => assert.fail('told a dead process'),
      () => assert.fail('told a dead process'),
    )
    const { disk } = node.killProcess()
    assert.equal(contentOf(disk, 'd/a')![0], 2)
    disk.lock('d/lock')
    await world.scheduler.runFor(1000)
    node.losePower()
    assert.equal(contentOf(node.powerOn().disk, 'd/a')![0], 2, 'the kernel finished the sync')
  })

  it('does not count an unsynced file twice against the capacity', async () => {
    const { node } = await durableFile(3)
    node.disk.setCapacity(10_000)
    node.host.disk.open('d/b', 'create').write([new Uint8Array(5000)], 0)
    assert.equal(node.host.disk.space('d').freeBytes, 10_000 - 4096 - 5000)
    node.losePower()
    const { disk } = node.powerOn()
    const used = (disk.sizeOf('d/a') ?? 0) + (disk.sizeOf('d/b') ?? 0)
    assert.equal(disk.space('d').freeBytes, 10_000 - used)
  })
})

describe('a simulated fault', () => {
  it('full: takes what fits, then fails, until there is room again', async () => {
    const { node } = await durableFile(1)
    const { disk } = node.host
    node.disk.setCapacity(5000)
    const file = disk.open('d/b', 'create')
    assert.throws(() => file.write([new Uint8Array(600), new Uint8Array(600)], 0), isKind('full'))
    assert.equal(file.size(), 904)
    assert.equal(disk.space('d').freeBytes, 0)
    assert.throws(() => file.truncate(905), isKind('full'))
    file.write([new Uint8Array(900)], 0)
    disk.remove('d/a')
    file.write([new Uint8Array(600)], 904)
    assert.equal(disk.space('d').freeBytes, 5000 - 1504)
    disk.remove('d/b')
    file.write([new Uint8Array(1000)], 1504)
    assert.equal(disk.space('d').freeBytes, 5000)
  })

  it('EIO: what a failed sync covers is read, but never durable, whatever a later sync says', async () => {
    const kept = new Set<number>()
    for (let seed = 0; seed < 50; seed += 1) {
      const { node, world } = await durableFile(seed)
      const { disk } = node.host
      const file = disk.open('d/a', 'write')
      file.write([new Uint8Array(512).fill(2)], 0)
      node.disk.failNextSync((path) => path.endsWith('a'))
      await world.scheduler.complete(disk.syncDirectory('d'))
      await assert.rejects(world.scheduler.complete(file.sync()), isKind('io'))
      file.write([new Uint8Array(512).fill(3)], 1024)
      await world.scheduler.complete(file.sync())
      assert.equal(contentOf(disk, 'd/a')![0], 2)
      node.losePower()
      const after = contentOf(node.powerOn().disk, 'd/a')!
      assert.equal(after[1024], 3)
      kept.add(after[0]!)
    }
    assert.deepEqual([...kept].toSorted(ascending), [1, 2])
  })

  it('EIO: fails reads and syncs of folders', async () => {
    const { node, world } = await durableFile(1)
    const { disk } = node.host
    node.disk.failNextSync()
    await assert.rejects(world.scheduler.complete(disk.syncDirectory('d')), isKind('io'))
    await world.scheduler.complete(disk.syncDirectory('d'))
    const file = disk.open('d/a', 'read')
    node.disk.failNextRead((path) => path === 'd/a')
    assert.throws(() => file.readNow(new Uint8Array(1), 0), isKind('io'))
    node.disk.failNextRead()
    await assert.rejects(world.scheduler.complete(file.read(new Uint8Array(1), 0)), isKind('io'))
    assert.equal(await world.scheduler.complete(file.read(new Uint8Array(1), 0)), 1)
  })

  it('stall: no sync or read ends before the release', async () => {
    const { node, world } = await durableFile(1)
    const file = node.host.disk.open('d/a', 'write')
    file.write([new Uint8Array(10)], 0)
    let endedCount = 0
    const ended = (): void => {
      endedCount += 1
    }
    node.disk.stall()
    const promises = [file.sync(), node.host.disk.syncDirectory('d'), file.read(new Uint8Array(1), 0)]
    const all = Promise.all(promises.map((promise) => Promise.resolve(promise).then(ended)))
    await world.scheduler.runFor(60_000)
    assert.equal(endedCount, 0)
    node.disk.release()
    await world.scheduler.complete(all)
    assert.equal(endedCount, 3)
  })

  it('time: a sync takes as long as it is told to', async () => {
    const { node, world } = await durableFile(1)
    node.disk.times.syncMs = { min: 500, max: 501 }
    const startMs = world.scheduler.nowMs
    await world.scheduler.complete(node.host.disk.open('d/a', 'write').sync())
    assert.ok(world.scheduler.nowMs - startMs >= 500)
  })

  it('bit rot: turns one bit, in the cache and on the device', async () => {
    const { node } = await durableFile(1)
    node.disk.flipBit('d/a', 100, 3)
    assert.equal(contentOf(node.host.disk, 'd/a')![100], 1 ^ 8)
    const place = node.disk.rot((path) => path.endsWith('/a'))!
    node.losePower()
    const bytes = contentOf(node.powerOn().disk, 'd/a')!
    const damaged = [...bytes.entries()].filter(([, byte]) => byte !== 1).map(([position]) => position)
    assert.deepEqual(new Set(damaged), new Set([100, place.position]))
    assert.equal(place.path, '/d/a')
    assert.equal(
      node.disk.rot((path) => path === 'none'),
      undefined,
    )
  })
})

describe('a simulated disk', () => {
  it('records every operation', async () => {
    const { node, world } = await durableFile(1)
    const operations: DiskOperation[] = []
    node.disk.record((operation) => operations.push(operation))
    const { disk } = node.host
    disk.makeDirectory('d/e')
    const file = disk.open('d/b', 'create')
    const chunk = new Uint8Array([1, 2])
    file.write([chunk, new Uint8Array([3])], 5)
    chunk.fill(0)
    file.truncate(7)
    disk.rename('d/b', 'd/c')
    await world.scheduler.complete(file.sync())
    node.disk.failNextSync()
    await assert.rejects(world.scheduler.complete(disk.syncDirectory('d')))
    disk.remove('d/c')
    assert.deepEqual(operations, [
      { kind: 'make-directory', path: 'd/e' },
      { kind: 'create', path: 'd/b', file: 2 },
      { kind: 'write', path: 'd/b', file: 2, position: 5, bytes: new Uint8Array([1, 2]) },
      { kind: 'write', path: 'd/b', file: 2, position: 7, bytes: new Uint8Array([3]) },
      { kind: 'truncate', path: 'd/b', file: 2, size: 7 },
      { kind: 'rename', path: 'd/b', targetPath: 'd/c' },
      { kind: 'sync-begin', path: 'd/b', file: 2, sync: 4 },
      { kind: 'sync-end', path: 'd/b', file: 2, sync: 4, failed: false },
      { kind: 'sync-directory-begin', path: 'd', sync: 5 },
      { kind: 'sync-directory-end', path: 'd', sync: 5, failed: true },
      { kind: 'remove', path: 'd/c' },
    ])
  })

  it('does not let a file be closed under a running sync', async () => {
    const { node, world } = await durableFile(1)
    const file = node.host.disk.open('d/a', 'write')
    const syncing = file.sync()
    assert.throws(() => file.close(), /while a read or sync runs/)
    await world.scheduler.complete(syncing)
    file.close()
  })
})
