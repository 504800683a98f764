import { DiskError } from '../../packages/broker/src/host/disk.ts'
import type { DiskOperation } from '../../packages/broker/src/host/simulated/disk-operation.ts'
import type { SimulatedNode } from '../../packages/broker/src/host/simulated/simulated-node.ts'
import type { SimulatedRandom } from '../../packages/broker/src/host/simulated/simulated-random.ts'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import { Cleaner } from '../../packages/broker/src/log/cleaner.ts'
import type { Log } from '../../packages/broker/src/log/log.ts'
import { LogStore } from '../../packages/broker/src/log/store.ts'
import { baseOffsetOf, lastOffsetDeltaOf, lastOffsetOf, stampBatch } from '../../packages/broker/src/record/batch.ts'
import { silentLogger } from '../../packages/broker/src/telemetry/logger.ts'
import type { Deed } from './expectation.ts'
import { Expectation, reopenedLogs } from './expectation.ts'
import { BatchMaker } from './batch-maker.ts'
import { directBytesMin, settingsOf, storeOptions } from './store-options.ts'
import type { DiskWrapper } from './disk-wrapper.ts'
import { checkStore } from './verdict.ts'

export interface WorkloadOptions {
  seed: number
  wrap: DiskWrapper
  done: () => boolean
  operation: (operation: DiskOperation) => void
  deed: (deed: Deed) => void
}

const names = ['alpha-0', 'beta-0', 'beta-1', 'gamma-0', 'os-0', 'delta-0']

function isCompacted(log: Log): boolean {
  return log.name === 'gamma-0' || log.name === 'delta-0'
}

/** These logs take batches with gaps between them, in runs. */
function isFollower(log: Log): boolean {
  return log.name === 'beta-0' || log.name === 'delta-0'
}

const cleanerSettings = {
  settingsOf: (log: Log) => ({
    cleanupDelete: false,
    cleanupCompact: isCompacted(log),
    retentionMs: -1,
    retentionBytes: -1,
    minCleanableDirtyRatio: 0,
    minCompactionLagMs: 0,
    maxCompactionLagMs: Infinity,
    deleteRetentionMs: 0,
    segmentBytes: 6000,
    segmentMs: 1e12,
  }),
  retentionCheckIntervalMs: 1e9,
  compactionIntervalMs: 1e9,
  mapBytesMax: 1 << 16,
  producerIdExpirationMs: 1e12,
}

/** Drives a store in a simulated world through everything it can do, on a disk that is now and then full. */
export async function recordWorkload(options: WorkloadOptions): Promise<void> {
  const workload = new Workload(options)
  await workload.run()
}

class Workload {
  readonly #options: WorkloadOptions
  readonly #world: SimulatedWorld
  readonly #node: SimulatedNode
  readonly #random: SimulatedRandom
  readonly #batches: BatchMaker
  readonly #expectation = new Expectation()
  /** Logs with a cut, a move of the start or a deletion under way. */
  readonly #busy = new Set<Log>()
  #running = new Set<Promise<void>>()
  #store!: LogStore
  /** What an append that has not returned yet does to the disk: to others it comes after the append. */
  #held: DiskOperation[] | undefined
  #cleaner!: Cleaner
  #compacting = false
  /** Counts processes: what belongs to a killed one tells nobody anything any more. */
  #life = 0

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#world = new SimulatedWorld(options.seed)
    this.#node = this.#world.node('one')
    this.#random = this.#world.scheduler.random.stream('workload')
    this.#batches = new BatchMaker(this.#random)
    this.#node.disk.record((operation) => (this.#held ? this.#held.push(operation) : options.operation(operation)))
  }

  async run(): Promise<void> {
    await this.#open()
    while (!this.#options.done()) await this.#step()
    await this.#settle()
  }

  async #step(): Promise<void> {
    const draw = this.#random.next()
    if (draw < 0.5) this.#appendSome()
    else if (draw < 0.78) await this.#wait(this.#random.between(0, 3))
    else if (draw < 0.81) this.#moveStart()
    else if (draw < 0.84) this.#truncate()
    else if (draw < 0.85) this.#restart()
    else if (draw < 0.885) this.#create()
    else if (draw < 0.9) this.#delete()
    else if (draw < 0.91) this.#track(this.#store.checkpoint())
    else if (draw < 0.94) this.#compact()
    else if (draw < 0.955) this.#changeDurability()
    else if (draw < 0.965) await this.#diskFull()
    else if (draw < 0.98) await this.#stop()
    else if (draw < 0.995) await this.#kill()
    else await this.#wait(20)
  }

  #note(deed: Deed): void {
    this.#expectation.apply(deed)
    this.#options.deed(deed)
  }

  async #open(): Promise<void> {
    const { disk, clock } = this.#node.host
    const life = ++this.#life
    const durable = (log: Log): void => {
      if (life !== this.#life || this.#store?.get(log.name) !== log) return
      if (log.settings.durability === 'fsync') this.#acknowledge(log)
      log.onChange()
    }
    const opening = LogStore.open(storeOptions(this.#options.wrap(disk), clock, durable))
    this.#store = await this.#world.scheduler.complete(opening)
    this.#busy.clear()
    this.#running.clear()
    this.#cleaner = new Cleaner({ store: this.#store, clock, logger: silentLogger, ...cleanerSettings })
    this.#compacting = false
    await this.#world.scheduler.complete(checkStore(this.#store, this.#expectation))
    this.#note({ kind: 'reopened', logs: reopenedLogs(this.#store) })
  }

  #acknowledge(log: Log): void {
    this.#note({ kind: 'acknowledge', id: log.id, offset: log.durableOffset })
    this.#batches.acknowledged(log.id, log.durableOffset)
  }

  #appendSome(): void {
    for (let count = 1 + this.#random.below(6); count > 0; count--) {
      const log = this.#pick()
      if (log) this.#append(log)
    }
  }

  #append(log: Log): void {
    if (this.#store.refusal !== undefined || log.damage !== undefined) return
    const large = this.#random.chance(0.15)
    const bytes = large ? this.#random.between(directBytesMin, directBytesMin * 2) : this.#random.between(1, 500)
    const { batch, epoch } = this.#batches.make(log, bytes)
    const { endOffset } = log
    const held: DiskOperation[] = []
    this.#held = held
    try {
      if (isFollower(log)) {
        this.#follow(log, batch, epoch)
      } else {
        log.append(batch, large && this.#random.chance(0.5), epoch)
        this.#noteAppend(log, batch)
      }
    } catch (error) {
      if (!(error instanceof DiskError) || error.kind !== 'full') throw error
      if (log.endOffset !== endOffset && !isFollower(log)) throw error
    }
    this.#held = undefined
    for (const operation of held) this.#options.operation(operation)
  }

  /** Takes a run of batches as a follower does, with gaps that the leader's compaction has left. */
  #follow(log: Log, first: Buffer, epoch: number): void {
    const batches = [first]
    let { endOffset } = log
    const isEmpty = log.segments.length === 0 && log.tail.unflushedBytes === 0
    const count = 1 + this.#random.below(4)
    for (let i = 0; i < count; i++) {
      if (i > 0) batches.push(this.#batches.make(log, this.#random.between(1, 400)).batch)
      const gap = this.#random.chance(0.4) ? this.#random.below(20) : 0
      // The first batch of a log that begins anew may begin before the start.
      const isEarly =
        isEmpty && i === 0 && endOffset > 0 && this.#random.chance(0.3) && lastOffsetDeltaOf(batches[i]!, 0) > 0
      stampBatch(batches[i]!, 0, isEarly ? endOffset - 1 : endOffset + gap, epoch)
      endOffset = lastOffsetOf(batches[i]!, 0) + 1
      this.#batches.taken(log.id, batches[i]!)
    }
    let failure: unknown
    try {
      const fault = log.appendRun(Buffer.concat(batches), this.#random.chance(0.5))
      if (fault) throw new Error(`a good run is refused: ${fault.detail}`)
    } catch (error) {
      failure = error
      this.#batches.forget(log.id)
    }
    for (const batch of batches) if (lastOffsetOf(batch, 0) < log.endOffset) this.#noteTaken(log, batch)
    if (failure !== undefined) throw failure
  }

  #noteAppend(log: Log, batch: Uint8Array): void {
    this.#batches.taken(log.id, batch)
    this.#noteTaken(log, batch)
  }

  #noteTaken(log: Log, batch: Uint8Array): void {
    const taken = {
      baseOffset: baseOffsetOf(batch, 0),
      endOffset: lastOffsetOf(batch, 0) + 1,
      bytes: Uint8Array.from(batch),
    }
    this.#note({ kind: 'append', id: log.id, batch: taken })
  }

  #moveStart(): void {
    const log = this.#pick()
    if (!log || log.durableOffset === log.startOffset) return
    const offset = log.startOffset + 1 + this.#random.below(log.durableOffset - log.startOffset)
    this.#note({ kind: 'start-asked', id: log.id, offset })
    this.#during(log, this.#store.moveStart(log, offset), { kind: 'start-moved', id: log.id })
  }

  #truncate(): void {
    const log = this.#pick()
    // What a cut leaves of a key may be older than what a compaction has left of it.
    if (log && isCompacted(log)) return
    const batches = log && this.#expectation.logs.get(log.id)!.batches
    if (!log || batches!.length === 0) return
    // Mostly the last few: a cut of everything each time would keep the logs short.
    const batch = batches!.at(-1 - this.#random.below(Math.min(batches!.length, 6)))!
    if (batch.baseOffset < log.startOffset) return
    this.#note({ kind: 'truncate-asked', id: log.id, offset: batch.baseOffset })
    this.#batches.forget(log.id)
    this.#during(log, this.#store.truncate(log, batch.baseOffset), { kind: 'truncated', id: log.id })
  }

  #restart(): void {
    const log = this.#pick()
    if (!log || isCompacted(log)) return
    const bases = this.#expectation.logs.get(log.id)!.batches.map((batch) => batch.baseOffset)
    const offset = this.#random.chance(0.5)
      ? log.endOffset + this.#random.below(50)
      : (bases[this.#random.below(bases.length)] ?? log.startOffset)
    this.#note({ kind: 'restart-asked', id: log.id, offset })
    this.#batches.forget(log.id)
    this.#during(log, this.#store.restart(log, offset), { kind: 'restarted', id: log.id })
  }

  #compact(): void {
    if (this.#compacting) return
    for (const log of this.#store.logs()) if (isCompacted(log)) this.#note({ kind: 'compact-asked', id: log.id })
    this.#compacting = true
    const done = (): void => {
      this.#compacting = false
    }
    this.#track(this.#cleaner.compact().then(done, done))
  }

  #create(): void {
    const name = names[this.#random.below(names.length)]!
    if (this.#store.get(name) || [...this.#busy].some((log) => log.name === name)) return
    const log = this.#store.create(name, settingsOf(name))
    this.#note({ kind: 'create', id: log.id, name })
  }

  #delete(): void {
    const log = this.#pick()
    if (!log) return
    this.#note({ kind: 'delete-asked', id: log.id })
    this.#batches.forget(log.id)
    const isAside = this.#random.chance(0.3)
    const change = isAside ? this.#store.setAside(log, 'a test wants it') : this.#store.delete(log)
    this.#during(log, change, { kind: 'deleted', id: log.id })
  }

  #changeDurability(): void {
    const log = this.#store.get('os-0')
    if (!log || this.#busy.has(log)) return
    const durability = log.settings.durability === 'os' ? 'fsync' : 'os'
    log.settings = { ...log.settings, durability }
  }

  /** Space for a little more only, until it comes back after some time. */
  async #diskFull(): Promise<void> {
    const { freeBytes, totalBytes } = this.#node.host.disk.space('/')
    const usedBytes = totalBytes - freeBytes
    this.#node.disk.setCapacity(usedBytes + this.#random.below(6000))
    for (let round = 0; round < 12; round++) {
      this.#appendSome()
      await this.#wait(this.#random.between(0, 3))
    }
    this.#node.disk.setCapacity(totalBytes)
    // Longer than the store waits before it tries again.
    await this.#wait(600)
  }

  async #stop(): Promise<void> {
    await this.#settle()
    await this.#world.scheduler.complete(this.#store.close())
    this.#batches.restart()
    await this.#open()
  }

  async #kill(): Promise<void> {
    // What a call has begun that needs nothing of the disk yet is no moment of its own.
    await new Promise((resolve) => setImmediate(resolve))
    this.#life++
    this.#node.killProcess()
    this.#batches.restart()
    await this.#open()
  }

  /** Waits for everything that is under way. */
  async #settle(): Promise<void> {
    while (this.#running.size > 0) await this.#world.scheduler.complete(Promise.allSettled(this.#running))
  }

  #wait(ms: number): Promise<void> {
    return this.#world.scheduler.runFor(ms)
  }

  /** A log that nobody is changing. */
  #pick(): Log | undefined {
    const logs = [...this.#store.logs()].filter((log) => !this.#busy.has(log))
    return logs[this.#random.below(logs.length)]
  }

  #during(log: Log, change: Promise<void>, done: Deed): void {
    const life = this.#life
    this.#busy.add(log)
    this.#track(
      change.then(() => {
        if (life !== this.#life) return
        this.#busy.delete(log)
        this.#note(done)
      }),
    )
  }

  /** A change that fails leaves its log busy for the rest of this life: nobody knows how far it has come. */
  #track(change: Promise<void>): void {
    const running: Promise<void> = change
      .catch((error: unknown) => {
        if (!(error instanceof DiskError)) throw error
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }
}
