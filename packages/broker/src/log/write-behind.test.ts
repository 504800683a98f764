import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { DiskFile } from '../host/disk.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { buildBatch } from '../record/build.ts'
import type { Log, LogSettings } from './log.ts'
import { openStoreOf } from './store.fixture.ts'

const budgetBytes = 512 * 1024
const journalFileBytes = 256 * 1024
const settings: LogSettings = {
  durability: 'fsync',
  segmentBytes: 1 << 20,
  segmentMs: 1e12,
  segmentJitterMs: 0,
  segmentIndexBytes: 1 << 20,
  indexIntervalBytes: 4096,
}

function durable(log: Log): Promise<void> {
  return new Promise((resolve) => {
    log.onChange = () => (log.durableOffset === log.endOffset ? resolve() : undefined)
    log.onChange()
  })
}

it('memory stays within its budget, the journal within a few files, and everything can be read', async () => {
  const disk = new MemoryDisk()
  const store = await openStoreOf({
    disk,
    settingsOf: () => settings,
    journalFileBytes,
    directBytesMin: 1 << 17,
    tailMemoryBytesMax: budgetBytes,
    poisonsMemory: true,
    openFilesMax: 8,
  })
  const logs = Array.from({ length: 20 }, (_, i) => store.create(`log-${i}`, settings))
  let sealedMost = 0
  for (let round = 0; round < 60; round++) {
    for (const [i, log] of logs.entries()) {
      // Some logs get much more than others: what is idle must make room too.
      const bytes = i < 3 ? 9000 : 900
      log.append(buildBatch([{ key: null, value: Buffer.alloc(bytes, `${i}`) }], { baseTimestampMs: 1 }), false, 0)
      assert.ok(store.tailBytes <= budgetBytes, `${store.tailBytes} bytes in memory`)
    }
    await Promise.all(logs.map(durable))
    sealedMost = Math.max(sealedMost, store.journal.sealedFileCount)
  }
  assert.ok(store.journal.statistics.bytes > 8 * journalFileBytes)
  assert.ok(sealedMost <= 4, `${sealedMost} journal files wait`)
  assert.ok(store.openFileCount <= 8)
  for (const log of logs) {
    let count = 0
    while (count < 60) {
      const read = await log.read(count, log.endOffset, 1, true)
      count += read.chunks.length
      read.release()
    }
    assert.equal(log.endOffset, 60)
  }
  let held = 0
  for (const log of logs) held += log.endOffset - log.tail.startOffset
  assert.ok(held > 0 && held < 20 * 60, 'some of it in memory, some not')
  await store.close()
})

/** Syncs of segments wait while the gate is closed. */
class GatedDisk extends MemoryDisk {
  gate: Promise<void> = Promise.resolve()

  override open(...given: Parameters<MemoryDisk['open']>): DiskFile {
    const file = super.open(...given)
    if (!given[0].endsWith('.log')) return file
    const sync = file.sync.bind(file)
    file.sync = () => this.gate.then(sync)
    return file
  }
}

const journalBytesMax = 3 * 65_536
const text = Buffer.alloc(3000)

it('goes on after segments were so late that the journal had to wait with several full files (simulator seed 3100103)', async () => {
  const disk = new GatedDisk()
  const store = await openStoreOf({
    disk,
    settingsOf: () => settings,
    journalFileBytes: 65_536,
    journalBytesMax,
    directBytesMin: 1 << 20,
    tailMemoryBytesMax: 8 << 20,
    poisonsMemory: true,
    openFilesMax: 8,
  })
  const { journal } = store
  // More than are synced at once: the last one gets something between its flush and its sync.
  const logs = Array.from({ length: 4 }, (_, i) => store.create(`log-${i}`, settings))
  const append = (): Promise<unknown> => {
    for (const log of logs) log.append(buildBatch([{ key: null, value: text }], { baseTimestampMs: 1 }), false, 0)
    return Promise.all(logs.map(durable))
  }
  const { promise, resolve: openGate } = Promise.withResolvers<void>()
  disk.gate = promise
  while (journal.sealedBytes <= journalBytesMax) await append()
  const late = append()
  openGate()
  await late
  for (let i = 0; i < 20; i++) await append()
  await store.close()
})
