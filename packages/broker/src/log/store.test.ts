import { strictEqual as equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../host/clock.ts'
import type { Disk } from '../host/disk.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { NodeClock } from '../host/node/node-clock.ts'
import { baseOffsetOf, batchBytesOf } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { Log, LogSettings } from './log.ts'
import type { LogStoreOptions } from './store.ts'
import { LogStore } from './store.ts'

const settings: LogSettings = {
  durability: 'fsync',
  segmentBytes: 1 << 20,
  segmentMs: 1e9,
  indexIntervalBytes: 4096,
  segmentJitterMs: 0,
  segmentIndexBytes: 1 << 20,
}

function optionsFor(disk: Disk, clock: Clock, changes: Partial<LogStoreOptions> = {}): LogStoreOptions {
  return {
    disk,
    clock,
    logger: silentLogger,
    directory: '/data',
    directoryId: new Uint8Array(16),
    settingsOf: () => settings,
    journalFileBytes: 1 << 20,
    directBytesMin: 1 << 17,
    tailMemoryBytesMax: 4 << 20,
    poisonsMemory: true,
    openFilesMax: 16,
    durable: (log) => log.onChange(),
    ...changes,
  }
}

function batch(text: string): Buffer {
  return buildBatch([{ key: null, value: Buffer.from(text) }], { baseTimestampMs: 1000 })
}

/** Resolves once everything appended to `log` is durable. */
function durable(log: Log): Promise<void> {
  const { endOffset } = log
  return new Promise((resolve) => {
    const check = (): void => {
      if (log.durableOffset >= endOffset) resolve()
    }
    log.onChange = check
    check()
  })
}

async function readAll(log: Log): Promise<number[]> {
  const offsets: number[] = []
  for (let offset = log.startOffset; offset < log.endOffset; ) {
    const read = await log.read(offset, log.endOffset, 100_000, true)
    for (const chunk of read.chunks) {
      for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
        offset = baseOffsetOf(chunk, at)
        offsets.push(offset++)
      }
    }
    ok(read.bytes > 0, `nothing at ${offset} of ${log.endOffset}`)
    read.release()
  }
  return offsets
}

test('what was appended is read back from memory and, after a clean stop, from the files', async () => {
  const disk = new MemoryDisk()
  const clock = new NodeClock()
  let store = await LogStore.open(optionsFor(disk, clock))
  const log = store.create('orders-0', settings)
  for (let i = 0; i < 1000; i++) log.append(batch(`value ${i}`), false, 0)
  await durable(log)
  equal((await readAll(log)).length, 1000)
  await store.close()
  store = await LogStore.open(optionsFor(disk, clock))
  const again = store.get('orders-0')!
  equal(again.endOffset, 1000)
  equal((await readAll(again)).length, 1000)
  again.append(batch('one more'), false, 0)
  await durable(again)
  equal((await readAll(again)).length, 1001)
  await store.close()
})

test('a store that was never closed recovers everything durable, over rolled segments and trimmed journal files', async () => {
  const disk = new MemoryDisk()
  const clock = new NodeClock()
  const store = await LogStore.open(optionsFor(disk, clock))
  const logs = ['a-0', 'b-0', 'c-0'].map((name) => store.create(name, { ...settings, segmentBytes: 200_000 }))
  for (let round = 0; round < 60; round++) {
    for (const log of logs) for (let i = 0; i < 10; i++) log.append(batch(`${round} `.repeat(700)), false, 0)
    logs[0]!.append(batch('large '.repeat(25_000)), false, 0)
    await Promise.all(logs.map(durable))
  }
  ok(store.journal.statistics.bytes > 3 << 19)
  const copy = await LogStore.open(optionsFor(disk, clock))
  for (const log of logs) {
    const recovered = copy.get(log.name)!
    equal(recovered.damage, undefined)
    equal(recovered.endOffset, log.endOffset)
    equal((await readAll(recovered)).length, log.endOffset)
  }
  await copy.close()
})

test('a batch that does not fit ends a cold read: nothing behind it is returned instead (simulator S1)', async () => {
  const disk = new MemoryDisk()
  const clock = new NodeClock()
  let store = await LogStore.open(optionsFor(disk, clock))
  const log = store.create('orders-0', { ...settings, segmentBytes: 500 })
  for (const text of ['x'.repeat(400), 'small', 'small']) {
    log.append(batch(text), false, 0)
    log.roll()
  }
  await durable(log)
  await store.close()
  store = await LogStore.open(optionsFor(disk, clock))
  const cold = store.get('orders-0')!
  equal((await cold.read(0, cold.endOffset, 200, false)).bytes, 0)
  equal((await cold.read(0, cold.endOffset, 200, true)).bytes > 400, true)
  equal((await cold.read(1, cold.endOffset, 200, false)).bytes > 0, true)
  cold.append(batch('in memory'), false, 0)
  equal((await cold.read(0, cold.endOffset, 200, false)).bytes, 0)
  await store.close()
})

test('the journal waits while segments are too far behind, and goes on when they have caught up', async () => {
  const disk = new MemoryDisk()
  const waiting: (() => void)[] = []
  let stalled = false
  const open = disk.open.bind(disk)
  disk.open = (path, mode) => {
    const file = open(path, mode)
    if (!path.endsWith('.log')) return file
    const sync = file.sync.bind(file)
    file.sync = () => (stalled ? new Promise<void>((resolve) => waiting.push(resolve)).then(sync) : sync())
    return file
  }
  const changes = { journalFileBytes: 64 << 10, journalBytesMax: 200 << 10, tailMemoryBytesMax: 64 << 20 }
  const store = await LogStore.open(optionsFor(disk, new NodeClock(), changes))
  const log = store.create('orders-0', settings)
  stalled = true
  const appendSome = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) log.append(batch('x'.repeat(2000)), false, 0)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (let turn = 0; turn < 100; turn++) await appendSome()
  const written = store.journal.statistics.bytes
  ok(written < 600 << 10, `${written} bytes were written although the journal may hold ${200 << 10}`)
  ok(log.durableOffset < log.endOffset)
  for (let turn = 0; turn < 50; turn++) await appendSome()
  equal(store.journal.statistics.bytes, written)
  stalled = false
  for (const resume of waiting) resume()
  await durable(log)
  await store.close()
  equal(log.durableOffset, 1500)
})

test('an append during a direct sync is not taken for a direct one before its turn ends: that spun the loop for ever', async () => {
  const disk = new MemoryDisk()
  const open = disk.open.bind(disk)
  const waiting: (() => void)[] = []
  disk.open = (path, mode) => {
    const file = open(path, mode)
    if (path.endsWith('.log')) file.sync = () => new Promise((resolve) => waiting.push(resolve))
    return file
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const store = await LogStore.open(optionsFor(disk, new NodeClock()))
  const log = store.create('orders-0', settings)
  log.append(batch('first'), false, 0)
  await durable(log)
  log.append(batch('x'.repeat(200_000)), false, 0)
  while (waiting.length === 0) await turn()
  log.append(batch('y'), false, 0)
  let spins = 0
  const sync = log.sync.bind(log)
  log.sync = () => (++spins > 100 ? new Promise(() => undefined) : sync())
  waiting.shift()!()
  await turn()
  await turn()
  ok(spins < 100, 'syncs follow each other without end')
  const answering = setInterval(() => waiting.shift()?.(), 1)
  await durable(log)
  await store.close()
  clearInterval(answering)
})
