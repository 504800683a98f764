import type { Clock } from '../host/clock.ts'
import type { Disk, DiskFile } from '../host/disk.ts'
import { encodeFileHeader, fileHeaderBytes, journalFileName } from './format.ts'

export interface OpenJournalFile {
  fileNumber: number
  path: string
  file: DiskFile
  /** Present size. */
  fileBytes: number
  /** Where the next entry goes. */
  position: number
  firstSequence: number
  lastSequence: number
}

export interface JournalFilesOptions {
  disk: Disk
  clock: Clock
  directory: string
  directoryId: Uint8Array
  fileBytes: number
  /** Files whose entries nobody needs any more are kept for use again up to so many bytes together. */
  spareBytesMax: number
  nextFileNumber: number
}

/** Zeroes are written in such pieces, one in an event-loop turn, … */
const fillBytes = 256 << 10
/** … and synced in such: a large sync would hold up those of the journal. */
const fillSyncBytes = 1 << 20
/** What begins a spare file: header, and zeroes where the first entry will be. The device writes it whole or not at all. */
const spareStartBytes = 512

/**
 * Makes journal files ahead of their use, so that changing over costs the writer no wait, out of those that are not
 * needed any more or new ones. Each has all its blocks: a sync that must allocate some commits the file system's own
 * journal, and that may have to wait for data of every other file.
 */
export class JournalFiles {
  readonly #options: JournalFilesOptions
  readonly #zeroes: Uint8Array
  #nextFileNumber: number
  /** In order of their numbers, which is the order of use. */
  readonly #spares: OpenJournalFile[] = []
  /** Ends when all that was asked for so far is done: numbers are given in turn. */
  #work: Promise<void> = Promise.resolve()
  #preparing: Promise<void> | undefined
  #closed = false

  constructor(options: JournalFilesOptions) {
    this.#options = options
    this.#nextFileNumber = options.nextFileNumber
    this.#zeroes = new Uint8Array(Math.min(fillBytes, options.fileBytes))
  }

  /**
   * Resolves once a spare file is ready. Rejects with DiskError; may be called again.
   * @param fill false for a file that is wanted at once: its blocks are allocated when they are written
   */
  prepare(fill: boolean): Promise<void> {
    if (this.#spares.length > 0) return Promise.resolve()
    this.#preparing ??= this.#inTurn(() => this.#prepare(fill)).finally(() => {
      this.#preparing = undefined
    })
    return this.#preparing
  }

  /** Whether there is room for a file among the spares. */
  hasRoomFor(file: OpenJournalFile): boolean {
    const { fileBytes, spareBytesMax } = this.#options
    // One that has grown far beyond its size would take the place of others.
    if (this.#closed || file.fileBytes > fileBytes * 2) return false
    return this.#spares.reduce((sum, spare) => sum + spare.fileBytes, file.fileBytes) <= spareBytesMax
  }

  /**
   * Makes a spare of a file whose entries nobody needs any more, as a durable checkpoint says. Its name is durable before
   * it is used: it must not come back under the old one with new entries. Rejects with DiskError; the file is gone then.
   */
  recycle(file: OpenJournalFile): Promise<void> {
    return this.#inTurn(async () => {
      try {
        if (this.#closed) this.#options.disk.remove(file.path)
        else await this.#recycle(file)
      } catch (error) {
        this.#options.disk.remove(file.path)
        throw error
      } finally {
        file.file.close()
      }
    })
  }

  async #recycle(old: OpenJournalFile): Promise<void> {
    const { disk, directory } = this.#options
    const fileNumber = this.#nextFileNumber
    // From here on replay sees no entries in it, whichever name a crash leaves it.
    const start = Buffer.alloc(spareStartBytes)
    start.set(this.#header(fileNumber, 0))
    old.file.write([start], 0)
    await old.file.sync()
    const path = `${directory}/${journalFileName(fileNumber)}`
    disk.rename(old.path, path)
    this.#nextFileNumber++
    const file = disk.open(path, 'write')
    try {
      await disk.syncDirectory(directory)
    } catch (error) {
      file.close()
      disk.remove(path)
      throw error
    }
    this.#addSpare(fileNumber, path, file, old.fileBytes)
  }

  async #prepare(fill: boolean): Promise<void> {
    if (this.#spares.length > 0 || this.#closed) return
    const { disk, directory, fileBytes } = this.#options
    const fileNumber = this.#nextFileNumber++
    const path = `${directory}/${journalFileName(fileNumber)}`
    const file = disk.open(path, 'create')
    try {
      file.truncate(fileBytes)
      if (fill) await this.#fill(file)
      await file.sync()
      await disk.syncDirectory(directory)
    } catch (error) {
      file.close()
      disk.remove(path)
      throw error
    }
    this.#addSpare(fileNumber, path, file, fileBytes)
  }

  async #fill(file: DiskFile): Promise<void> {
    const { clock, fileBytes } = this.#options
    let unsyncedBytes = 0
    for (let at = 0; at < fileBytes && !this.#closed; at += this.#zeroes.length) {
      const bytes = Math.min(this.#zeroes.length, fileBytes - at)
      file.write([this.#zeroes.subarray(0, bytes)], at)
      unsyncedBytes += bytes
      if (unsyncedBytes >= fillSyncBytes) {
        unsyncedBytes = 0
        await file.sync()
      } else {
        await new Promise<void>((resolve) => clock.endOfTurn(resolve))
      }
    }
  }

  #addSpare(fileNumber: number, path: string, file: DiskFile, fileBytes: number): void {
    const position = fileHeaderBytes
    this.#spares.push({ fileNumber, path, file, fileBytes, position, firstSequence: 0, lastSequence: 0 })
  }

  hasSpare(): boolean {
    return this.#spares.length > 0
  }

  /**
   * Gives a spare file its header and hands it over. The header is synced together with the first entries: both lie in
   * front of the file's first sync, so entries without a header are never taken for durable.
   */
  take(firstSequence: number): OpenJournalFile {
    const spare = this.#spares[0]
    if (!spare) throw new Error('invariant broken: no spare journal file')
    spare.file.write([this.#header(spare.fileNumber, firstSequence)], 0)
    this.#spares.shift()
    spare.firstSequence = firstSequence
    spare.lastSequence = firstSequence - 1
    return spare
  }

  #header(fileNumber: number, firstSequence: number): Buffer {
    const { directoryId, fileBytes } = this.#options
    return encodeFileHeader({ fileNumber, firstSequence, directoryId, fileBytes })
  }

  /** Closes the spares and removes them, without entries as they are. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#work
    for (const { file, path } of this.#spares.splice(0)) {
      file.close()
      this.#options.disk.remove(path)
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => undefined)
    return done
  }
}
