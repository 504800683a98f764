import type { Clock } from '../host/clock.ts'
import type { Disk } from '../host/disk.ts'
import { FramePool } from '../host/frame-memory.ts'
import { DiskError } from '../host/disk.ts'
import { makeDurableDirectory } from './durable-directory.ts'
import { EntryKind } from '../journal/format.ts'
import { Journal } from '../journal/journal.ts'
import type { Logger } from '../telemetry/logger.ts'
import { BufferPool } from './buffer-pool.ts'
import type { Checkpoint } from './checkpoint.ts'
import { storedLog, writeCheckpoint } from './checkpoint.ts'
import { EpochCache } from './epoch-cache.ts'
import { FileBudget } from './file-budget.ts'
import { GroupCommit } from './group-commit.ts'
import { LogCuts } from './log-cuts.ts'
import type { LogSettings, LogSurroundings } from './log.ts'
import { Log } from './log.ts'
import { RecoveryProgress } from './recovery-progress.ts'
import { findOlderBatches } from './producer-rebuild.ts'
import { ProducerState } from './producer-state.ts'
import type { RecoveredStore } from './recover-store.ts'
import { clearOldJournal } from './old-journal.ts'
import { moveAside, moveOrphans } from './orphans.ts'
import { recoverStore } from './recover-store.ts'
import { logDirectory } from './recovery.ts'
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
  /** Default 512 MiB; see WriteBehind. */
  journalBytesMax?: number
  /** Journal files that are not needed are kept for use again up to so many bytes. Default 64 MiB. */
  journalSpareBytesMax?: number
  directBytesMin: number
  tailMemoryBytesMax: number
  /** For tests: memory of tails is overwritten once nobody should look at it any more. Default false. */
  poisonsMemory?: boolean
  openFilesMax: number
  /** Called after appends became durable, once for each log. */
  durable: (log: Log) => void
  /** Called after each journal sync with the milliseconds it took. */
  synced?: (ms: number) => void
}

const recoverySyncsAtOnceMax = 4
/** A chunk is dropped when another one is needed: few lie idle. */
const idleChunkBytesMax = 8 << 20

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
  /** Segments that their logs have given up and that the last checkpoint may still name. */
  readonly #unlisted = new Set<Segment>()
  /** Segments that no checkpoint names any more and whose files are still there. */
  readonly #removable = new Set<Segment>()
  /** Removals of files under way. */
  readonly #discarding = new Set<Promise<void>>()
  readonly #cuts: LogCuts
  #failure: Error | undefined
  #wasClean = false
  #started = false
  #closed = false

  private constructor(options: LogStoreOptions) {
    this.#options = options
    const { disk, clock, logger, directBytesMin } = options
    this.#files = new FileBudget(disk, options.openFilesMax)
    this.#commits = new GroupCommit({
      clock,
      logger,
      directBytesMin,
      syncing: (log) => this.#writeBehind.syncing(log),
      synced: () => this.#writeBehind.wake(),
    })
    this.#cuts = new LogCuts({
      disk,
      commits: this.#commits,
      removeObsolete: () => this.#removeObsolete(),
      checkpoint: () => this.checkpoint(),
    })
    this.#surroundings = {
      disk,
      clock,
      files: this.#files,
      pool: new BufferPool(32 << 20),
      chunks: new FramePool(idleChunkBytesMax, options.poisonsMemory ?? false),
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
    await makeDurableDirectory(disk, directory)
    // These two names become durable with that of the checkpoint.
    disk.makeDirectory(`${directory}/journal`)
    disk.makeDirectory(`${directory}/logs`)
    // After a kill the checkpoint may be there for us and not for the disk; recovery removes what it does not name.
    await disk.syncDirectory(directory)
    const progress = new RecoveryProgress(options.clock, options.logger)
    const recovered = recoverStore({
      ...options,
      progress,
      files: store.#files,
      surroundings: store.#surroundings,
    })
    store.#nextLogId = recovered.nextLogId
    store.#wasClean = recovered.clean
    await store.#finishRecovery(recovered, progress)
    await store.#clearOldLogs(recovered)
    await store.#openJournal(recovered).catch(async (error: unknown) => {
      if (!(error instanceof DiskError) || error.kind !== 'full') throw error
      // Nobody needs the old one any more, as the checkpoint says: what it takes up may be all the room there is.
      await clearOldJournal(disk, directory, recovered)
      await store.#openJournal(recovered)
    })
    for (const log of recovered.logs) store.#adopt(log, 0)
    store.#started = true
    await clearOldJournal(disk, directory, recovered)
    return store
  }

  /** Brings what recovery found into synced segments, then says so in a checkpoint: from here on the old journal is not needed. */
  async #finishRecovery(recovered: RecoveredStore, progress: RecoveryProgress): Promise<void> {
    const { logs, nextSequence, changedDirectories } = recovered
    const { disk, directory } = this.#options
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < logs.length) {
        progress.step('syncing what was recovered', next, logs.length)
        const log = logs[next++]!
        log.flush()
        if (log.isDirty) await log.sync()
        log.tail.reset(log.endOffset)
        if (log.damage !== undefined) continue
        const incomplete = recovered.incompleteProducers.get(log)
        if (incomplete) await findOlderBatches(log, log.producers, incomplete, log.endOffset)
      }
    }
    // Several at once: on a disk with slow flushes one after the other would be most of the start.
    await Promise.all(Array.from({ length: recoverySyncsAtOnceMax }, worker))
    for (const changed of changedDirectories) await disk.syncDirectory(changed)
    const stored = logs.map((log) => storedLog(log, log.damage === undefined ? nextSequence - 1 : 0))
    const nextLogId = this.#nextLogId
    const checkpoint = { clean: false, nextLogId, nextSequence, syncedSequence: 0, logs: stored }
    await writeCheckpoint(disk, directory, checkpoint)
  }

  /** Removes what only the state before the new checkpoint knew. */
  async #clearOldLogs({ logs, clean, deletedDirectories }: RecoveredStore): Promise<void> {
    const { disk, directory } = this.#options
    if (clean) return
    for (const deleted of deletedDirectories) disk.removeDirectory(deleted)
    moveOrphans(this.#options, logs)
    await disk.syncDirectory(`${directory}/logs`)
  }

  async #openJournal({ nextSequence, nextFileNumber }: RecoveredStore): Promise<void> {
    const { disk, clock, logger, directory, directoryId, journalFileBytes, tailMemoryBytesMax } = this.#options
    this.#journal = await Journal.open({
      disk,
      clock,
      logger,
      directory: `${directory}/journal`,
      directoryId,
      fileBytes: journalFileBytes,
      spareBytesMax: this.#options.journalSpareBytesMax ?? 64 << 20,
      nextSequence,
      nextFileNumber,
      committed: (sequence) => this.#committed(sequence),
      failed: (error) => this.#fail(error),
    })
    this.#commits.start(this.#journal)
    const settings = {
      clock,
      logger,
      tailMemoryBytesMax,
      journalBytesMax: this.#options.journalBytesMax ?? 512 << 20,
      flushBytesMin: 1 << 20,
      dirtyBytesMax: 4 << 20,
    }
    this.#writeBehind = new WriteBehind(
      settings,
      { logs: () => this.#logs.values(), checkpoint: () => this.checkpoint() },
      this.#commits,
      this.#journal,
    )
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

  /** Whether the process before this one stopped in good order, so that nothing is missing whatever the durability. */
  get wasClean(): boolean {
    return this.#wasClean
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
      directory: logDirectory(`${this.#options.directory}/logs`, { id, name }),
      startOffset: 0,
      segments: [],
      epochs: new EpochCache(),
      producers: new ProducerState(),
      endOffset: 0,
      unsynced: new Set(),
    })
    this.#adopt(log, this.#journal.append(EntryKind.createLog, id, Buffer.from(name)))
    return log
  }

  /** Removes a log and its files. Resolves when it cannot come back. */
  async delete(log: Log): Promise<void> {
    const { disk, directory } = this.#options
    log.fail('the log was deleted')
    const running = this.#forget(log)
    const sequence = this.#journal.append(EntryKind.deleteLog, log.id, Buffer.alloc(0))
    await Promise.all([running, this.#journaled(sequence)])
    // Gigabytes take hundreds of milliseconds to free, in which no other partition should have to wait.
    for (const segment of log.segments) await segment.discard()
    disk.removeDirectory(log.directory)
    await disk.syncDirectory(`${directory}/logs`)
  }

  /**
   * Moves the start of a log, durably, and removes the segments before it. Nobody sees the new start before it is durable;
   * after a failure it becomes so with the next checkpoint that succeeds. @throws DiskError
   */
  async moveStart(log: Log, offset: number): Promise<void> {
    // After a crash the log must not end before its start; in the journal there may be more, or nothing (`os`).
    if (offset > log.syncedOffset) await this.syncLog(log)
    if (offset > log.syncedOffset) throw new DiskError('io', log.directory, log.damage ?? 'could not be synced')
    if (offset > log.committedOffset) throw new DiskError('other', log.directory, `${offset} is not committed`)
    log.planStart(offset)
    await this.#removeObsolete()
  }

  /** Puts compacted segments, synced and with their names durable, in the place of others, durably. */
  async replaceSegments(log: Log, replaced: readonly Segment[], replacements: readonly Segment[]): Promise<void> {
    log.replaceSegments(replaced, replacements)
    for (const segment of replaced) this.#unlisted.add(segment)
    await this.#removeObsolete()
  }

  /** Takes up removals that had to stop because their checkpoint could not be written. @throws DiskError */
  async finishRemovals(): Promise<void> {
    const isPlanned = [...this.#logs.values()].some((log) => log.plannedStartOffset > log.startOffset)
    if (isPlanned || this.#unlisted.size + this.#removable.size > 0) await this.#removeObsolete()
  }

  /** Removes files of segments that their logs have given up, once a checkpoint does not name them any more. */
  async #removeObsolete(): Promise<void> {
    await this.checkpoint()
    for (const segment of this.#removable) {
      this.#removable.delete(segment)
      const discarding = segment.discard().finally(() => this.#discarding.delete(discarding))
      this.#discarding.add(discarding)
      await discarding
    }
    // A new segment may get the name of one whose removal somebody else has begun.
    await Promise.allSettled(this.#discarding)
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

  /**
   * Cuts a log, durably: of all batches from the first one on that reaches `offset` nothing is left, and the log ends where
   * those before end; at its start, if there are none. Producers are known as they were then. No append may come in
   * between. After a failure the log takes no more appends until the next start.
   * @throws DiskError, LogDamageError
   */
  truncate(log: Log, offset: number): Promise<void> {
    return this.#cuts.truncate(log, offset)
  }

  /**
   * Empties a log and has it begin at `offset`, durably: for a follower whose leader has deleted all that it has. After a
   * crash on the way the log is what it was, or new. No append may come in between; after a failure as `truncate`.
   * @throws DiskError
   */
  restart(log: Log, offset: number): Promise<void> {
    return this.#cuts.restart(log, offset)
  }

  /**
   * Takes a log out of service, durably, and moves its folder to `orphans/` with `reason` in it, for people to look at.
   * Afterwards another log of that name can be made. @throws DiskError; a log that is still in the checkpoint then comes
   * back at the next start
   */
  async setAside(log: Log, reason: string): Promise<void> {
    const { disk, directory, logger } = this.#options
    log.fail(`set aside: ${reason}`)
    await this.#forget(log)
    // From the next line on, a start finds a folder that belongs to no log, and moves it all the same.
    await this.checkpoint()
    for (const segment of log.segments) this.#files.retire(segment.path)
    const folder = moveAside(this.#options, log.directory, reason)
    if (folder === undefined) return
    for (const changed of [directory, `${directory}/orphans`, `${directory}/logs`]) await disk.syncDirectory(changed)
    logger.warn('log set aside', { log: log.name, folder, reason })
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

  async #writeCheckpoint(clean: boolean): Promise<void> {
    const { disk, directory } = this.#options
    const unlisted = [...this.#unlisted]
    const starts = [...this.#logs.values()].map((log) => {
      return { log, startOffset: log.plannedStartOffset, obsolete: log.obsoleteSegments() }
    })
    const logs = starts.map(({ log, obsolete }) =>
      storedLog(log, this.#sequenceInSegments(log), obsolete.length, this.#cuts.leavingOf(log)),
    )
    const { nextSequence } = this.#journal
    const syncedSequence = clean ? 0 : this.#journal.syncedSequence
    const checkpoint: Checkpoint = { clean, nextLogId: this.#nextLogId, nextSequence, syncedSequence, logs }
    await writeCheckpoint(disk, directory, checkpoint)
    // One that is gone from the set belonged to a deleted log, whose folder may have a successor.
    for (const segment of unlisted) if (this.#unlisted.delete(segment)) this.#removable.add(segment)
    for (const { log, startOffset, obsolete } of starts) {
      if (this.#logs.get(log.name) !== log) continue
      for (const segment of log.publishStart(startOffset, obsolete)) this.#removable.add(segment)
    }
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
    let clean = false
    try {
      clean = await this.#closeLogs()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      // Nothing is lost: the journal stays, and the next start recovers from it.
      this.#options.logger.error('not stopped cleanly, the next start recovers', { error: error.message })
    }
    while (this.#checkpointing) await this.#checkpointing.catch(() => undefined)
    await this.#journal.close(clean)
    this.#files.closeAll()
  }

  /** Resolves with whether everything is in synced segments and the checkpoint says so. */
  async #closeLogs(): Promise<boolean> {
    if (this.#failure === undefined) await this.#writeBehind.flushAll()
    const logs = [...this.#logs.values()]
    if (this.#failure !== undefined || logs.some((log) => log.damage !== log.lastingDamage?.what)) return false
    for (const log of logs) if (log.damage === undefined) await log.storeActiveIndex()
    await this.#checkpointing?.catch(() => undefined)
    this.#checkpointing = this.#writeCheckpoint(true)
    await this.#checkpointing.finally(() => {
      this.#checkpointing = undefined
    })
    return true
  }

  /** @returns resolves when no sync of `log` is under way */
  async #forget(log: Log): Promise<void> {
    this.#logs.delete(log.name)
    this.#writeBehind.forget(log)
    const running = this.#commits.stateOf(log).syncing
    this.#commits.forget(log)
    for (const leftover of [this.#unlisted, this.#removable]) {
      for (const segment of leftover) if (segment.path.startsWith(`${log.directory}/`)) leftover.delete(segment)
    }
    await running
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
