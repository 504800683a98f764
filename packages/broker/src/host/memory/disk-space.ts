import { DiskError } from '../disk.ts'

/** Counts the bytes of all files against a capacity that may change. Holes count as if they were written. */
export class DiskSpace {
  capacityBytes: number
  #usedBytes = 0
  /** Open files that were removed: what they still grow or shrink by must not be counted a second time. */
  readonly #nameless = new WeakSet<object>()

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes
  }

  get freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.#usedBytes)
  }

  /**
   * Counts `bytes` (negative gives back) that `file` grows by. A file without a name is no longer counted.
   * @throws DiskError 'full'
   */
  take(file: object, path: string, bytes: number): void {
    if (this.#nameless.has(file)) return
    if (bytes > 0 && bytes > this.freeBytes) throw new DiskError('full', path, 'no space left on the device')
    this.#usedBytes += bytes
  }

  /** The last name of `file` is gone, and with it its `bytes`. */
  giveBack(file: object, bytes: number): void {
    this.#usedBytes -= bytes
    this.#nameless.add(file)
  }

  /** Counts anew, after files have changed behind its back. */
  setUsed(bytes: number): void {
    this.#usedBytes = bytes
  }
}
