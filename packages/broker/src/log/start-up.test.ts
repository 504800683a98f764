import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Disk, DiskFile } from '../host/disk.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { buildBatch } from '../record/build.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import type { Log, LogSettings } from './log.ts'
import type { LogStore } from './store.ts'
import { openStoreOf } from './store.fixture.ts'

const logCount = 1000
const logBytes = 10 * 2 ** 20
const directory = '/data'
const settings: LogSettings = {
  durability: 'fsync',
  segmentBytes: 2 ** 30,
  segmentMs: 1e12,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  indexIntervalBytes: 4096,
}

/** Counts the bytes read from segments and index files. */
function countReads(disk: Disk): { disk: Disk; count: () => number } {
  let bytes = 0
  const open: Disk['open'] = (path, mode) => {
    const file = disk.open(path, mode)
    if (!path.includes('/logs/')) return file
    const counted: DiskFile = Object.create(file, {
      path: { value: path },
      size: { value: () => file.size() },
      write: { value: (chunks: Uint8Array[], position: number) => file.write(chunks, position) },
      truncate: { value: (size: number) => file.truncate(size) },
      sync: { value: () => file.sync() },
      close: { value: () => file.close() },
      read: { value: (target: Uint8Array, position: number) => read(() => file.readNow(target, position)) },
      readNow: { value: (target: Uint8Array, position: number) => read(() => file.readNow(target, position)) },
    }) as DiskFile
    return counted
  }
  const read = (now: () => number): number => {
    const count = now()
    bytes += count
    return count
  }
  const proxy = new Proxy(disk, {
    get: (target, name: keyof Disk) => (name === 'open' ? open : target[name].bind(target)),
  })
  return { disk: proxy, count: () => bytes }
}

function openStore(disk: Disk): Promise<LogStore> {
  return openStoreOf({
    disk,
    settingsOf: () => settings,
    journalFileBytes: 1 << 20,
    directBytesMin: 1 << 17,
    tailMemoryBytesMax: 1 << 20,
  })
}

function durable(log: Log): Promise<void> {
  return new Promise((resolve) => {
    log.onChange = () => (log.durableOffset === log.endOffset ? resolve() : undefined)
    log.onChange()
  })
}

/**
 * Gives each log 10 MiB behind it by making its file longer, as a hole, in front of nothing: the checkpoint says that all
 * of it are records. Whoever read them would find none.
 */
async function inflate(disk: Disk): Promise<void> {
  const checkpoint = readCheckpoint(disk, directory)!
  for (const log of checkpoint.logs) {
    const segment = log.segments[0]!
    const file = disk.open(
      `${directory}/logs/${log.name}.${log.id}/${String(segment[0]).padStart(20, '0')}.log`,
      'write',
    )
    file.truncate(logBytes)
    file.close()
    segment[2] = logBytes
    segment[3] = 1_000_000
    log.syncedOffset = 1_000_000
  }
  await writeCheckpoint(disk, directory, checkpoint)
}

it('a start after a clean stop reads nothing of 10 GiB in 1,000 logs', async () => {
  const memory = new MemoryDisk()
  const first = await openStore(memory)
  const logs = Array.from({ length: logCount }, (_, i) => first.create(`log-${i}`, settings))
  for (const log of logs)
    log.append(buildBatch([{ key: null, value: Buffer.from('v') }], { baseTimestampMs: 1 }), false, 0)
  await Promise.all(logs.map(durable))
  await first.close()
  await inflate(memory)
  const { disk, count } = countReads(memory)
  const store = await openStore(disk)
  assert.equal([...store.logs()].length, logCount)
  let behind = 0
  for (const log of store.logs()) behind += log.sizeBytes
  assert.equal(behind, logCount * logBytes)
  assert.ok([...store.logs()].every((log) => log.damage === undefined && log.endOffset === 1_000_000))
  assert.equal(count(), 0, 'bytes read from the files of logs')
  await store.close()
})
