import { deepStrictEqual, strictEqual as equal, ok } from 'node:assert/strict'
import { compressionNames } from '@polylog/wire/records'
import type { Compression } from '@polylog/wire/records'
import type { Clock, Timer } from '../host/clock.ts'
import type { Survival } from '../host/simulated/random-survival.ts'
import type { SimulatedDisk } from '../host/simulated/simulated-disk.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import type { SimulatedNode } from '../host/simulated/simulated-node.ts'
import {
  baseOffsetOf,
  baseTimestampOf,
  batchBytesOf,
  lastOffsetOf,
  maxTimestampOf,
  producerIdOf,
  recordCountOf,
} from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import type { BatchOptions, RecordInput } from '../record/build.ts'
import { forEachRecord, openRecords } from '../record/records.ts'
import { rewriteBatch } from '../record/rewrite.ts'
import { findCrcFault } from '../record/validate.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { CleanupSettings } from './cleaner.ts'
import { Cleaner } from './cleaner.ts'
import type { Durability, Log, LogSettings } from './log.ts'
import { LogStore } from './store.ts'

/** A record as a test has written or read it; text is easier to compare. */
export interface PlainRecord {
  offset: number
  key: string | null
  value: string | null
  timestampMs: number
}

export interface PlainBatch {
  baseOffset: number
  lastOffset: number
  producerId: number
  records: PlainRecord[]
}

/** Time passes while the process works, not only while it waits: so that the cleaner's turns end. */
class BusyClock implements Clock {
  readonly #clock: Clock
  #busyMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  monotonicMs(): number {
    this.#busyMs += 0.2
    return this.#clock.monotonicMs() + this.#busyMs
  }

  startTimer(delayMs: number, callback: () => void): Timer {
    return this.#clock.startTimer(delayMs, callback)
  }

  endOfTurn(callback: () => void): void {
    this.#clock.endOfTurn(callback)
  }
}

const cleanupDefault: CleanupSettings = {
  cleanupCompact: true,
  cleanupDelete: false,
  retentionMs: -1,
  retentionBytes: -1,
  minCleanableDirtyRatio: 0,
  minCompactionLagMs: 0,
  maxCompactionLagMs: 2 ** 53,
  deleteRetentionMs: 1000,
  segmentBytes: 3000,
  segmentMs: 2 ** 53,
}

/** One log in a store on a simulated machine, with a cleaner whose work the test starts. For tests. */
export class CleanerStage {
  readonly world: SimulatedWorld
  readonly #node: SimulatedNode
  cleanup: CleanupSettings
  mapBytesMax = 1 << 16
  producerIdExpirationMs = 2 ** 53
  durability: Durability = 'fsync'
  /** As good as nothing stays in memory, so that tests read what is in the files. */
  tailMemoryBytesMax = 1
  store!: LogStore
  cleaner!: Cleaner
  clock!: Clock
  /** What the cleaner has logged as an error. */
  readonly errors: string[] = []
  /** All that was ever appended and is durable, by offset. */
  readonly written = new Map<number, PlainRecord>()

  constructor(seed: number, cleanup: Partial<CleanupSettings> = {}) {
    this.world = new SimulatedWorld(seed)
    this.#node = this.world.node('one')
    this.cleanup = { ...cleanupDefault, ...cleanup }
  }

  get log(): Log {
    return this.store.get('compacted-0')!
  }

  get disk(): SimulatedDisk {
    return this.#node.disk
  }

  /** Names in the folder of the log. */
  files(): string[] {
    return this.#node.host.disk.list(this.log.directory)
  }

  /** Waits for `promise` while the simulated world goes on. */
  complete<T>(promise: Promise<T>): Promise<T> {
    return this.world.scheduler.complete(promise)
  }

  async open(): Promise<void> {
    const { disk, clock } = this.#node.host
    this.clock = new BusyClock(clock)
    const { durability } = this
    const { segmentBytes } = this.cleanup
    const settings: LogSettings = {
      durability,
      segmentBytes,
      segmentMs: 2 ** 53,
      indexIntervalBytes: 100,
      segmentJitterMs: 0,
      segmentIndexBytes: 1 << 20,
    }
    this.store = await this.complete(
      LogStore.open({
        disk,
        clock,
        logger: silentLogger,
        directory: '/data',
        directoryId: new Uint8Array(16),
        settingsOf: () => settings,
        journalFileBytes: 1 << 16,
        directBytesMin: 1 << 17,
        tailMemoryBytesMax: this.tailMemoryBytesMax,
        poisonsMemory: true,
        openFilesMax: 4,
        durable: (log) => log.onChange(),
      }),
    )
    if (!this.store.get('compacted-0')) this.store.create('compacted-0', settings)
    this.cleaner = new Cleaner({
      store: this.store,
      clock: this.clock,
      logger: { ...silentLogger, error: (event, fields) => this.errors.push(`${event}: ${String(fields?.['error'])}`) },
      settingsOf: () => this.cleanup,
      retentionCheckIntervalMs: 1000,
      compactionIntervalMs: 1000,
      mapBytesMax: this.mapBytesMax,
      producerIdExpirationMs: this.producerIdExpirationMs,
    })
  }

  /** Appends one batch and waits until it is durable. Records without a timestamp get the present one. */
  async append(
    records: readonly RecordInput[],
    compression: Compression = 'none',
    options: Partial<BatchOptions> = {},
  ): Promise<number> {
    const { log } = this
    const baseTimestampMs = options.baseTimestampMs ?? Math.floor(this.clock.nowMs())
    const plain = buildBatch(records, { ...options, baseTimestampMs })
    plain.writeInt16BE(plain.readInt16BE(21) | compressionNames.indexOf(compression), 21)
    const batch = rewriteBatch(plain, {
      records: plain.subarray(61),
      count: records.length,
      maxTimestampMs: maxTimestampOf(plain, 0),
      deleteHorizonMs: undefined,
    })
    const baseOffset = log.append(batch, false, 0)
    await this.durable()
    for (const [i, { key, value, timestampMs }] of records.entries()) {
      const offset = baseOffset + i
      this.written.set(offset, {
        offset,
        key: text(key),
        value: text(value),
        timestampMs: timestampMs ?? baseTimestampMs,
      })
    }
    return baseOffset
  }

  durable(): Promise<void> {
    const { log } = this
    const { endOffset } = log
    return this.complete(
      new Promise((resolve) => {
        log.onChange = () => {
          if (log.durableOffset >= endOffset) resolve()
        }
        log.onChange()
      }),
    )
  }

  compact(): Promise<void> {
    return this.complete(this.cleaner.compact())
  }

  async restart(): Promise<void> {
    await this.complete(this.cleaner.stop())
    await this.complete(this.store.close())
    await this.open()
  }

  async kill(): Promise<void> {
    this.#node.killProcess()
    await this.open()
  }

  async losePower(survival?: Survival): Promise<void> {
    this.#node.losePower(survival)
    this.#node.powerOn()
    await this.open()
  }

  wait(durationMs: number): Promise<void> {
    return this.world.scheduler.runFor(durationMs)
  }

  /** All batches from `offset` on, checked to be whole, intact and in order. */
  async read(offset: number = this.log.startOffset): Promise<PlainBatch[]> {
    const batches: PlainBatch[] = []
    const { log } = this
    for (let next = offset; next < log.endOffset; ) {
      const read = await this.complete(Promise.resolve(log.read(next, log.endOffset, 700, true)))
      if (read.bytes === 0) break
      for (const chunk of read.chunks) {
        for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
          equal(findCrcFault(chunk, at), undefined)
          ok(lastOffsetOf(chunk, at) >= next, `batch ends at ${lastOffsetOf(chunk, at)}, wanted from ${next}`)
          batches.push(plainBatch(chunk, at))
          next = lastOffsetOf(chunk, at) + 1
        }
      }
      read.release()
    }
    return batches
  }

  /**
   * Reads the whole log and compares it with all that was written: each record is one that was written, in its place; of
   * each key the last one is there, a tombstone at least until its time is over.
   */
  async check(): Promise<PlainBatch[]> {
    const { damage, segments } = this.log
    equal(damage, undefined)
    for (const [i, segment] of segments.entries()) {
      if (i > 0) equal(segment.baseOffset, segments[i - 1]!.endOffset, `segment ${i} does not follow the one before`)
    }
    const batches = await this.read()
    const records = batches.flatMap((batch) => batch.records)
    let previous = -1
    const found = new Map<string, PlainRecord>()
    for (const record of records) {
      ok(record.offset > previous, `offset ${record.offset} comes after ${previous}`)
      previous = record.offset
      if (record.offset < this.log.startOffset) continue
      deepStrictEqual(record, this.written.get(record.offset))
      found.set(record.key!, record)
    }
    const { deleteRetentionMs } = this.cleanup
    for (const [key, last] of this.lastRecords()) {
      const isOver = last.value === null && this.clock.nowMs() - last.timestampMs > deleteRetentionMs
      if (found.get(key) === undefined && isOver) continue
      deepStrictEqual(found.get(key), last, `key ${key}`)
    }
    return batches
  }

  /** What a map of all records above the start of the log ends up with, tombstones included. */
  lastRecords(): Map<string, PlainRecord> {
    const last = new Map<string, PlainRecord>()
    for (const record of this.written.values()) {
      if (record.key !== null && record.offset >= this.log.startOffset) last.set(record.key, record)
    }
    return last
  }
}

function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString()
}

function plainBatch(chunk: Uint8Array, at: number): PlainBatch {
  const baseOffset = baseOffsetOf(chunk, at)
  const records: PlainRecord[] = []
  forEachRecord(openRecords(chunk, at), recordCountOf(chunk, at), (record) => {
    const timestampMs = baseTimestampOf(chunk, at) + record.timestampDelta
    const { key, value, offsetDelta } = record
    records.push({ offset: baseOffset + offsetDelta, key: text(key), value: text(value), timestampMs })
    return true
  })
  return { baseOffset, lastOffset: lastOffsetOf(chunk, at), producerId: producerIdOf(chunk, at), records }
}
