import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DiskError } from '../host/disk.ts'
import type { SimulatedNode } from '../host/simulated/simulated-node.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { batchBytesOf } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { Log, LogSettings } from './log.ts'
import { findMissingRecords } from './log-damage.ts'
import type { LogStoreOptions } from './store.ts'
import { LogStore } from './store.ts'

const settings: LogSettings = {
  durability: 'fsync',
  segmentBytes: 8000,
  segmentMs: 1e12,
  segmentJitterMs: 0,
  segmentIndexBytes: 1 << 20,
  indexIntervalBytes: 1024,
}
const directory = '/deep/data'

/** A store in a simulated world; `open` again after a kill or a loss of power. */
class Stage {
  readonly world: SimulatedWorld
  readonly node: SimulatedNode
  store!: LogStore

  constructor(seed: number) {
    this.world = new SimulatedWorld(seed)
    this.node = this.world.node('one')
  }

  async open(changes: Partial<LogStoreOptions> = {}): Promise<void> {
    const { disk, clock } = this.node.host
    const opening = LogStore.open({
      disk,
      clock,
      logger: silentLogger,
      directory,
      directoryId: new Uint8Array(16),
      settingsOf: () => settings,
      journalFileBytes: 16_384,
      directBytesMin: 3000,
      tailMemoryBytesMax: 64_000,
      poisonsMemory: true,
      openFilesMax: 8,
      durable: (log) => log.onChange(),
      ...changes,
    })
    this.store = await this.world.scheduler.complete(opening)
  }

  async killAndOpen(): Promise<void> {
    this.node.killProcess()
    await this.open()
  }

  /** `keep`: everything unsynced survives; else nothing does. */
  async losePowerAndOpen(keep: boolean): Promise<void> {
    const version = keep ? Infinity : 0
    this.node.losePower({
      file: () => ({ sectorVersion: () => version, sizeVersion: version }),
      names: () => () => keep,
    })
    this.node.powerOn()
    await this.open()
  }

  durable(log: Log, endOffset = log.endOffset): Promise<void> {
    return this.world.scheduler.run(() => log.durableOffset >= endOffset)
  }

  runFor(ms: number): Promise<void> {
    return this.world.scheduler.runFor(ms)
  }
}

function append(log: Log, bytes: number): void {
  log.append(
    buildBatch([{ key: null, value: Buffer.alloc(bytes, `${log.endOffset} `) }], { baseTimestampMs: 1 }),
    false,
    0,
  )
}

async function countRecords(stage: Stage, log: Log): Promise<number> {
  let count = 0
  for (let offset = log.startOffset; offset < log.endOffset; ) {
    const read = await stage.world.scheduler.complete(Promise.resolve(log.read(offset, log.endOffset, 1 << 20, true)))
    for (const chunk of read.chunks) {
      for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
        assert.ok(Buffer.from(chunk).includes(`${offset} `, at))
        offset++
        count++
      }
    }
    read.release()
  }
  return count
}

describe('a full disk', () => {
  it('refuses appends, takes them again within a second of space, and loses nothing', async () => {
    for (const bytes of [500, 4000]) {
      const stage = new Stage(bytes)
      await stage.open()
      const log = stage.store.create('a', settings)
      const { freeBytes, totalBytes } = stage.node.host.disk.space('/')
      stage.node.disk.setCapacity(totalBytes - freeBytes + 20_000)
      await stage.world.scheduler.run(() => {
        if (stage.store.refusal !== undefined) return true
        try {
          append(log, bytes)
        } catch (error) {
          assert.ok(error instanceof DiskError && error.kind === 'full', String(error))
          return true
        }
        return false
      })
      const taken = log.endOffset
      await stage.runFor(2000)
      stage.node.disk.setCapacity(totalBytes)
      await stage.runFor(1000)
      assert.equal(stage.store.refusal, undefined)
      assert.equal(log.durableOffset, taken, 'what had been taken is acknowledged, late')
      append(log, bytes)
      await stage.durable(log)
      await stage.killAndOpen()
      assert.equal(await countRecords(stage, stage.store.get('a')!), taken + 1)
    }
  })

  it('lets the store stop; the next start has everything', async () => {
    const stage = new Stage(3)
    await stage.open()
    const log = stage.store.create('a', settings)
    for (let i = 0; i < 5; i++) append(log, 300)
    await stage.durable(log)
    const { freeBytes, totalBytes } = stage.node.host.disk.space('/')
    stage.node.disk.setCapacity(totalBytes - freeBytes)
    await stage.world.scheduler.complete(stage.store.close())
    stage.node.disk.setCapacity(totalBytes)
    await stage.killAndOpen()
    assert.equal(await countRecords(stage, stage.store.get('a')!), 5)
  })

  it('lets the store start where all the room there is was that of the old journal (simulator seed 2000415)', async () => {
    const stage = new Stage(4)
    await stage.open()
    const log = stage.store.create('a', settings)
    for (let i = 0; i < 5; i++) append(log, 300)
    await stage.durable(log)
    const { freeBytes, totalBytes } = stage.node.host.disk.space('/')
    // For the segment and the checkpoint, not for another journal file.
    stage.node.disk.setCapacity(totalBytes - freeBytes + 8000)
    await stage.killAndOpen()
    const again = stage.store.get('a')!
    append(again, 300)
    await stage.durable(again)
    await stage.killAndOpen()
    assert.equal(await countRecords(stage, stage.store.get('a')!), 6)
  })
})

describe('a failed sync', () => {
  it('of the journal ends all acknowledgements until the next start', async () => {
    const stage = new Stage(1)
    await stage.open()
    const [a, b] = [stage.store.create('a', settings), stage.store.create('b', settings)]
    append(a, 100)
    await stage.durable(a)
    stage.node.disk.failNextSync((path) => path.endsWith('.journal'))
    append(a, 100)
    append(b, 100)
    await stage.runFor(1000)
    assert.equal(a.durableOffset, 1)
    assert.equal(b.durableOffset, 0)
    assert.match(stage.store.refusal ?? '', /journal has failed/)
    assert.ok(a.damage !== undefined && b.damage !== undefined)
    await stage.world.scheduler.complete(stage.store.close())
    await stage.killAndOpen()
    assert.equal(stage.store.get('a')!.damage, undefined, 'it was not the log that was damaged')
    assert.ok((await countRecords(stage, stage.store.get('a')!)) >= 1)
  })

  it('of a segment ends those of its log only; nothing acknowledged is lost', async () => {
    const stage = new Stage(2)
    await stage.open()
    const [a, b] = [stage.store.create('a', settings), stage.store.create('b', settings)]
    append(a, 100)
    await stage.durable(a)
    await stage.runFor(50)
    stage.node.disk.failNextSync((path) => path.includes('/a.'))
    append(a, 4000)
    append(b, 4000)
    await stage.durable(b)
    await stage.runFor(1000)
    assert.equal(a.durableOffset, 1)
    assert.ok(a.damage !== undefined && b.damage === undefined)
    await stage.losePowerAndOpen(false)
    assert.ok((await countRecords(stage, stage.store.get('a')!)) >= 1)
    assert.equal(await countRecords(stage, stage.store.get('b')!), 1)
    append(stage.store.get('a')!, 100)
    await stage.durable(stage.store.get('a')!)
  })
})

describe('a stalled disk', () => {
  it('makes appends wait and nothing else', async () => {
    const stage = new Stage(4)
    await stage.open()
    const log = stage.store.create('a', settings)
    append(log, 100)
    await stage.durable(log)
    stage.node.disk.stall()
    for (let i = 0; i < 10; i++) append(log, 100)
    await stage.runFor(60_000)
    assert.equal(log.durableOffset, 1)
    assert.equal(stage.store.refusal, undefined)
    assert.equal(await countRecords(stage, log), 11, 'reads of memory go on')
    stage.node.disk.release()
    await stage.durable(log)
    assert.equal(log.durableOffset, 11)
  })
})

/** Bugs that the enumeration of crash states and the flipping of bits have found; each had lost or mixed up records. */
describe('found and fixed:', () => {
  it('what recovery took from the page cache was called durable without a sync', async () => {
    const stage = new Stage(5)
    await stage.open()
    const log = stage.store.create('a', settings)
    for (let i = 0; i < 4; i++) append(log, 4000)
    append(log, 100)
    await stage.durable(log)
    await stage.killAndOpen()
    await stage.losePowerAndOpen(false)
    assert.equal(await countRecords(stage, stage.store.get('a')!), 5)
  })

  it('the folder of the store, just made, was gone after a loss of power', async () => {
    const stage = new Stage(6)
    await stage.open()
    const log = stage.store.create('a', settings)
    append(log, 100)
    await stage.durable(log)
    await stage.losePowerAndOpen(false)
    assert.equal(await countRecords(stage, stage.store.get('a')!), 1)
  })

  it('a log of the same name lost its records to the deletion of the one before it', async () => {
    const stage = new Stage(7)
    await stage.open()
    const first = stage.store.create('a', settings)
    append(first, 4000)
    await stage.durable(first)
    await stage.world.scheduler.complete(stage.store.checkpoint())
    await stage.world.scheduler.complete(stage.store.delete(first))
    const second = stage.store.create('a', settings)
    append(second, 100)
    await stage.durable(second)
    append(second, 4000)
    await stage.durable(second)
    await stage.losePowerAndOpen(true)
    assert.equal(await countRecords(stage, stage.store.get('a')!), 2)
  })

  it('records that were cut off came back with the file that had held them', async () => {
    const stage = new Stage(8)
    await stage.open()
    const log = stage.store.create('a', settings)
    for (let i = 0; i < 6; i++) append(log, 3500)
    await stage.durable(log)
    assert.ok(log.segments.length >= 3)
    await stage.world.scheduler.complete(stage.store.truncate(log, log.segments.at(-1)!.baseOffset))
    const { endOffset } = log
    await stage.losePowerAndOpen(false)
    assert.equal(await countRecords(stage, stage.store.get('a')!), endOffset)
  })

  it('what was on its way to the journal when a log was cut acknowledged later records', async () => {
    const stage = new Stage(9)
    await stage.open()
    const log = stage.store.create('a', settings)
    append(log, 100)
    await stage.durable(log)
    for (let i = 0; i < 5; i++) append(log, 100)
    await stage.world.scheduler.complete(stage.store.truncate(log, 1))
    await stage.runFor(100)
    assert.equal(log.durableOffset, 1)
  })

  it('a hole in an `os` log lost records that were acknowledged after it had become an `fsync` one', async () => {
    const stage = new Stage(10)
    await stage.open()
    const log = stage.store.create('a', { ...settings, durability: 'os' })
    append(log, 100)
    await stage.durable(log)
    log.settings = settings
    append(log, 100)
    await stage.durable(log)
    await stage.losePowerAndOpen(false)
    assert.equal(await countRecords(stage, stage.store.get('a')!), 2)
  })

  it('a read made a missing segment anew, as an empty file', async () => {
    const stage = new Stage(12)
    await stage.open()
    const log = stage.store.create('a', settings)
    append(log, 4000)
    await stage.durable(log)
    await stage.world.scheduler.complete(stage.store.close())
    const { path } = log.segments[0]!
    stage.node.host.disk.remove(path)
    await stage.killAndOpen()
    const again = stage.store.get('a')!
    assert.match(again.damage ?? '', /has no bytes/)
    await assert.rejects(stage.world.scheduler.complete(Promise.resolve(again.read(0, 1, 100, true))), DiskError)
    assert.equal(stage.node.host.disk.sizeOf(path), undefined)
  })

  it('a bit rotted above the checkpoint: the log knows how far it had come, at every later start (simulator seed 1000283)', async () => {
    const stage = new Stage(13)
    await stage.open({ journalFileBytes: 1 << 20 })
    const log = stage.store.create('a', settings)
    for (let i = 0; i < 12; i++) {
      append(log, 3500)
      await stage.durable(log)
    }
    // The proof that the last sync was made is written, and synced with what comes next.
    append(stage.store.create('b', settings), 100)
    await stage.durable(stage.store.get('b')!)
    const rotten = log.segments.at(-3)!
    stage.node.disk.flipBit(rotten.path, rotten.bytes - 100, 3)
    await stage.losePowerAndOpen(false)
    const first = stage.store.get('a')!
    const { endOffset } = first
    assert.ok(endOffset < 12 && endOffset >= rotten.baseOffset, `ends at ${endOffset}`)
    assert.equal(first.lastingDamage?.reachedOffset, 12)
    const missing = findMissingRecords(first)
    assert.match(missing ?? '', new RegExp(`^records from offset ${endOffset} to 11 are missing: `))
    assert.equal(await countRecords(stage, first), endOffset)
    for (const begin of [() => stage.killAndOpen(), () => stage.losePowerAndOpen(false)]) {
      await begin()
      const again = stage.store.get('a')!
      assert.deepEqual([again.endOffset, findMissingRecords(again)], [endOffset, missing])
      assert.equal(await countRecords(stage, again), endOffset)
    }
    assert.equal(findMissingRecords(stage.store.get('b')!), undefined)
  })

  it('the start of a log lay behind its end after a crash', async () => {
    const stage = new Stage(11)
    await stage.open()
    const log = stage.store.create('a', { ...settings, durability: 'os' })
    for (let i = 0; i < 6; i++) append(log, 3000)
    await stage.durable(log)
    await stage.world.scheduler.complete(stage.store.moveStart(log, 6))
    await stage.losePowerAndOpen(false)
    const again = stage.store.get('a')!
    assert.deepEqual([again.startOffset, again.endOffset], [6, 6])
  })
})
