import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk, DiskFile } from '../../packages/broker/src/host/disk.ts'
import type { Host } from '../../packages/broker/src/host/host.ts'
import { Run } from './run.ts'
import type { Plan } from './world/plan.ts'
import { planOf } from './world/plan.ts'

/** Tests of the tests: brokers that are wrong on purpose, each of which must be caught within a few seeds. */

/** Passes every call on to the disk, except those in `changes`. */
function changedDisk(disk: Disk, changes: Partial<Disk>): Disk {
  return {
    open: (path, mode) => disk.open(path, mode),
    list: (directory) => disk.list(directory),
    sizeOf: (path) => disk.sizeOf(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (source, target) => disk.rename(source, target),
    remove: (path) => disk.remove(path),
    discard: (path) => disk.discard(path),
    removeDirectory: (path) => disk.removeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    space: (path) => disk.space(path),
    lock: (path) => disk.lock(path),
    ...changes,
  }
}

function changedFile(file: DiskFile, changes: Partial<DiskFile>): DiskFile {
  return {
    path: file.path,
    size: () => file.size(),
    write: (chunks, position) => file.write(chunks, position),
    readNow: (target, position) => file.readNow(target, position),
    read: (target, position) => file.read(target, position),
    truncate: (size) => file.truncate(size),
    sync: () => file.sync(),
    close: () => file.close(),
    ...changes,
  }
}

/** Says at once that everything is on the device. */
function lyingSync(host: Host): Host {
  const open: Disk['open'] = (path, mode) => changedFile(host.disk.open(path, mode), { sync: () => Promise.resolve() })
  return { ...host, disk: changedDisk(host.disk, { open }) }
}

/** Names of files are never made durable. */
function namelessSync(host: Host): Host {
  return { ...host, disk: changedDisk(host.disk, { syncDirectory: () => Promise.resolve() }) }
}

/** A failed sync is taken for a good one. */
function hopefulSync(host: Host): Host {
  const open: Disk['open'] = (path, mode) => {
    const file = host.disk.open(path, mode)
    return changedFile(file, { sync: () => file.sync().catch(() => undefined) })
  }
  return { ...host, disk: changedDisk(host.disk, { open }) }
}

/** Now and then a byte that is written to a segment is another one. */
function carelessWrite(host: Host): Host {
  const open: Disk['open'] = (path, mode) => {
    const file = host.disk.open(path, mode)
    if (!path.endsWith('.log')) return file
    const write: DiskFile['write'] = (chunks, position) => {
      const bytes = Buffer.concat(chunks)
      if (host.random.next() < 0.05) bytes[bytes.length - 1]! ^= 1
      file.write([bytes], position)
    }
    return changedFile(file, { write })
  }
  return { ...host, disk: changedDisk(host.disk, { open }) }
}

const seedCountMax = 12

interface Caught {
  seed: number
  kinds: string[]
}

async function firstCaught(
  disguise: (host: Host) => Host,
  change: Partial<Plan>,
  seedCount = seedCountMax,
): Promise<Caught | undefined> {
  for (let seed = 1; seed <= seedCount; seed += 1) {
    const plan: Plan = { ...planOf(seed), durability: 'fsync', durationMs: 4000, calmMs: 300, ...change }
    const { findings } = await new Run(plan, { disguise }).result()
    if (findings.length > 0) return { seed, kinds: [...new Set(findings.map(({ kind }) => kind))] }
  }
  return undefined
}

describe('the simulator', () => {
  const canaries: [string, (host: Host) => Host, Partial<Plan>][] = [
    ['syncs lie', lyingSync, { faults: ['power-loss'] }],
    ['names are never synced', namelessSync, { faults: ['power-loss'] }],
    ['failed syncs count as good', hopefulSync, { faults: ['power-loss', 'failed-sync'] }],
    ['bytes change on the way to a segment', carelessWrite, { faults: ['kill', 'stop'] }],
  ]
  for (const [name, disguise, change] of canaries) {
    it(`catches a broker whose ${name} within ${seedCountMax} seeds`, async (t) => {
      const caught = await firstCaught(disguise, change)
      t.diagnostic(`caught: ${JSON.stringify(caught)}`)
      assert.ok(caught !== undefined)
      assert.equal(await firstCaught((host) => host, change, caught.seed), undefined, 'the right broker is caught too')
    })
  }
})
