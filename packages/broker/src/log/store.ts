import type { Clock } from '../host/clock.ts'
import type { Disk } from '../host/disk.ts'
import { EntryKind } from '../journal/format.ts'
import { Journal } from '../journal/journal.ts'
import type { ReplayedFile } from '../journal/replay.ts'
import type { Logger } from '../telemetry/logger.ts'
import { BufferPool } from './buffer-pool.ts'
import type { Checkpoint } from './checkpoint.ts'
import { storedLog, writeCheckpoint } from './checkpoint.ts'
import { EpochCache } from './epoch-cache.ts'
import { FileBudget } from './file-budget.ts'
import { GroupCommit } from './group-commit.ts'
import type { LogSettings, LogSurroundings } from './log.ts'
import { Log } from './log.ts'
import { ProducerState } from './producer-state.ts'
import { recoverStore } from './recover-store.ts'
import type { Segment } from './segment.ts'
import { WriteBehind } from './write-behind.ts'

export interface LogStoreOptions {
  disk: Disk
  clock: Clock
  logger: Logger
  /** Folder of the store; holds `checkpoint`, `journal/` and `logs/`. */
  directory: string
  /** 16 bytes that mark the files of this data directory. */
  directoryId: Uint8Array
  /** Settings of the log named so; asked at start for each log there is. */
  settingsOf: (name: string) => LogSettings
  journalFileBytes: number
  directBytesMin: number
  tailMemoryBytesMax: number
  openFilesMax: number
  /** Called after appends became durable, once for each log. */
  durable: (log: Log) => void
  /** Called after each journal sync with the milliseconds it took. */
  synced?: (ms: number) => void
}

/**
 * All logs of a broker on one disk: the journal they share, the checkpoint, and what moves bytes between memory,
 * journal and segments. ARCHITECTURE.md tells the life of an append and of a crash.
 */
export class LogStore {
  readonly #options: LogStoreOptions
  readonly #logs = new Map<string, Log>()
  readonly #surroundings: LogSurroundings
  readonly #commits: GroupCommit
  readonly #files: FileBudget
  #journal!: Journal
  #writeBehind!: WriteBehind
  #nextLogId = 1
  #checkpointing: Promise<void> | undefined
  #checkpointAgain: Promise<void> | undefined
  #waitingForJournal: { sequence: number; resolve: () => void; reject: (error: Error) => void }[] = []
  /** Segments that their logs have given up and whose files are still there. */
  readonly #unlisted = new Set<Segment>()
  #failure: Error | undefined
  #started = false
  #closed = false

  private constructor(options: LogStoreOptions) {
    this.#options = options
    const { disk, clock, logger, directBytesMin } = options
    this.#files = new FileBudget(disk, options.openFilesMax)
    this.#commits = new GroupCommit({ clock, logger, directBytesMin })
    this.#surroundings = {
      disk,
      clock,
      files: this.#files,
      pool: new BufferPool(32 << 20),
      // Recovery appends what is in the journal already, before there is a new one.
      appended: (log, stored, grownBytes) => {
        if (!this.#started) return
        this.#commits.appended(log, stored)
        this.#writeBehind.appended(log, stored.length, grownBytes)
      },
      freed: (bytes) => (this.#started ? this.#writeBehind.freed(bytes) : undefined),
      durable: (log) => (this.#started ? options.durable(log) : undefined),
    }
  }

  /**
   * Opens the store, after a crash with recovery. Afterwards the journal is new and everything recovered is in synced
   * segments.
   * @throws CheckpointDamageError, JournalDamageError, DiskError
   */
  static async open(options: LogStoreOptions): Promise<LogStore> {
    const store = new LogStore(options)
    const { disk, directory } = options
    disk.makeDirectory(`${directory}/journal`)
    disk.makeDirectory(`${directory}/logs`)
    const recovered = recoverStore({
      ...options,
      files: store.#files,
      surroundings: store.#surroundings,
    })
    store.#nextLogId = recovered.nextLogId
    await store.#finishRecovery(recovered.logs, recovered.nextSequence, recovered.clean)
    await store.#openJournal(recovered.nextSequence, recovered.nextFileNumber)
    for (const log of recovered.logs) store.#adopt(log, 0)
    store.#started = true
    await store.#clearOldJournal(recovered.journalFiles)
    return store
  }

  /** Brings what recovery found into synced segments, then says so in a checkpoint: from here on the old journal is not needed. */
  async #finishRecovery(logs: readonly Log[], nextSequence: number, clean: boolean): Promise<void> {
    const { disk, directory } = this.#options
    for (const log of logs) {
      if (clean || log.damage !== undefined) continue
      log.flush()
      await log.sync()
      log.tail.reset(log.endOffset)
    }
    const stored = logs.map((log) => storedLog(log, log.damage === undefined ? nextSequence - 1 : 0))
    await writeCheckpoint(disk, directory, { clean: false, nextLogId: this.#nextLogId, nextSequence, logs: stored })
  }

  async #openJournal(nextSequence: number, nextFileNumber: number): Promise<void> {
    const { disk, clock, logger, directory, directoryId, journalFileBytes, tailMemoryBytesMax } = this.#options
    this.#journal = await Journal.open({
      disk,
      clock,
      logger,
      directory: `${directory}/journal`,
      directoryId,
      fileBytes: journalFileBytes,
      nextSequence,
      nextFileNumber,
      committed: (sequence) => this.#committed(sequence),
      failed: (error) => this.#fail(error),
    })
    this.#commits.start(this.#journal)
    const settings = { clock, logger, tailMemoryBytesMax, flushBytesMin: 1 << 20, dirtyBytesMax: 16 << 20 }
    this.#writeBehind = new WriteBehind(
      settings,
      { logs: () => this.#logs.values(), checkpoint: () => this.checkpoint() },
      this.#commits,
      this.#journal,
    )
  }

  /** Files of damaged logs' entries are kept: what they hold may be all that is left. */
  async #clearOldJournal(files: readonly ReplayedFile[]): Promise<void> {
    const { disk, directory } = this.#options
    const damaged = [...this.#logs.values()].some((log) => log.damage !== undefined)
    for (const file of files) {
      if (damaged || file.torn) disk.rename(file.path, `${file.path}.${damaged ? 'kept' : 'torn'}`)
      else disk.remove(file.path)
    }
    if (files.length > 0) await disk.syncDirectory(`${directory}/journal`)
  }

  get(name: string): Log | undefined {
    return this.#logs.get(name)
  }

  logs(): IterableIterator<Log> {
    return this.#logs.values()
  }

  /** Why nothing can be appended now: the disk is full (passes) or the journal failed (does not). */
  get refusal(): string | undefined {
    if (this.#closed) return 'the store is closed'
    return this.#commits.refusal
  }

  /** Why a restart is the only cure; undefined while the journal is sound. */
  get failure(): string | undefined {
    return this.#failure?.message
  }

  get journal(): Journal {
    return this.#journal
  }

  get tailBytes(): number {
    return this.#writeBehind.tailBytes
  }

  get openFileCount(): number {
    return this.#files.openCount
  }

  /** Makes an empty log. No file is made for it before the first write-behind; the journal remembers it. */
  create(name: string, settings: LogSettings): Log {
    if (!/^[A-Za-z0-9._-]{1,250}$/.test(name)) throw new Error(`invariant broken: bad log name ${name}`)
    if (this.#logs.has(name)) throw new Error(`invariant broken: log ${name} exists`)
    const id = this.#nextLogId++
    const log = new Log(this.#surroundings, settings, {
      id,
      name,
      directory: `${this.#options.directory}/logs/${name}`,
      startOffset: 0,
      segments: [],
      epochs: new EpochCache(),
      producers: new ProducerState(),
      endOffset: 0,
    })
    this.#adopt(log, this.#journal.append(EntryKind.createLog, id, Buffer.from(name)))
    return log
  }

  /** Removes a log and its files. Resolves when it cannot come back. */
  async delete(log: Log): Promise<void> {
    const { disk, directory } = this.#options
    log.fail('the log was deleted')
    this.#logs.delete(log.name)
    this.#writeBehind.forget(log)
    const running = this.#commits.stateOf(log).syncing
    this.#commits.forget(log)
    const sequence = this.#journal.append(EntryKind.deleteLog, log.id, Buffer.alloc(0))
    await Promise.all([running, this.#journaled(sequence)])
    for (const segment of log.segments) this.#files.retire(segment.path)
    for (const segment of this.#unlisted) {
      if (segment.path.startsWith(`${log.directory}/`)) this.#unlisted.delete(segment)
    }
    disk.removeDirectory(log.directory)
    await disk.syncDirectory(`${directory}/logs`)
  }

  /** Moves the start of a log, durably, and removes the segments before it. */
  async moveStart(log: Log, offset: number): Promise<void> {
    await this.#removeUnlisted(log.moveStart(offset))
  }

  /** Puts compacted segments, synced and with their names durable, in the place of others, durably. */
  async replaceSegments(log: Log, replaced: readonly Segment[], replacements: readonly Segment[]): Promise<void> {
    log.replaceSegments(replaced, replacements)
    await this.#removeUnlisted(replaced)
  }

  /** Removes files of segments that their logs have given up, once a checkpoint does not name them any more. */
  async #removeUnlisted(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) this.#unlisted.add(segment)
    // What an earlier call had to leave because its checkpoint failed goes with this one.
    const due = [...this.#unlisted]
    await this.checkpoint()
    // One that is gone from the set belonged to a deleted log, whose folder may have a successor.
    for (const segment of due) if (this.#unlisted.delete(segment)) segment.remove()
  }

  /** Writes and syncs everything of `log` that was appended before the call. @throws DiskError; see `log.damage` too */
  async syncLog(log: Log): Promise<void> {
    const { endOffset } = log
    log.flush()
    // A sync that was under way may have begun before the flush; the next one covers it.
    for (let i = 0; i < 2 && (log.isDirty || log.syncedOffset < endOffset); i++) {
      if (this.#logs.get(log.name) !== log || log.damage !== undefined) return
      await this.#commits.startSync(log)
    }
  }

  /** Cuts a log at `offset`, a batch boundary, durably. No append may come in between. */
  async truncate(log: Log, offset: number): Promise<void> {
    if (offset >= log.endOffset) return
    log.flush()
    while (log.isDirty && log.damage === undefined) await this.#commits.startSync(log)
    const { removed, cut } = log.truncate(offset)
    this.#commits.stateOf(log).firstUnsyncedSequence = undefined
    await this.checkpoint()
    for (const segment of removed) segment.remove()
    cut?.cutFile()
    await log.sync()
  }

  /** Writes a checkpoint of the present state; durable when it resolves. Calls that overlap share one. */
  checkpoint(): Promise<void> {
    if (!this.#checkpointing) {
      this.#checkpointing = this.#writeCheckpoint(false).finally(() => {
        this.#checkpointing = undefined
      })
      return this.#checkpointing
    }
    // The one under way may have been taken before what the caller wants in it.
    this.#checkpointAgain ??= this.#checkpointing
      .catch(() => undefined)
      .then(() => {
        this.#checkpointAgain = undefined
        return this.checkpoint()
      })
    return this.#checkpointAgain
  }

  #writeCheckpoint(clean: boolean): Promise<void> {
    const { disk, directory } = this.#options
    const logs = [...this.#logs.values()].map((log) => storedLog(log, this.#sequenceInSegments(log)))
    const { nextSequence } = this.#journal
    const checkpoint: Checkpoint = { clean, nextLogId: this.#nextLogId, nextSequence, logs }
    return writeCheckpoint(disk, directory, checkpoint)
  }

  /** Journal entries of `log` up to here are in its synced segments. */
  #sequenceInSegments(log: Log): number {
    const first = this.#commits.stateOf(log).firstUnsyncedSequence
    return (first ?? this.#journal.nextSequence) - 1
  }

  /** Flushes and syncs everything and marks the directory as cleanly closed. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#writeBehind.stop()
    const failed = this.#failure !== undefined
    if (!failed) await this.#writeBehind.flushAll()
    const intact = !failed && [...this.#logs.values()].every((log) => log.damage === undefined)
    if (intact) {
      for (const log of this.#logs.values()) await log.storeActiveIndex()
      await this.#writeCheckpoint(true)
    }
    await this.#journal.close(intact)
    this.#files.closeAll()
  }

  #adopt(log: Log, createSequence: number): void {
    this.#logs.set(log.name, log)
    this.#commits.add(log, createSequence)
  }

  /** Resolves once the journal is synced up to `sequence`. */
  #journaled(sequence: number): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => this.#waitingForJournal.push({ sequence, resolve, reject }))
  }

  #committed(sequence: number): void {
    this.#options.synced?.(this.#journal.statistics.syncMsLast)
    this.#commits.committed(sequence)
    if (this.#waitingForJournal.length > 0) {
      for (const waiter of this.#waitingForJournal) if (waiter.sequence <= sequence) waiter.resolve()
      this.#waitingForJournal = this.#waitingForJournal.filter((waiter) => waiter.sequence > sequence)
    }
    this.#writeBehind.wake()
  }

  #fail(error: Error): void {
    this.#failure = error
    this.#commits.fail(error)
    for (const waiter of this.#waitingForJournal.splice(0)) waiter.reject(error)
  }
}
