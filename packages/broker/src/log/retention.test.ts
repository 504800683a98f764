import { deepStrictEqual, strictEqual as equal, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildBatch } from '../record/build.ts'
import { DiskError } from '../host/disk.ts'
import type { BatchOptions } from '../record/build.ts'
import type { CleanupSettings } from './cleaner.ts'
import { CleanerStage } from './cleaner.fixture.ts'
import { applyRetention } from './retention.ts'

const deleting: Partial<CleanupSettings> = { cleanupCompact: false, cleanupDelete: true, segmentBytes: 1000 }

async function opened(seed: number, cleanup: Partial<CleanupSettings>): Promise<CleanerStage> {
  const stage = new CleanerStage(seed, { ...deleting, ...cleanup })
  await stage.open()
  return stage
}

/** Appends batches of about 170 bytes, five to a segment. */
async function fill(stage: CleanerStage, count: number, options: Partial<BatchOptions> = {}): Promise<void> {
  for (let i = 0; i < count; i++) {
    await stage.append([{ key: Buffer.from(`key ${i}`), value: Buffer.alloc(90) }], 'none', options)
  }
}

/** Retention once; then what is left is read, also after a loss of power. Returns start and end of the log. */
async function retained(stage: CleanerStage): Promise<[number, number]> {
  await stage.complete(stage.cleaner.retain())
  const { startOffset, endOffset } = stage.log
  const batches = await stage.read()
  deepStrictEqual(
    batches.flatMap((batch) => batch.records).map((record) => record.offset),
    Array.from({ length: endOffset - startOffset }, (_, i) => startOffset + i),
  )
  const files = stage.log.segments.filter((segment) => segment.fileBytes() > 0 || segment.bytes > 0).length
  ok(stage.files().filter((name) => name.endsWith('.log')).length - files <= 1, stage.files().join())
  await stage.losePower()
  equal(stage.log.damage, undefined)
  deepStrictEqual([stage.log.startOffset, stage.log.endOffset], [startOffset, endOffset])
  return [startOffset, endOffset]
}

describe('retention by age', () => {
  it('deletes segments whose newest record is too old, and no others', async () => {
    const stage = await opened(1, { retentionMs: 10_000 })
    await fill(stage, 15)
    await stage.wait(6000)
    await fill(stage, 15)
    const before = stage.log.segments.length
    deepStrictEqual(await retained(stage), [0, 30])
    await stage.wait(6000)
    const [start, end] = await retained(stage)
    equal(end, 30)
    ok(start > 5 && start <= 15, `starts at ${start}`)
    ok(stage.log.segments.length < before)
  })

  it('rolls the active segment when all of it has expired', async () => {
    const stage = await opened(2, { retentionMs: 10_000 })
    await fill(stage, 3)
    await stage.wait(9000)
    deepStrictEqual(await retained(stage), [0, 3])
    await stage.wait(1001)
    deepStrictEqual(await retained(stage), [3, 3])
    await fill(stage, 2)
    deepStrictEqual(await retained(stage), [3, 5])
  })

  it('looks at what is only in memory before it rolls', async () => {
    const stage = await opened(3, { retentionMs: 10_000 })
    stage.tailMemoryBytesMax = 1 << 20
    await stage.restart()
    await fill(stage, 3)
    stage.log.flush()
    await stage.wait(10_001)
    await fill(stage, 1)
    ok(stage.log.tail.unflushedBytes > 0)
    deepStrictEqual(await retained(stage), [0, 4])
  })

  it('goes by the times of the records, and keeps those that have none', async () => {
    const stage = await opened(4, { retentionMs: 10_000 })
    await stage.wait(20_000)
    await fill(stage, 10, { baseTimestampMs: 1 })
    await stage.append([{ key: null, value: Buffer.alloc(900) }], 'none', { baseTimestampMs: -1 })
    await fill(stage, 10, { baseTimestampMs: 1 })
    deepStrictEqual(await retained(stage), [10, 21])
  })

  it('keeps everything with -1', async () => {
    const stage = await opened(5, { retentionMs: -1 })
    await fill(stage, 12, { baseTimestampMs: 1 })
    await stage.wait(1e9)
    deepStrictEqual(await retained(stage), [0, 12])
  })

  it('leaves no log that ends before it starts, also without fsync', async () => {
    const stage = new CleanerStage(7, { ...deleting, retentionMs: 10_000 })
    stage.durability = 'os'
    await stage.open()
    await fill(stage, 12)
    await stage.wait(10_001)
    deepStrictEqual(await retained(stage), [12, 12])
  })

  it('does not go beyond what is durable', async () => {
    const stage = await opened(6, { retentionMs: 0 })
    await fill(stage, 12, { baseTimestampMs: 1 })
    stage.disk.stall()
    stage.log.append(buildBatch([{ key: null, value: Buffer.alloc(900) }], { baseTimestampMs: 1 }), false, 0)
    const retention = applyRetention(stage.store, stage.log, stage.cleanup, stage.clock.nowMs())
    equal(stage.log.durableOffset, 12)
    await stage.wait(100)
    ok(stage.log.startOffset <= 12)
    stage.disk.release()
    await stage.complete(retention)
    equal(stage.log.startOffset, 12)
    await stage.durable()
    deepStrictEqual(await retained(stage), [13, 13])
  })
})

describe('retention by size', () => {
  it('deletes whole segments as long as enough is left', async () => {
    const stage = await opened(10, { retentionBytes: 3000 })
    await fill(stage, 40)
    const sizes = stage.log.segments.map((segment) => segment.bytes)
    await retained(stage)
    ok(stage.log.sizeBytes >= 3000)
    ok(stage.log.sizeBytes - sizes[0]! < 3000)
  })

  it('empties the log with 0', async () => {
    const stage = await opened(11, { retentionBytes: 0 })
    await fill(stage, 12)
    deepStrictEqual(await retained(stage), [12, 12])
  })
})

describe('retention of what a client deleted', () => {
  it('makes durable later what a full disk had prevented (simulator S2b)', async () => {
    const stage = await opened(41, { retentionBytes: 1500 })
    await fill(stage, 40)
    await stage.complete(stage.store.syncLog(stage.log))
    stage.disk.setCapacity(1)
    await stage.complete(stage.cleaner.retain())
    equal(stage.log.startOffset, 0)
    const segments = stage.log.segments.length
    stage.disk.setCapacity(2 ** 40)
    const [start] = await retained(stage)
    ok(start > 0)
    ok(stage.log.segments.length < segments)
  })

  it('takes up what a full disk had prevented, also where nothing else is to be deleted', async () => {
    const stage = await opened(43, {})
    await fill(stage, 12)
    await stage.complete(stage.store.syncLog(stage.log))
    stage.disk.setCapacity(1)
    await rejects(stage.complete(stage.store.moveStart(stage.log, 11)), DiskError)
    deepStrictEqual([stage.log.startOffset, stage.log.plannedStartOffset], [0, 11])
    equal((await stage.read()).length, 12)
    stage.disk.setCapacity(2 ** 40)
    deepStrictEqual(await retained(stage), [11, 12])
  })

  it('shows a log start only once no loss of power can move it back (simulator S2)', async () => {
    for (let seed = 100; seed < 140; seed++) {
      const stage = await opened(seed, {})
      await fill(stage, 12)
      await stage.complete(stage.store.syncLog(stage.log))
      const isMoving = stage.store.moveStart(stage.log, 11)
      isMoving.catch(() => undefined)
      equal(stage.log.startOffset, 0)
      for (let step = 0; step < seed - 100; step++) await stage.world.scheduler.step()
      const { startOffset } = stage.log
      await stage.losePower()
      ok(stage.log.startOffset >= startOffset, `${startOffset} became ${stage.log.startOffset} (seed ${seed})`)
    }
  })

  it('removes segments below the start of the log, whatever the policy', async () => {
    const stage = await opened(20, { cleanupDelete: false, cleanupCompact: true, retentionMs: 1, retentionBytes: 1 })
    await fill(stage, 12)
    stage.log.roll()
    await stage.complete(stage.store.moveStart(stage.log, 11))
    deepStrictEqual(await retained(stage), [11, 12])
    await stage.complete(stage.store.moveStart(stage.log, 12))
    deepStrictEqual(await retained(stage), [12, 12])
    equal(stage.log.sizeBytes, 0)
  })
})

describe('retention with compaction', () => {
  it('passes over segments that compaction has emptied', async () => {
    const stage = await opened(30, { cleanupCompact: true, retentionMs: 50_000, segmentBytes: 400 })
    await stage.append([{ key: Buffer.from('a'), value: Buffer.alloc(300) }], 'none', {
      producerId: 3,
      producerEpoch: 0,
      baseSequence: 0,
    })
    await stage.append([{ key: Buffer.from('a'), value: Buffer.alloc(300) }])
    await stage.append([{ key: Buffer.from('b'), value: Buffer.alloc(300) }])
    stage.log.roll()
    await stage.compact()
    const [first] = await stage.check()
    equal(first?.records.length, 0)
    await stage.complete(stage.cleaner.retain())
    ok(stage.log.startOffset > 0)
    await stage.wait(50_001)
    await stage.complete(stage.cleaner.retain())
    equal(stage.log.startOffset, 3)
  })
})

describe('the cleaner', () => {
  it('forgets idle producers', async () => {
    const stage = await opened(40, {})
    stage.producerIdExpirationMs = 1000
    await stage.restart()
    const mark = { producerEpoch: 0, baseSequence: 0 }
    await stage.append([{ key: null, value: null }], 'none', { ...mark, producerId: 1 })
    await stage.wait(800)
    await stage.append([{ key: null, value: null }], 'none', { ...mark, producerId: 2 })
    await stage.wait(300)
    await stage.complete(stage.cleaner.retain())
    deepStrictEqual(
      [...stage.log.producers.entries()].map((entry) => entry.producerId),
      [2],
    )
  })

  it('works by itself from start to stop, and tells the log of its new start', async () => {
    const stage = await opened(41, { cleanupCompact: true, retentionMs: 5000 })
    await fill(stage, 5)
    await fill(stage, 5)
    stage.log.roll()
    let changes = 0
    stage.log.onChange = () => changes++
    stage.cleaner.start()
    await stage.wait(2500)
    ok(stage.log.segments[0]!.sparse)
    equal(changes, 0)
    await stage.wait(5000)
    deepStrictEqual([stage.log.startOffset, changes > 0], [10, true])
    await stage.complete(stage.cleaner.stop())
    await fill(stage, 3)
    await stage.wait(60_000)
    deepStrictEqual([stage.log.startOffset, stage.log.endOffset], [10, 13])
  })

  it('does not let retention wait for the end of a long compaction', async () => {
    const stage = await opened(43, { cleanupCompact: true, retentionMs: 1500 })
    for (let i = 0; i < 60; i++) {
      await stage.append([{ key: Buffer.from(`key ${i}`), value: Buffer.alloc(300) }])
    }
    stage.log.roll()
    await stage.complete(stage.store.syncLog(stage.log))
    stage.disk.times.syncMs = { min: 200, max: 300 }
    stage.cleaner.start()
    // Many groups of half a second and more each; by their times of writing, all of them expire meanwhile.
    await stage.wait(4000)
    equal(stage.log.startOffset, 60)
    await stage.complete(stage.cleaner.stop())
    deepStrictEqual(stage.errors, [])
  })

  it('works for many logs at once with few checkpoints', async () => {
    const stage = await opened(42, { retentionMs: 1000 })
    for (let i = 0; i < 50; i++) {
      const log = stage.store.create(`many-${i}`, stage.log.settings)
      log.append(buildBatch([{ key: null, value: Buffer.alloc(900) }], { baseTimestampMs: 1 }), false, 0)
    }
    await stage.wait(2000)
    let checkpoints = 0
    stage.disk.record((operation) => {
      if (operation.kind === 'rename') checkpoints++
    })
    await stage.complete(stage.cleaner.retain())
    ok([...stage.store.logs()].every((log) => log.startOffset === log.endOffset))
    ok(checkpoints <= 10, `${checkpoints} checkpoints`)
  })
})
