import { DiskError } from '../../host/disk.ts'
import type { Disk, DiskFile } from '../../host/disk.ts'
import { checksumOf, encodeEntry } from './entry.ts'
import type { EntryBody } from './entry.ts'
import type { Recovered } from './recovery.ts'
import { encodeSnapshot } from './snapshot.ts'
import type { State } from './state.ts'

/** Where a new store begins. */
const beginning = { sequence: 0, checksum: 0, snapshotBytes: 0, size: 0 }

/**
 * The one file of the embedded store: a snapshot, then entries. It only grows, until `replace` puts a new snapshot in
 * its place by an atomic rename. After a failed sync, or a write that could not be undone, it is broken for good.
 */
export class StoreFile {
  readonly #disk: Disk
  readonly #directory: string
  readonly #entriesBytesMin: number
  #file: DiskFile | undefined
  #size: number
  #snapshotBytes: number
  #sequence: number
  #sequenceSynced: number
  #checksum: number
  /** Bytes of entries after which a new snapshot is due. */
  #entriesBytesDue: number
  #broken = false

  /** Continues a clean recovered file; any other, and a new one, needs `replace` before the first append. */
  constructor(disk: Disk, directory: string, entriesBytesMin: number, recovered: Recovered | undefined) {
    const { size, snapshotBytes, sequence, checksum } = recovered ?? beginning
    this.#disk = disk
    this.#directory = directory
    this.#entriesBytesMin = entriesBytesMin
    this.#size = size
    this.#snapshotBytes = snapshotBytes
    this.#sequence = sequence
    this.#sequenceSynced = sequence
    this.#checksum = checksum
    this.#entriesBytesDue = this.#dueAfter(snapshotBytes)
    if (recovered?.clean === true) this.#file = disk.open(storePath(directory), 'write')
  }

  /** Whether nothing may be written any more. */
  get broken(): boolean {
    return this.#broken
  }

  get replacementDue(): boolean {
    return this.#size - this.#snapshotBytes > this.#entriesBytesDue
  }

  /** Writes entries, all or none of them. Throws DiskError; look at `broken` then. */
  append(bodies: readonly EntryBody[]): void {
    const file = this.#open()
    const chunks: Buffer[] = []
    let sequence = this.#sequence
    let checksum = this.#checksum
    let size = this.#size
    for (const body of bodies) {
      sequence++
      const entry = encodeEntry(body, {
        sequence,
        sequenceSynced: this.#sequenceSynced,
        checksumPrevious: checksum,
      })
      checksum = checksumOf(entry)
      size += entry.length
      chunks.push(entry)
    }
    try {
      file.write(chunks, this.#size)
    } catch (error) {
      this.#undoWrite(file)
      throw error
    }
    this.#sequence = sequence
    this.#checksum = checksum
    this.#size = size
  }

  /** Makes the entries durable. Rejects with DiskError, and is broken then. */
  async sync(): Promise<void> {
    const sequence = this.#sequence
    try {
      await this.#open().sync()
    } catch (error) {
      this.#broken = true
      throw error
    }
    this.#sequenceSynced = sequence
  }

  /**
   * Writes down, unsynced, that everything before is synced, the name of the file included. Without it damage to the last
   * entry could not be told from a torn write. Throws DiskError; look at `broken` then.
   */
  mark(): void {
    this.append([{ kind: 'synced' }])
  }

  /**
   * Replaces the file by one that holds only a snapshot of `state`, which must be the state after the last entry. Throws
   * DiskError: if `broken` is false then, the old file is in use as before.
   */
  async replace(state: State): Promise<void> {
    const bytes = encodeSnapshot({ state, sequence: this.#sequence, checksum: this.#checksum })
    const path = storePath(this.#directory)
    const temporary = `${path}.tmp`
    try {
      await this.#writeTemporary(temporary, bytes)
    } catch (error) {
      // Lets entries grow meanwhile, so that a full disk is not tried again with every write.
      this.#entriesBytesDue = 2 * Math.max(this.#entriesBytesDue, this.#size - this.#snapshotBytes)
      throw error
    }
    // Until the folder is synced nobody knows which of the two files a crash leaves, so nothing may go into either.
    this.#broken = true
    this.#disk.rename(temporary, path)
    this.#file?.close()
    this.#file = undefined
    await this.#disk.syncDirectory(this.#directory)
    this.#file = this.#disk.open(path, 'write')
    this.#broken = false
    this.#size = bytes.length
    this.#snapshotBytes = bytes.length
    this.#sequenceSynced = this.#sequence
    this.#entriesBytesDue = this.#dueAfter(bytes.length)
    this.mark()
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
    this.#broken = true
  }

  async #writeTemporary(path: string, bytes: Buffer): Promise<void> {
    this.#disk.remove(path)
    const file = this.#disk.open(path, 'create')
    let done = false
    try {
      file.write([bytes], 0)
      await file.sync()
      done = true
    } finally {
      file.close()
      if (!done) this.#disk.remove(path)
    }
  }

  /** Cuts off what a failed write left, so that it cannot come back behind later entries. */
  #undoWrite(file: DiskFile): void {
    try {
      file.truncate(this.#size)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#broken = true
    }
  }

  #open(): DiskFile {
    if (this.#file === undefined || this.#broken) throw new Error('the store file must not be written to')
    return this.#file
  }

  #dueAfter(snapshotBytes: number): number {
    return Math.max(this.#entriesBytesMin, 2 * snapshotBytes)
  }
}

/** The file of the store that lives in `directory`. */
export function storePath(directory: string): string {
  return `${directory}/metadata.store`
}
