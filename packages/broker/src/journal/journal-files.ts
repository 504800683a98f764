import type { Disk, DiskFile } from '../host/disk.ts'
import { encodeFileHeader, fileHeaderBytes, journalFileName } from './format.ts'

export interface OpenJournalFile {
  fileNumber: number
  path: string
  file: DiskFile
  /** Where the next entry goes. */
  position: number
  firstSequence: number
  lastSequence: number
}

/**
 * Makes journal files ahead of their use, so that changing over costs the writer no wait: created, extended (which
 * spares later syncs the change of the file size), synced, and their name made durable.
 */
export class JournalFiles {
  readonly #disk: Disk
  readonly #directory: string
  readonly #directoryId: Uint8Array
  readonly #fileBytes: number
  #nextFileNumber: number
  #spare: OpenJournalFile | undefined
  #preparing: Promise<void> | undefined

  constructor(options: {
    disk: Disk
    directory: string
    directoryId: Uint8Array
    fileBytes: number
    nextFileNumber: number
  }) {
    this.#disk = options.disk
    this.#directory = options.directory
    this.#directoryId = options.directoryId
    this.#fileBytes = options.fileBytes
    this.#nextFileNumber = options.nextFileNumber
  }

  /** Resolves once a spare file is ready. Rejects with DiskError; may be called again. */
  prepare(): Promise<void> {
    if (this.#spare) return Promise.resolve()
    this.#preparing ??= this.#prepare().finally(() => {
      this.#preparing = undefined
    })
    return this.#preparing
  }

  async #prepare(): Promise<void> {
    const fileNumber = this.#nextFileNumber
    const path = `${this.#directory}/${journalFileName(fileNumber)}`
    const file = this.#disk.open(path, 'create')
    try {
      file.truncate(this.#fileBytes)
      await file.sync()
      await this.#disk.syncDirectory(this.#directory)
    } catch (error) {
      file.close()
      this.#disk.remove(path)
      throw error
    }
    this.#nextFileNumber++
    this.#spare = { fileNumber, path, file, position: fileHeaderBytes, firstSequence: 0, lastSequence: 0 }
  }

  hasSpare(): boolean {
    return this.#spare !== undefined
  }

  /**
   * Gives the spare file its header and hands it over. The header is synced together with the first entries: both lie in
   * front of the file's first sync, so entries without a header are never taken for durable.
   */
  take(firstSequence: number): OpenJournalFile {
    const spare = this.#spare
    if (!spare) throw new Error('invariant broken: no spare journal file')
    const { fileNumber } = spare
    const header = { fileNumber, firstSequence, directoryId: this.#directoryId, fileBytes: this.#fileBytes }
    spare.file.write([encodeFileHeader(header)], 0)
    this.#spare = undefined
    spare.firstSequence = firstSequence
    spare.lastSequence = firstSequence - 1
    return spare
  }

  /** Closes the spare and removes it, empty as it is. */
  async close(): Promise<void> {
    if (this.#preparing) await this.#preparing
    if (!this.#spare) return
    this.#spare.file.close()
    this.#disk.remove(this.#spare.path)
    this.#spare = undefined
  }
}
