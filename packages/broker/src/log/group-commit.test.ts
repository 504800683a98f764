import assert from 'node:assert/strict'
import { it } from 'node:test'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { buildBatch } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { Log, LogSettings } from './log.ts'
import { LogStore } from './store.ts'

const settings: LogSettings = {
  durability: 'fsync',
  segmentBytes: 1 << 30,
  segmentMs: 1e12,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  indexIntervalBytes: 4096,
}

/** A store with one log on a simulated disk. */
async function openStore(): Promise<{ world: SimulatedWorld; store: LogStore; log: Log; syncs: () => number }> {
  const world = new SimulatedWorld(1)
  const node = world.node('one')
  const { disk, clock } = node.host
  let count = 0
  node.disk.record(({ kind, path }) => {
    if (kind === 'sync-begin' && path.endsWith('.log')) count++
  })
  const opening = LogStore.open({
    disk,
    clock,
    logger: silentLogger,
    directory: '/data',
    directoryId: new Uint8Array(16),
    settingsOf: () => settings,
    journalFileBytes: 1 << 20,
    directBytesMin: 1 << 17,
    tailMemoryBytesMax: 64 << 20,
    poisonsMemory: true,
    openFilesMax: 8,
    durable: (log) => log.onChange(),
  })
  const store = await world.scheduler.complete(opening)
  return { world, store, log: store.create('orders-0', settings), syncs: () => count }
}

function append(log: Log, bytes: number): void {
  log.append(buildBatch([{ key: null, value: Buffer.alloc(bytes) }], { baseTimestampMs: 1 }), true, 0)
}

it('a batch that the background sync has taken before its way was chosen becomes durable without another one', async () => {
  const { world, log } = await openStore()
  // One at a time, more together than the background lets be dirty.
  for (let i = 0; i < 20; i++) {
    append(log, 1 << 20)
    await world.scheduler.runFor(1000)
    assert.equal(log.durableOffset, log.endOffset, `batch ${i}`)
  }
})

it('a log whose batches are synced in its segment anyway gets no further syncs in the background', async () => {
  const { world, log, syncs } = await openStore()
  // The log is made in the journal first; until that is durable its batches go there too.
  await world.scheduler.runFor(1000)
  for (let i = 0; i < 20; i++) {
    append(log, 600 << 10)
    await world.scheduler.runFor(1000)
    assert.equal(log.durableOffset, log.endOffset)
  }
  assert.equal(syncs(), 20)
})
