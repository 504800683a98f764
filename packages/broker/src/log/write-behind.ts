import type { Clock, Timer } from '../host/clock.ts'
import { DiskError } from '../host/disk.ts'
import type { Journal } from '../journal/journal.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { GroupCommit } from './group-commit.ts'
import type { Log } from './log.ts'

export interface WriteBehindOptions {
  clock: Clock
  logger: Logger
  /** Memory that the tails of all logs may hold together. Default 128 MiB. */
  tailMemoryBytesMax: number
  /** A log is written to its segment when this much of it is only in memory and journal. */
  flushBytesMin: number
  /** A segment is synced when this much of it is only in the page cache: large syncs stall appends. */
  dirtyBytesMax: number
  /** The journal waits while its full files hold more than this. */
  journalBytesMax: number
}

/** The thread pool has four threads, and one must be free for the sync of the journal, which producers wait for. */
const syncsAtOnceMax = 2
const drainRetryMs = 1000
/** A crash makes the next start scan what was appended since the checkpoint: less than this is not worth a new one. */
const checkpointBytesMin = 1 << 20

/** What write-behind needs of the store around it. */
export interface WriteBehindStore {
  logs(): Iterable<Log>
  checkpoint(): Promise<void>
}

/**
 * Moves what the journal holds into the segments, in the background: large sequential writes, then a sync, then a
 * checkpoint, and only then the journal file goes. Also keeps the memory of all tails within its budget.
 */
export class WriteBehind {
  readonly #options: WriteBehindOptions
  readonly #store: WriteBehindStore
  readonly #commits: GroupCommit
  readonly #journal: Journal
  /** One entry for each chunk of memory, in the order taken; the owner may be gone. */
  #holders: Log[] = []
  #holdersHead = 0
  #tailBytes = 0
  readonly #dirtyBytes = new Map<Log, number>()
  #draining: Promise<void> | undefined
  #stopped = false
  #waking: Timer | undefined
  #bytesSinceCheckpoint = 0

  constructor(options: WriteBehindOptions, store: WriteBehindStore, commits: GroupCommit, journal: Journal) {
    this.#options = options
    this.#store = store
    this.#commits = commits
    this.#journal = journal
  }

  /** Memory held by the tails of all logs, in bytes. */
  get tailBytes(): number {
    return this.#tailBytes
  }

  /** A batch was appended, and its tail took `grownBytes` of memory for it. */
  appended(log: Log, batchBytes: number, grownBytes: number): void {
    if (grownBytes > 0) {
      this.#tailBytes += grownBytes
      this.#holders.push(log)
    }
    const dirty = (this.#dirtyBytes.get(log) ?? 0) + batchBytes
    this.#dirtyBytes.set(log, dirty)
    this.#bytesSinceCheckpoint += batchBytes
    if (log.tail.unflushedBytes >= this.#options.flushBytesMin && !this.#commits.isDirectPending(log)) {
      this.#flush(log)
    }
    if (dirty >= this.#options.dirtyBytesMax && log.tail.unflushedBytes < dirty) void this.#commits.startSync(log)
    if (this.#tailBytes > this.#options.tailMemoryBytesMax) this.#evict()
  }

  /** A sync of the log begins: what is dirty afterwards is what it does not cover. */
  syncing(log: Log): void {
    this.#dirtyBytes.set(log, log.tail.unflushedBytes)
  }

  freed(bytes: number): void {
    this.#tailBytes -= bytes
  }

  forget(log: Log): void {
    this.#dirtyBytes.delete(log)
    this.freed(log.tail.reset(log.endOffset))
  }

  /** Empties the oldest journal file if there is one; called after each sync. */
  wake(): void {
    this.#holdIfDue()
    if (this.#draining || this.#stopped || this.#journal.refusal !== undefined) return
    const sealed = this.#journal.oldestSealedSequence
    const checkpointBytes = Math.max(this.#options.tailMemoryBytesMax * 4, checkpointBytesMin)
    const farFromCheckpoint = this.#bytesSinceCheckpoint > checkpointBytes
    if (sealed === undefined && !farFromCheckpoint) return
    this.#draining = this.#drain(sealed ?? 0)
      .catch((error: unknown) => {
        this.#options.logger.warn('the journal cannot be emptied for now', { error: String(error) })
        this.#wakeIn(drainRetryMs)
      })
      .finally(() => {
        this.#draining = undefined
        this.#holdIfDue()
        // The next file is as full: while the journal was emptied, it went on.
        if (this.#journal.oldestSealedSequence !== sealed) this.wake()
      })
  }

  /** Held, the journal writes nothing, so that no sync of it calls: whatever comes of it, somebody looks again. */
  #holdIfDue(): void {
    const isHeld = this.#journal.sealedBytes > this.#options.journalBytesMax
    this.#journal.hold(isHeld)
    if (isHeld) this.#wakeIn(drainRetryMs)
  }

  #wakeIn(delayMs: number): void {
    if (this.#stopped) return
    this.#waking ??= this.#options.clock.startTimer(delayMs, () => {
      this.#waking = undefined
      this.wake()
    })
  }

  /** Ends background work; resolves when none is running. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#waking?.cancel()
    if (this.#draining) await this.#draining
  }

  /** Writes and syncs everything of all logs. Rejects with the reason of the first log that cannot be. */
  async flushAll(): Promise<void> {
    const logs = [...this.#store.logs()].filter((log) => log.damage === undefined)
    for (const log of logs) log.flush()
    await this.#syncAll(logs.filter((log) => this.#isUnsynced(log)))
    await this.#storeIndexes()
  }

  /** Of all logs: a sync that producers wait for leaves the index of a full segment for later. */
  async #storeIndexes(): Promise<void> {
    for (const log of this.#store.logs()) {
      if (log.damage !== undefined) continue
      try {
        await log.storeIndexes()
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        // Whoever reads the segment makes the index again; the journal must not wait for it.
        this.#options.logger.warn('an index is not written for now', { log: log.name, error: error.message })
      }
    }
  }

  async #drain(sequence: number): Promise<void> {
    const behind: Log[] = []
    for (const log of this.#store.logs()) {
      const first = this.#commits.stateOf(log).firstUnsyncedSequence
      if (first !== undefined && first <= sequence && log.damage === undefined) behind.push(log)
    }
    await this.#syncAll(behind)
    await this.#storeIndexes()
    this.#bytesSinceCheckpoint = 0
    await this.#store.checkpoint()
    await this.#journal.trimTo(Math.min(sequence, this.#neededSequence() - 1))
  }

  /** The oldest journal entry that some log still needs. */
  #neededSequence(): number {
    let needed = this.#journal.nextSequence
    for (const log of this.#store.logs()) {
      const first = this.#commits.stateOf(log).firstUnsyncedSequence
      if (first !== undefined && first < needed) needed = first
    }
    return needed
  }

  async #syncAll(logs: readonly Log[]): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < logs.length) {
        const log = logs[next++]!
        // A sync that was under way when we asked may have begun before our flush; the next one covers it.
        for (let i = 0; i < 2 && log.damage === undefined; i++) {
          // Right before its sync: while something has come since, nobody knows how much of the journal the sync covers.
          log.flush()
          if (!this.#isUnsynced(log)) break
          await this.#commits.startSync(log)
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(syncsAtOnceMax, logs.length) }, worker))
  }

  /** A log whose sync is under way is not dirty, and not synced either. */
  #isUnsynced(log: Log): boolean {
    return log.isDirty || this.#commits.stateOf(log).syncing !== undefined
  }

  #flush(log: Log): void {
    try {
      log.flush()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      if (error.kind !== 'full') {
        // It happens in the append of whichever log came next, which is not to blame.
        log.fail(String(error))
        return
      }
      // The data is safe in memory and journal; the journal will meet the full disk next and refuse appends.
      this.#options.logger.warn('disk full, a segment is not written for now', { log: log.name })
    }
  }

  /** Drops the oldest chunks of memory until the budget is met; what is not in a segment yet is written first. */
  #evict(): void {
    const { tailMemoryBytesMax } = this.#options
    while (this.#tailBytes > tailMemoryBytesMax && this.#holdersHead < this.#holders.length) {
      const log = this.#holders[this.#holdersHead]!
      const reusableBelow = this.#commits.reusableBelow(log)
      let freed = log.tail.dropOldest(reusableBelow)
      if (freed === 0 && log.tail.unflushedBytes > 0) {
        this.#flush(log)
        freed = log.tail.dropOldest(reusableBelow)
        // Nothing freed: the disk is full. Memory grows by what is in flight until appends are refused.
        if (freed === 0 && log.tail.unflushedBytes > 0) break
      }
      this.#holdersHead++
      this.#tailBytes -= freed
    }
    if (this.#holdersHead > 4096) {
      this.#holders = this.#holders.slice(this.#holdersHead)
      this.#holdersHead = 0
    }
  }
}
