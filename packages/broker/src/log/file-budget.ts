import type { Disk, DiskFile } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'
import { IndexBudget } from './index-budget.ts'

/** Enough for 8 GiB of small batches or 512 GiB of large ones; less costs a consumer of old segments one more read for each. */
const indexMemoryBytesMax = 32 * 1024 * 1024

/** An open file that stays open until `unpin`. */
export interface PinnedFile {
  readonly file: DiskFile
  unpin(): void
}

/**
 * Open segment files of all logs, at most `filesMax` of them: the least recently used idle one is closed when another
 * is needed, so that 50,000 partitions do not need 50,000 handles. Files in use (pinned) are never closed.
 */
export class FileBudget {
  readonly #disk: Disk
  readonly #filesMax: number
  /** Memory that the same files' indexes may take. */
  readonly indexes = new IndexBudget(indexMemoryBytesMax)
  /** In order of last use: Map keeps insertion order. */
  readonly #open = new Map<string, BudgetedFile>()

  constructor(disk: Disk, filesMax: number) {
    this.#disk = disk
    this.#filesMax = filesMax
  }

  get openCount(): number {
    return this.#open.size
  }

  /** As `pin`, for reading: a file that is missing is not made. @throws DiskError 'not-found' */
  pinExisting(path: string): PinnedFile {
    if (!this.#open.has(path) && this.#disk.sizeOf(path) === undefined) {
      throw new DiskError('not-found', path, 'the file is missing')
    }
    return this.pin(path)
  }

  /** Opens the file at `path` (creating it if needed) and keeps it open until as many `unpin` calls. */
  pin(path: string): PinnedFile {
    let entry = this.#open.get(path)
    if (entry) {
      this.#open.delete(path)
    } else {
      this.#closeIdle()
      entry = new BudgetedFile(this.#disk.open(path, 'write'))
    }
    this.#open.set(path, entry)
    entry.pins++
    return entry
  }

  /** Forgets the file, which was removed or replaced: users go on with the old one, the next `pin` opens anew. */
  retire(path: string): void {
    const entry = this.#open.get(path)
    if (!entry) return
    this.#open.delete(path)
    entry.retire()
  }

  /** Closes all idle files and retires the others. */
  closeAll(): void {
    for (const path of this.#open.keys()) this.retire(path)
  }

  #closeIdle(): void {
    if (this.#open.size < this.#filesMax) return
    for (const [path, entry] of this.#open) {
      if (entry.pins === 0) this.retire(path)
      if (this.#open.size < this.#filesMax) return
    }
  }
}

class BudgetedFile implements PinnedFile {
  readonly file: DiskFile
  pins = 0
  #retired = false

  constructor(file: DiskFile) {
    this.file = file
  }

  unpin(): void {
    this.pins--
    if (this.pins === 0 && this.#retired) this.file.close()
  }

  retire(): void {
    this.#retired = true
    if (this.pins === 0) this.file.close()
  }
}
