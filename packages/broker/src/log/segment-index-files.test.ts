import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Disk, DiskFile } from '../host/disk.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { buildBatch } from '../record/build.ts'
import { IndexBudget } from './index-budget.ts'
import type { Log, LogSettings } from './log.ts'
import type { LogStore } from './store.ts'
import { openStoreOf } from './store.fixture.ts'

const segmentBytes = 100_000
const settings: LogSettings = {
  durability: 'fsync',
  segmentBytes,
  segmentMs: 1e12,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  indexIntervalBytes: 4096,
}

function openStore(disk: Disk): Promise<LogStore> {
  return openStoreOf({
    disk,
    settingsOf: () => settings,
    journalFileBytes: 1 << 20,
    directBytesMin: 2000,
    tailMemoryBytesMax: 1 << 16,
  })
}

/** Each batch is so large that it goes around the journal: its sync is one that producers wait for. */
async function append(log: Log, batches: number, bytes: number): Promise<void> {
  for (let i = 0; i < batches; i++) {
    log.append(buildBatch([{ key: null, value: Buffer.alloc(bytes, 'v') }], { baseTimestampMs: 1 }), false, 0)
    await new Promise<void>((resolve) => {
      log.onChange = () => (log.durableOffset === log.endOffset ? resolve() : undefined)
      log.onChange()
    })
  }
}

/** A disk that counts the bytes of segments that are read: while everything waits, and in the background. */
function watchReads(disk: Disk): { disk: Disk; counts: { blocking: number; aside: number } } {
  const counts = { blocking: 0, aside: 0 }
  const open: Disk['open'] = (path, mode) => {
    const file = disk.open(path, mode)
    if (!path.endsWith('.log')) return file
    return new Proxy<DiskFile>(file, {
      get(target, name: keyof DiskFile) {
        if (name !== 'read' && name !== 'readNow') return target[name as 'size'].bind(target)
        return (bytes: Uint8Array, position: number) => {
          counts[name === 'read' ? 'aside' : 'blocking'] += bytes.length
          return target[name](bytes, position)
        }
      },
    })
  }
  const proxy = new Proxy(disk, {
    get: (target, name: keyof Disk) => (name === 'open' ? open : target[name].bind(target)),
  })
  return { disk: proxy, counts }
}

const indexesIn = (disk: Disk, log: Log): string[] => disk.list(log.directory).filter((name) => name.endsWith('.index'))

describe('index files of segments', () => {
  it('are all there after a clean stop, also of segments whose syncs producers had waited for (a cold read stood still for 8 s)', async () => {
    const memory = new MemoryDisk()
    const first = await openStore(memory)
    const log = first.create('log', settings)
    await append(log, 60, 9000)
    await first.close()
    assert.equal(indexesIn(memory, log).length, log.segments.length)
    assert.ok(log.segments.length >= 5)

    const { disk, counts } = watchReads(memory)
    const store = await openStore(disk)
    const again = store.get('log')!
    const read = await again.read(8, again.endOffset, 9200, true)
    assert.ok(read.bytes > 0)
    read.release()
    assert.ok(counts.blocking < 200, `${counts.blocking} bytes were read while everything waited`)
    assert.ok(counts.aside < 40_000, `${counts.aside} bytes were read to find one batch of 9 KB`)
    await store.close()
  })

  it('are made again without standing in anybody’s way, once for all who read', async () => {
    const memory = new MemoryDisk()
    const first = await openStore(memory)
    await append(first.create('log', settings), 60, 9000)
    await first.close()
    for (const name of indexesIn(memory, first.get('log')!)) memory.remove(`${first.get('log')!.directory}/${name}`)

    const { disk, counts } = watchReads(memory)
    const store = await openStore(disk)
    const log = store.get('log')!
    const reads = await Promise.all([8, 9, 9].map(async (offset) => log.read(offset, log.endOffset, 9200, true)))
    for (const { bytes, release } of reads) {
      assert.ok(bytes > 0)
      release()
    }
    assert.equal(counts.blocking, 0)
    assert.ok(counts.aside < 2 * segmentBytes + 60_000, `${counts.aside} bytes read`)
    await store.close()
    assert.ok(indexesIn(memory, log).includes('00000000000000000000.index'), 'what was made again is stored')
  })

  it('of a segment that grows are written now and then, so that a crash leaves little to read', async () => {
    const memory = new MemoryDisk()
    const store = await openStore(memory)
    const log = store.create('log', { ...settings, segmentBytes: 2 ** 30 })
    await append(log, 129, 1 << 20)
    while (indexesIn(memory, log).length === 0) await turn()
    assert.equal(log.segments.length, 1)
    await store.close()
  })
})

describe('IndexBudget', () => {
  it('drops the indexes that were not used for longest, never the one in use', () => {
    const budget = new IndexBudget(100)
    const dropped: string[] = []
    const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ dropIndex: () => void dropped.push(name) }))
    budget.used(a!, 40)
    budget.used(b!, 40)
    budget.used(a!, 40)
    assert.equal(budget.bytes, 80)
    budget.used(c!, 60)
    assert.deepEqual(dropped, ['b'])
    budget.forget(c!)
    assert.equal(budget.bytes, 40)
    budget.used(b!, 300)
    assert.deepEqual(dropped, ['b', 'a'])
    assert.equal(budget.bytes, 300)
  })
})
