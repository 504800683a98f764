import { equal, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualClock } from './cluster/embedded/manual-clock.fixture.ts'
import type { Disk } from './host/disk.ts'
import { DiskError } from './host/disk.ts'
import { MemoryDisk } from './host/memory/memory-disk.ts'
import { WatchedDisk } from './watched-disk.ts'

describe('WatchedDisk', () => {
  it('says how long the oldest sync has been waiting', async () => {
    const clock = new ManualClock()
    const real = new MemoryDisk()
    real.makeDirectory('/d')
    const pending: { resolve: () => void; reject: (error: Error) => void }[] = []
    const sync = (): Promise<void> => new Promise((resolve, reject) => pending.push({ resolve, reject }))
    const stalled: Disk = Object.assign(Object.create(real) as Disk, {
      open: (path: string, mode: 'read' | 'write') => Object.assign(real.open(path, mode), { sync }),
      syncDirectory: sync,
    })
    const disk = new WatchedDisk(stalled, clock)
    const file = disk.open('/d/f', 'write')
    equal(disk.waitMs, 0)
    const first = file.sync()
    clock.advance(100)
    const second = disk.syncDirectory('/d')
    clock.advance(50)
    equal(disk.waitMs, 150)
    pending[0]!.resolve()
    await first
    equal(disk.waitMs, 50)
    pending[1]!.reject(new DiskError('io', '/d', 'no'))
    await rejects(second, DiskError)
    equal(disk.waitMs, 0)
  })

  it('is otherwise the disk beneath it', async () => {
    const real = new MemoryDisk()
    const disk = new WatchedDisk(real, new ManualClock())
    disk.makeDirectory('/d')
    const file = disk.open('/d/f', 'create')
    file.write([Buffer.from('hello')], 0)
    file.truncate(4)
    await file.sync()
    equal(file.size(), 4)
    const target = Buffer.alloc(4)
    equal(file.readNow(target, 0), 4)
    equal(await file.read(target, 1), 3)
    file.close()
    disk.rename('/d/f', '/d/g')
    await disk.syncDirectory('/d')
    equal(disk.list('/d').join(), 'g')
    equal(disk.sizeOf('/d/g'), real.sizeOf('/d/g'))
    equal(disk.space('/d').totalBytes, real.space('/d').totalBytes)
    const lock = disk.lock('/d/lock')
    lock.release()
    await disk.discard('/d/g')
    disk.remove('/d/none')
    disk.removeDirectory('/d')
    equal(real.sizeOf('/d/g'), undefined)
  })
})
