import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { DiskError } from '../host/disk.ts'
import { FramePool } from '../host/frame-memory.ts'
import type { SimulatedNode } from '../host/simulated/simulated-node.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { baseOffsetOf, batchBytesOf } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import { findCrcFault } from '../record/validate.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { Log, LogSettings } from './log.ts'
import { LogStore } from './store.ts'
import type { LogRead } from './tail.ts'

const settings: LogSettings = {
  durability: 'fsync',
  segmentBytes: 400_000,
  segmentMs: 1e12,
  segmentJitterMs: 0,
  segmentIndexBytes: 1 << 20,
  indexIntervalBytes: 4096,
}

function openStore({ host }: SimulatedNode): Promise<LogStore> {
  return LogStore.open({
    disk: host.disk,
    clock: host.clock,
    logger: silentLogger,
    directory: '/data',
    directoryId: new Uint8Array(16),
    settingsOf: () => settings,
    journalFileBytes: 65_536,
    journalBytesMax: 200_000,
    directBytesMin: 60_000,
    tailMemoryBytesMax: 250_000,
    poisonsMemory: true,
    openFilesMax: 8,
    durable: (log) => log.onChange(),
  })
}

const step = fc.oneof(
  // Batches of one frame: below and above what is synced in its own segment.
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('frame' as const),
      sizes: fc.array(fc.integer({ min: 20_000, max: 90_000 }), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(20) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('read' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('full' as const), ms: fc.nat(600) }) },
)

/** Two logs that get large frames in memory which is poisoned as soon as it may be used again. */
class Stage {
  readonly world: SimulatedWorld
  readonly node: SimulatedNode
  readonly pool = new FramePool(1 << 20, true)
  store!: LogStore
  logs: Log[] = []
  reusedCount = 0
  readonly #reads: LogRead[] = []

  constructor(seed: number) {
    this.world = new SimulatedWorld(seed)
    this.node = this.world.node('one')
  }

  async open(): Promise<void> {
    this.store = await this.world.scheduler.complete(openStore(this.node))
    this.logs = ['a', 'b'].map((name) => this.store.get(name) ?? this.store.create(name, settings))
    for (const log of this.logs) assert.equal(log.damage, undefined)
  }

  /** As a Produce request does it: batches of one frame go to several logs, and then the request lets go. */
  takeFrame(sizes: readonly number[]): void {
    if (this.store.refusal !== undefined) return
    const batches = sizes.map((bytes) =>
      buildBatch([{ key: null, value: Buffer.alloc(bytes, 1) }], { baseTimestampMs: 1 }),
    )
    const bytes = batches.reduce((sum, batch) => sum + batch.length, 0)
    const used = this.pool.takeUsed(bytes)
    if (used !== undefined) this.reusedCount++
    const memory = used ?? this.pool.make(bytes)
    let at = 0
    for (const [i, batch] of batches.entries()) {
      memory.bytes.set(batch, at)
      try {
        this.logs[i % 2]!.append(memory.bytes.subarray(at, at + batch.length), memory, 0)
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
      }
      at += batch.length
    }
    memory.letGo()
  }

  async read(share: number): Promise<void> {
    const log = this.logs[share > 0.5 ? 1 : 0]!
    const offset = Math.floor(log.endOffset * share)
    const reading = Promise.resolve(log.read(offset, log.endOffset, 200_000, true))
    this.#reads.push(await this.world.scheduler.complete(reading))
  }

  release(): void {
    const read = this.#reads.shift()
    if (read === undefined) return
    for (const chunk of read.chunks) checkBatches(chunk)
    read.release()
  }

  async fillDisk(ms: number): Promise<void> {
    const { freeBytes, totalBytes } = this.node.host.disk.space('/')
    this.node.disk.setCapacity(totalBytes - freeBytes + 100_000)
    for (let i = 0; i < 4; i++) this.takeFrame([30_000, 50_000])
    await this.world.scheduler.runFor(ms)
    this.node.disk.setCapacity(totalBytes)
  }

  async checkAll(): Promise<void> {
    for (const log of this.logs) {
      for (let offset = 0; offset < log.endOffset; ) {
        const reading = Promise.resolve(log.read(offset, log.endOffset, 300_000, true))
        const read = await this.world.scheduler.complete(reading)
        assert.ok(read.bytes > 0)
        for (const chunk of read.chunks) offset += checkBatches(chunk, offset)
        read.release()
      }
    }
  }
}

/** Whether each batch is what was sent; returns how many there are. */
function checkBatches(chunk: Uint8Array, firstOffset = baseOffsetOf(chunk, 0)): number {
  let count = 0
  for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
    assert.equal(baseOffsetOf(chunk, at), firstOffset + count)
    assert.equal(findCrcFault(chunk.subarray(0, at + batchBytesOf(chunk, at)), at), undefined)
    count++
  }
  return count
}

it('memory is used again only when nobody looks at it: no reader, segment or journal ever sees the poison', async () => {
  let reusedCount = 0
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0 }), fc.array(step, { minLength: 40, maxLength: 60 }), async (seed, steps) => {
      const stage = new Stage(seed)
      await stage.open()
      for (const each of steps) {
        if (each.kind === 'frame') stage.takeFrame(each.sizes)
        else if (each.kind === 'pass') await stage.world.scheduler.runFor(each.ms)
        else if (each.kind === 'read') await stage.read(each.share)
        else if (each.kind === 'full') await stage.fillDisk(each.ms)
        else stage.release()
      }
      reusedCount += stage.reusedCount
      for (let i = 0; i < steps.length; i++) stage.release()
      await stage.checkAll()
      stage.node.killProcess()
      await stage.open()
      await stage.checkAll()
    }),
    { numRuns: 20 },
  )
  assert.ok(reusedCount > 5, `only ${reusedCount} buffers were used again`)
})

it('memory that the journal has yet to write stays as it is, though the segment has the batch already', async () => {
  const stage = new Stage(1)
  await stage.open()
  await stage.world.scheduler.runFor(100)
  stage.store.journal.hold(true)
  stage.takeFrame([40_000])
  await stage.world.scheduler.runFor(1)
  for (let i = 0; i < 5; i++) stage.takeFrame([80_000])
  assert.ok(stage.logs[0]!.tail.startOffset > 0, 'the first batch is no longer in memory')
  assert.equal(stage.pool.idleBytes, 0)
  stage.store.journal.hold(false)
  await stage.world.scheduler.runFor(100)
  assert.ok(stage.logs.every((log) => log.durableOffset === log.endOffset))
  await stage.checkAll()
})
