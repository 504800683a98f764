import { deepStrictEqual, strictEqual as equal, match, notStrictEqual, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { baseOffsetOf, renewCrc } from '../record/batch.ts'
import type { RecordInput } from '../record/build.ts'
import { CleanerStage } from './cleaner.fixture.ts'

const put = (key: string, value: string): RecordInput => ({ key: Buffer.from(key), value: Buffer.from(value) })
const tombstone = (key: string): RecordInput => ({ key: Buffer.from(key), value: null })

async function opened(...args: ConstructorParameters<typeof CleanerStage>): Promise<CleanerStage> {
  const stage = new CleanerStage(...args)
  await stage.open()
  return stage
}

async function keysAndOffsets(stage: CleanerStage): Promise<string[]> {
  const batches = await stage.check()
  return batches.flatMap((batch) => batch.records).map((record) => `${record.key}@${record.offset}`)
}

/** The stored bytes from `offset` on. */
async function bytesFrom(stage: CleanerStage, offset: number): Promise<Buffer> {
  const { log } = stage
  const read = await stage.complete(Promise.resolve(log.read(offset, log.endOffset, 1 << 20, true)))
  return Buffer.concat(read.chunks)
}

/** Appends values of a few keys until there are `count` batches in sealed segments, and one more behind them. */
async function fill(stage: CleanerStage, count: number, keys = 5): Promise<void> {
  for (let i = 0; i < count; i++) await stage.append([put(`k${i % keys}`, `value ${i} `.repeat(20))])
  stage.log.roll()
  await stage.append([put('last', 'x')])
}

describe('compaction', () => {
  it('keeps the last record of each key and all offsets', async () => {
    const stage = await opened(1)
    await stage.append([put('a', '1'), put('b', '1'), put('a', '2')])
    await stage.append([put('a', '3')], 'zstd')
    await stage.append([put('c', '1'), put('b', '2')], 'gzip')
    stage.log.roll()
    await stage.append([put('a', '4')])
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['a@3', 'c@4', 'b@5', 'a@6'])
    equal(stage.log.endOffset, 7)
    equal(stage.log.startOffset, 0)
    await stage.restart()
    deepStrictEqual(await keysAndOffsets(stage), ['a@3', 'c@4', 'b@5', 'a@6'])
  })

  it('hides what memory still holds of the records that are gone (librdkafka 0077)', async () => {
    const stage = new CleanerStage(33, { segmentBytes: 2000, minCleanableDirtyRatio: 0 })
    stage.tailMemoryBytesMax = 1 << 20
    await stage.open()
    for (let i = 0; i < 30; i++) await stage.append([put('k', `value ${i}`)])
    stage.log.roll()
    await stage.append([put('other', 'in memory')])
    await stage.complete(stage.store.syncLog(stage.log))
    ok(stage.log.tail.startOffset === 0)
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['k@29', 'other@30'])
  })

  it('copies a batch that keeps all its records byte for byte, and compresses others with their codec', async () => {
    const stage = await opened(2)
    const values = [put('a', 'x'.repeat(500)), put('b', 'x'.repeat(500))]
    for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'] as const) await stage.append(values, codec)
    await stage.append([put('b', 'last')], 'gzip')
    await stage.append([put('untouched', 'y'.repeat(300))], 'lz4')
    stage.log.roll()
    await stage.append([put('c', '')])
    const before = await bytesFrom(stage, 8)
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['a@6', 'b@8', 'untouched@9', 'c@10'])
    deepStrictEqual(await bytesFrom(stage, 8), before)
    const [half] = [await bytesFrom(stage, 6)]
    equal(half.readInt16BE(21), 4)
    equal(half.readInt32BE(57), 1)
    deepStrictEqual([Number(half.readBigInt64BE(0)), half.readInt32BE(23)], [6, 1])
    ok(half.readInt32BE(8) < 200)
  })

  it('keeps a tombstone for its time, counted from the compaction that first met it', async () => {
    const stage = await opened(3, { deleteRetentionMs: 1000 })
    await stage.append([put('a', '1'), put('b', '1')])
    await stage.append([tombstone('a'), put('c', '1')], 'zstd')
    stage.log.roll()
    // However long nothing compacts, the tombstone stays for those who are behind.
    await stage.wait(5000)
    await stage.compact()
    const present = await stage.check()
    deepStrictEqual(
      present.flatMap((batch) => batch.records.map((r) => r.key)),
      ['b', 'a', 'c'],
    )
    await stage.wait(500)
    await stage.append([put('d', '1')])
    stage.log.roll()
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['b@1', 'a@2', 'c@3', 'd@4'])
    await stage.restart()
    await stage.wait(600)
    await stage.append([put('d', '2')])
    stage.log.roll()
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['b@1', 'c@3', 'd@5'])
  })

  it('waits until enough is dirty, unless something has waited for longer than the longest lag', async () => {
    const stage = await opened(4, { minCleanableDirtyRatio: 0.5, maxCompactionLagMs: 10_000 })
    await fill(stage, 30)
    await stage.compact()
    await stage.append([put('k0', 'new')])
    stage.log.roll()
    const cleaned = stage.log.segments.filter((segment) => segment.sparse).length
    await stage.compact()
    equal(stage.log.segments.filter((segment) => !segment.sparse).length, 2)
    await stage.wait(10_001)
    await stage.compact()
    equal(stage.log.segments.filter((segment) => !segment.sparse).length, 1)
    ok(cleaned >= 1)
    equal((await keysAndOffsets(stage)).includes('k0@25'), false)
  })

  it('closes the active segment when it is as old as the longest lag', async () => {
    const stage = await opened(5, { maxCompactionLagMs: 10_000 })
    await stage.append([put('a', '1')])
    await stage.append([put('a', '2')])
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['a@0', 'a@1'])
    await stage.wait(10_001)
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['a@1'])
    // Once, and not again while nothing is written.
    const segments = stage.log.segments.length
    await stage.wait(30_000)
    await stage.compact()
    equal(stage.log.segments.length, segments)
  })

  it('leaves records alone that are younger than the shortest lag', async () => {
    const stage = await opened(6, { minCompactionLagMs: 1000 })
    await stage.append([put('a', '1')])
    await stage.append([put('a', '2')])
    stage.log.roll()
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['a@0', 'a@1'])
    await stage.wait(1001)
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['a@1'])
  })

  it('goes on with what did not fit into its memory, also within a segment', async () => {
    const stage = await opened(7, { segmentBytes: 100_000 })
    stage.mapBytesMax = 24 * 20
    await stage.restart()
    for (let i = 0; i < 120; i++) await stage.append([put(`key ${i % 60}`, `${i}`)])
    // 40 keys in one batch are more than the map takes at all.
    await stage.append(Array.from({ length: 40 }, (_, i) => put(`key ${i}`, 'big')))
    stage.log.roll()
    equal(stage.log.segments.length, 2)
    await stage.compact()
    const left = await keysAndOffsets(stage)
    // The keys of the large batch still have one older record each; all others are there once.
    equal(left.length, 40 + 60)
    ok(stage.log.segments.slice(0, -1).every((segment) => segment.sparse))
    await stage.losePower()
    deepStrictEqual(await keysAndOffsets(stage), left)
  })

  it('leaves one record of each key in the end, in however many rounds', async () => {
    const stage = await opened(12)
    stage.mapBytesMax = 24 * 20
    await stage.restart()
    for (let i = 0; i < 300; i++) await stage.append([put(`key ${(i * 7) % 60}`, `${i}`)])
    stage.log.roll()
    ok(stage.log.segments.length > 5)
    await stage.compact()
    equal((await keysAndOffsets(stage)).length, 60)
  })

  it('looks through compacted segments again for keys that have come back', async () => {
    const stage = await opened(14)
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 12; i++) await stage.append([put(`key ${i}`, 'x'.repeat(120))])
      stage.log.roll()
      await stage.compact()
    }
    deepStrictEqual(stage.errors, [])
    equal((await keysAndOffsets(stage)).length, 12)
  })

  it('drops what lies below the start of the log', async () => {
    const stage = await opened(13)
    for (let i = 0; i < 10; i++) await stage.append([put(`key ${i}`, '')])
    stage.log.roll()
    await stage.complete(stage.store.moveStart(stage.log, 5))
    const before = stage.log.sizeBytes
    await stage.compact()
    equal(stage.log.sizeBytes, before / 2)
    equal((await keysAndOffsets(stage)).length, 5)
  })

  it('merges small neighbours', async () => {
    const stage = await opened(8)
    await fill(stage, 100)
    ok(stage.log.segments.length > 8)
    await stage.compact()
    await stage.append([put('another', '')])
    stage.log.roll()
    await stage.compact()
    equal(stage.log.segments.length, 2)
    await stage.check()
    deepStrictEqual(
      stage.files().filter((name) => name.endsWith('.log')).length,
      stage.log.segments.length,
      stage.files().join(),
    )
  })

  it('keeps the header of a producer’s last batch until it writes again or is forgotten', async () => {
    const stage = await opened(9)
    await stage.append([put('a', '1')], 'gzip', { producerId: 5, producerEpoch: 0, baseSequence: 0 })
    await stage.append([put('a', '2')])
    stage.log.roll()
    await stage.compact()
    deepStrictEqual(
      (await stage.check()).map((batch) => [batch.producerId, batch.records.length]),
      [
        [5, 0],
        [-1, 1],
      ],
    )
    await stage.append([put('b', '1')], 'none', { producerId: 5, producerEpoch: 0, baseSequence: 1 })
    stage.log.roll()
    await stage.compact()
    deepStrictEqual(
      (await stage.check()).map((batch) => [batch.producerId, batch.records.length]),
      [
        [-1, 1],
        [5, 1],
      ],
    )
  })

  it('removes records without a key, and keeps what belongs to transactions', async () => {
    const stage = await opened(10)
    await stage.append([{ key: null, value: Buffer.from('no key') }])
    await stage.append([put('a', '1')], 'none', { attributes: 0x10 })
    await stage.append([put('a', '2')], 'none', { attributes: 0x30 })
    await stage.append([put('a', '3')])
    stage.log.roll()
    await stage.compact()
    deepStrictEqual(await keysAndOffsets(stage), ['a@1', 'a@2', 'a@3'])
  })

  it('keeps a batch that cannot be opened, and what its keys might supersede', async () => {
    const stage = await opened(11)
    const { log } = stage
    await stage.append([put('a', '1')])
    await stage.append([put('a', '2')])
    const damaged = Buffer.from(await bytesFrom(stage, 1))
    damaged.writeInt16BE(1, 21)
    renewCrc(damaged, 0)
    log.append(damaged, false, 0)
    await stage.durable()
    log.roll()
    await stage.compact()
    const offsets: number[] = []
    for (let offset = 0; offset < 3; offset = offsets.at(-1)! + 1) {
      offsets.push(Number((await bytesFrom(stage, offset)).readBigInt64BE(0)))
    }
    deepStrictEqual(offsets, [1, 2])
  })
})

describe('compaction among others', () => {
  it('leaves a damaged log as it is, and does not hold up others', async () => {
    const stage = await opened(20)
    await fill(stage, 40)
    const other = stage.store.create('other-0', stage.log.settings)
    const before = stage.files()
    const target = stage.log.segments[1]!
    stage.disk.flipBit(target.path, 100, 3)
    const damaged = stage.log
    await stage.compact()
    deepStrictEqual(
      stage.files().filter((name) => name.endsWith('.log')),
      before.filter((name) => name.endsWith('.log')),
    )
    equal(damaged.segments[1], target)
    equal(stage.errors.length, 1)
    match(stage.errors[0]!, /log cannot be compacted: LogDamageError: .*is damaged at byte 0/)
    equal(other.damage, undefined)
  })

  it('goes on when the disk has space again', async () => {
    const stage = await opened(21)
    await fill(stage, 60)
    await stage.complete(stage.store.syncLog(stage.log))
    stage.disk.setCapacity(1)
    await stage.compact()
    stage.disk.setCapacity(2 ** 40)
    ok(stage.log.segments.every((segment) => !segment.sparse))
    await stage.check()
    await stage.wait(61_000)
    await stage.compact()
    ok(stage.log.segments[0]!.sparse)
    await stage.check()
    equal(stage.files().filter((name) => name.endsWith('.log')).length, stage.log.segments.length)
  })

  it('loses nothing when a sync or the checkpoint fails, and removes the old files later', async () => {
    const faults: [string, (path: string) => boolean][] = [
      ['data', (path) => path.endsWith('-1.log')],
      ['index', (path) => path.endsWith('-1.index')],
      ['checkpoint', (path) => path.endsWith('/checkpoint.new')],
    ]
    for (const [name, matches] of faults) {
      for (const crash of [true, false]) {
        const stage = await opened(26)
        await fill(stage, 60)
        await stage.complete(stage.store.syncLog(stage.log))
        stage.disk.failNextSync(matches)
        await stage.compact()
        equal(stage.errors.length, 1, name)
        await stage.check()
        if (crash) await stage.losePower()
        await stage.check()
        await stage.wait(61_000)
        await stage.append([put('k0', 'after')])
        stage.log.roll()
        await stage.compact()
        ok(stage.log.segments[0]!.sparse)
        equal(stage.files().filter((file) => file.endsWith('.log')).length, stage.log.segments.length, name)
        await stage.losePower()
        await stage.check()
      }
    }
  })

  it('gives up when it is stopped, and leaves nothing behind', async () => {
    const stage = await opened(22)
    await fill(stage, 100)
    const outcome = stage.cleaner.compact().then(
      () => 'done',
      (error: Error) => error.name,
    )
    const isWriting = (): boolean => stage.files().some((name) => name.endsWith('-1.log'))
    while (!isWriting()) await stage.world.scheduler.step()
    await stage.complete(stage.cleaner.stop())
    equal(await stage.complete(outcome), 'CleanerStopped')
    equal(isWriting(), false)
    ok(stage.log.segments.length > 5)
    deepStrictEqual(stage.errors, [])
    await stage.check()
  })

  it('does not mind when the log is cut at its start or deleted meanwhile', async () => {
    for (let steps = 0; steps < 120; steps += 7) {
      const stage = await opened(23)
      await fill(stage, 60)
      const compaction = stage.cleaner.compact()
      for (let i = 0; i < steps; i++) await stage.world.scheduler.step()
      await stage.complete(stage.store.moveStart(stage.log, 40))
      for (let i = 0; i < 5; i++) await stage.world.scheduler.step()
      const { log } = stage
      if (steps % 2 === 0) {
        await stage.complete(stage.store.delete(log))
        await stage.complete(compaction)
        equal(stage.store.get(log.name), undefined)
      } else {
        await stage.complete(compaction)
        deepStrictEqual(stage.errors, [])
        await stage.check()
        await stage.losePower()
        await stage.check()
      }
    }
  })

  it('does not disturb readers: they miss no key and see no offset twice', async () => {
    const stage = await opened(24)
    await fill(stage, 150, 20)
    const before = await stage.read()
    let ended = false
    const compaction = stage.cleaner.compact().then(() => {
      ended = true
    })
    let rounds = 0
    for (; !ended; rounds++) await stage.check()
    await stage.complete(compaction)
    ok(rounds >= 2, 'the compaction was over before it was read')
    notStrictEqual((await stage.check()).length, before.length)
  })

  it('sends a reader whose segment is removed under it to what has taken its place', async () => {
    const stage = await opened(25)
    const { log } = stage
    // Larger than what is read at first, so that the segment is asked twice.
    await stage.append([put('a', 'x'.repeat(30_000))])
    log.roll()
    await stage.append([put('b', '')])
    const reading = Promise.resolve(log.read(0, log.endOffset, 100, true))
    log.planStart(1)
    for (const segment of log.publishStart(1, log.obsoleteSegments())) segment.remove()
    const read = await stage.complete(reading)
    equal(baseOffsetOf(read.chunks[0]!, 0), 1)
  })
})
