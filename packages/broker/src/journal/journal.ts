import type { Clock, Timer } from '../host/clock.ts'
import type { Disk } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'
import type { Logger } from '../telemetry/logger.ts'
import { endMarkBytes, entryHeaderBytes, EntryKind, entrySeed, writeEntryHeader } from './format.ts'
import type { OpenJournalFile } from './journal-files.ts'
import { JournalFiles } from './journal-files.ts'

/** Payloads up to this size are copied next to their headers; larger ones go into the write by reference. */
const copyBytesMax = 8192
const stagingBytesMin = 64 << 10
const stagingBytesMax = 1 << 20
const fullRetryMs = 250
const nothing = new Uint8Array(0)
const endMark = new Uint8Array(endMarkBytes)
/** The share of a file after which the next one is made. A broker that is only tried out never gets there. */
const prepareShare = 0.25

export interface JournalOptions {
  disk: Disk
  clock: Clock
  logger: Logger
  directory: string
  /** 16 bytes; a journal file of another directory is refused. */
  directoryId: Uint8Array
  /** A file that has grown to this size is followed by a new one. Default 32 MiB. */
  fileBytes: number
  /** Files that are not needed any more are kept for use again up to so many bytes. */
  spareBytesMax: number
  nextSequence: number
  nextFileNumber: number
  /** Every entry up to `sequence` is on disk. Called once a sync; sequences grow. */
  committed: (sequence: number) => void
  /** The journal is dead: nothing not yet committed will ever be. Called once. */
  failed: (error: Error) => void
}

export interface JournalStatistics {
  entries: number
  bytes: number
  syncs: number
  /** Duration of the last sync. */
  syncMsLast: number
}

/**
 * The write-ahead file sequence that all logs share. Appends gather until the end of the event-loop turn, are written in
 * one vectored write, and are synced by one fdatasync at a time; what is written while it runs joins the next.
 *
 * After a failed sync nothing is acknowledged any more: the kernel may have dropped the dirty pages and say yes the next
 * time (the PostgreSQL "fsyncgate"). A full disk is different: nothing was lost, so the same write is tried again.
 */
export class Journal {
  readonly statistics: JournalStatistics = { entries: 0, bytes: 0, syncs: 0, syncMsLast: 0 }
  readonly #options: JournalOptions
  readonly #files: JournalFiles
  /** What the CRCs of entries start from; only those of the file they are in have its number in them. */
  #seed!: number
  #current!: OpenJournalFile
  /** Older files, oldest first, not yet trimmed. */
  readonly #sealed: OpenJournalFile[] = []
  /** Files with bytes that the next sync must cover besides the current one. */
  #unsynced: OpenJournalFile[] = []
  /** Files whose sync is running: their handles must stay open. */
  #inSync: readonly OpenJournalFile[] = []
  /** Whether the file after the current one has been asked for. */
  #prepared = false
  #nextSequence: number
  #writtenSequence: number
  #syncedSequence: number
  readonly #staging: Buffer
  #stagingUsed = 0
  #stagingStart = 0
  #chunks: Uint8Array[] = []
  #turnScheduled = false
  #syncing: Promise<void> | undefined
  /** Last sequence that somebody waits for: only up to there is a sync worth while. */
  #wantedSequence: number
  #full: Timer | undefined
  #held = false
  #failure: Error | undefined
  #closed = false

  private constructor(options: JournalOptions) {
    this.#options = options
    this.#files = new JournalFiles(options)
    this.#staging = Buffer.allocUnsafe(Math.min(Math.max(options.fileBytes, stagingBytesMin), stagingBytesMax))
    this.#nextSequence = options.nextSequence
    this.#writtenSequence = options.nextSequence - 1
    this.#syncedSequence = options.nextSequence - 1
    this.#wantedSequence = options.nextSequence - 1
  }

  /** Starts a new file. Files of an earlier run are the business of `replayJournal`. */
  static async open(options: JournalOptions): Promise<Journal> {
    const journal = new Journal(options)
    await journal.#files.prepare(false)
    journal.#begin(journal.#files.take(options.nextSequence))
    return journal
  }

  /** Sequence that the next entry will get. */
  get nextSequence(): number {
    return this.#nextSequence
  }

  get syncedSequence(): number {
    return this.#syncedSequence
  }

  /** Whether there are entries whose payload is still needed where it was given: while the disk is full or writing is held. */
  get borrowsMemory(): boolean {
    return this.#chunks.some((chunk) => chunk.buffer !== this.#staging.buffer)
  }

  /** Why appends are refused at present: a full disk (passes) or a failed one (does not). */
  get refusal(): string | undefined {
    if (this.#failure) return `the journal has failed: ${this.#failure.message}`
    if (this.#full) return 'the disk is full'
    return undefined
  }

  /** Sealed files that wait for their entries to reach the segments. */
  get sealedFileCount(): number {
    return this.#sealed.length
  }

  /** Last sequence of the oldest sealed file: what must be in the segments before that file can go. */
  get oldestSealedSequence(): number | undefined {
    return this.#sealed[0]?.lastSequence
  }

  /**
   * Adds an entry to the group of this turn.
   * @param payload must not change until the end of the turn
   * @param lazy true if nobody waits for it: it is written, and synced with whatever comes next
   * @returns its sequence; durable once `committed` was called with this or a later one
   */
  append(kind: number, logId: number, payload: Uint8Array, lazy = false): number {
    const sequence = this.#nextSequence++
    if (!lazy) this.#wantedSequence = sequence
    const header = { payloadBytes: payload.length, kind, logId, sequence, syncedSequence: this.#syncedSequence }
    const copied = payload.length <= copyBytesMax
    const needed = entryHeaderBytes + (copied ? payload.length : 0)
    if (this.#stagingUsed + needed > this.#staging.length) this.#overflow()
    const at = this.#stagingUsed
    writeEntryHeader(this.#staging, at, header, payload, this.#seed)
    if (copied) this.#staging.set(payload, at + entryHeaderBytes)
    this.#stagingUsed = at + needed
    if (!copied) {
      this.#cutStaging()
      this.#chunks.push(payload)
    }
    this.statistics.entries++
    this.#scheduleTurn()
    return sequence
  }

  /** Writes what was appended so far without waiting for the end of the turn. */
  flush(): void {
    if (this.#held && !this.#closed) return
    this.#writeGroup()
  }

  /** Bytes of sealed files. */
  get sealedBytes(): number {
    return this.#sealed.reduce((sum, file) => sum + file.position, 0)
  }

  /** While held, entries gather and nothing is written: segments are so far behind that the journal would grow too large. */
  hold(held: boolean): void {
    if (held === this.#held) return
    this.#held = held
    if (!held && !this.#closed) this.flush()
  }

  /**
   * Lets sealed files go whose entries are all in synced segments, as a durable checkpoint says: to be used again, or
   * removed. Resolves when their names are gone for good.
   */
  async trimTo(sequence: number): Promise<void> {
    let removed = false
    while (this.#sealed.length > 0 && this.#sealed[0]!.lastSequence <= sequence) {
      const file = this.#sealed[0]!
      if (this.#unsynced.includes(file) || this.#inSync.includes(file)) break
      this.#sealed.shift()
      if (this.#files.hasRoomFor(file)) {
        await this.#files.recycle(file)
      } else {
        removed = true
        file.file.close()
        await this.#options.disk.discard(file.path)
      }
    }
    if (removed) await this.#options.disk.syncDirectory(this.#options.directory)
  }

  /** Writes and syncs what is pending, then closes. With `remove`, the files go too: all of it is in the segments. */
  async close(remove: boolean): Promise<void> {
    this.#closed = true
    this.#full?.cancel()
    this.#full = undefined
    if (!this.#failure) this.#writeGroup()
    while (this.#syncing) await this.#syncing
    await this.#files.close()
    for (const file of [...this.#sealed, this.#current]) {
      file.file.close()
      if (remove && !this.#failure) this.#options.disk.remove(file.path)
    }
    if (remove && !this.#failure) await this.#options.disk.syncDirectory(this.#options.directory)
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return
    this.#turnScheduled = true
    this.#options.clock.endOfTurn(() => {
      this.#turnScheduled = false
      this.flush()
    })
  }

  /** The staging buffer is full in the middle of a turn: write early, or take a further buffer while the disk is full. */
  #overflow(): void {
    this.flush()
    if (this.#stagingUsed === 0) return
    this.#cutStaging()
    this.#chunks = this.#chunks.map((chunk) =>
      chunk.buffer === this.#staging.buffer ? Uint8Array.prototype.slice.call(chunk) : chunk,
    )
    this.#stagingUsed = 0
    this.#stagingStart = 0
  }

  #cutStaging(): void {
    if (this.#stagingUsed > this.#stagingStart) {
      this.#chunks.push(this.#staging.subarray(this.#stagingStart, this.#stagingUsed))
      this.#stagingStart = this.#stagingUsed
    }
  }

  /** Writes the gathered entries at the end of the current file and starts a sync unless one is running. */
  #writeGroup(): void {
    if (this.#failure || this.#full) return
    this.#cutStaging()
    if (this.#chunks.length === 0) return
    const lastSequence = this.#nextSequence - 1
    let bytes = 0
    for (const chunk of this.#chunks) bytes += chunk.length
    const current = this.#current
    const end = current.position + bytes
    // Behind it may be entries of the file's former life. Where the file ends, nothing is.
    const markBytes = Math.min(endMarkBytes, Math.max(current.fileBytes - end, 0))
    const mark = markBytes > 0 ? [endMark.subarray(0, markBytes)] : []
    try {
      current.file.write([...this.#chunks, ...mark], current.position)
    } catch (error) {
      this.#writeFailed(error)
      return
    }
    current.position = end
    current.fileBytes = Math.max(current.fileBytes, end)
    current.lastSequence = lastSequence
    this.#writtenSequence = lastSequence
    this.statistics.bytes += bytes
    this.#chunks = []
    this.#stagingUsed = 0
    this.#stagingStart = 0
    this.#moveOn()
    this.#startSync()
  }

  /**
   * The entries stay gathered, to be written again at the same place. What a partial write left beyond the file's size
   * goes, to give back the space.
   */
  #writeFailed(error: unknown): void {
    if (!(error instanceof DiskError) || error.kind !== 'full') {
      this.#fail(error)
      return
    }
    this.#current.fileBytes = Math.max(this.#current.position, this.#options.fileBytes)
    this.#current.file.truncate(this.#current.fileBytes)
    this.#options.logger.error('disk full, appends refused until there is space', { path: error.path })
    this.#retryWhenFull()
  }

  #retryWhenFull(): void {
    this.#full = this.#options.clock.startTimer(fullRetryMs, () => {
      this.#full = undefined
      if (this.#closed) return
      const before = this.#writtenSequence
      this.flush()
      if (this.#writtenSequence > before) this.#options.logger.info('disk has space again, appends accepted')
    })
  }

  /**
   * Has the next file made in time, and goes over to it once this one is full. Between groups only: the CRCs of entries
   * that have been gathered hold the number of the file they are for.
   */
  #moveOn(): void {
    const { position } = this.#current
    const { fileBytes } = this.#options
    if (position < fileBytes) {
      if (this.#prepared || position < fileBytes * prepareShare) return
      this.#prepared = true
      this.#prepareSpare()
      return
    }
    if (!this.#files.hasSpare()) {
      // Going on in the old file beyond its size is always right; a spare that is late must not hold up producers.
      this.#prepareSpare()
      return
    }
    let next: OpenJournalFile
    try {
      next = this.#files.take(this.#writtenSequence + 1)
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'full') this.#logFailedSpare(error)
      else this.#fail(error)
      return
    }
    this.#sealed.push(this.#current)
    this.#unsynced.push(this.#current)
    this.#begin(next)
  }

  #begin(file: OpenJournalFile): void {
    this.#current = file
    this.#seed = entrySeed(this.#options.directoryId, file.fileNumber)
    this.#prepared = false
  }

  #prepareSpare(): void {
    this.#files.prepare(true).catch((error: unknown) => this.#logFailedSpare(error))
  }

  #logFailedSpare(error: unknown): void {
    this.#options.logger.warn('cannot prepare a journal file', { error: String(error) })
  }

  #startSync(): void {
    if (this.#syncing || this.#failure || this.#syncedSequence >= Math.min(this.#wantedSequence, this.#writtenSequence))
      return
    this.#syncing = this.#sync().then(
      () => {
        this.#syncing = undefined
        this.#startSync()
      },
      (error: unknown) => {
        this.#syncing = undefined
        this.#fail(error)
      },
    )
  }

  async #sync(): Promise<void> {
    const { clock, committed } = this.#options
    const target = this.#writtenSequence
    // Oldest first, so that what is durable is always a prefix. A file sealed while this runs joins the next sync.
    this.#inSync = [...this.#unsynced, this.#current]
    this.#unsynced = []
    const startMs = clock.monotonicMs()
    for (const file of this.#inSync) await file.file.sync()
    this.#inSync = []
    this.statistics.syncs++
    this.statistics.syncMsLast = clock.monotonicMs() - startMs
    this.#syncedSequence = target
    committed(target)
    this.#markIfIdle()
  }

  /**
   * Until a later entry says that the last group was synced, damage to it cannot be told from a torn tail. When nothing
   * follows at once, an entry of its own says so. It is written, not synced, and itself needs no proof.
   */
  #markIfIdle(): void {
    if (this.#closed || this.#nextSequence > this.#syncedSequence + 1) return
    this.append(EntryKind.mark, 0, nothing, true)
  }

  #fail(error: unknown): void {
    if (this.#failure) return
    this.#failure = error instanceof Error ? error : new Error(String(error))
    this.#options.logger.error('journal failed, nothing is acknowledged any more; restart the broker', {
      error: this.#failure.message,
    })
    this.#options.failed(this.#failure)
  }
}
