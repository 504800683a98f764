/**
 * Files as the broker sees them. Calls that finish in the page cache are synchronous (an append through the thread pool
 * costs 20 times as much, see docs/adr/0003-synchronous-appends.md); what waits for the device is not.
 *
 * Durability contract, the same for the real and the simulated disk:
 * - bytes written are durable only after a later `sync()` of that file has resolved;
 * - a name made, renamed or removed is durable only after a later `syncDirectory()` of the folder that holds it;
 * - after a crash any subset of what was not durable may be missing, torn at 512-byte sectors, or in another order;
 * - after `sync()` has failed, nothing unsynced in that file may be taken for durable, whatever a later sync says.
 */
export interface Disk {
  /** Opens a file. 'read' fails if it is missing; 'write' (read and write) creates it; 'create' fails if it exists. */
  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile

  /** Names in a folder, sorted. Throws DiskError 'not-found'. */
  list(directory: string): string[]

  /** Size in bytes of a file, or undefined when there is none at `path`. */
  sizeOf(path: string): number | undefined

  /** Makes a folder and its parents; harmless when it exists. */
  makeDirectory(path: string): void

  /** Replaces `target` by `source` atomically, as rename(2). */
  rename(source: string, target: string): void

  /** Removes a file. Harmless when it is missing. */
  remove(path: string): void

  /** The same on the thread pool: freeing the blocks of a large file takes milliseconds. Rejects with DiskError. */
  discard(path: string): Promise<void>

  /** Removes a folder with all it holds. Harmless when it is missing. */
  removeDirectory(path: string): void

  /** Makes names in `path` durable (fsync of the folder). */
  syncDirectory(path: string): Promise<void>

  /** Bytes free for ordinary users and in all, on the file system of `path`. */
  space(path: string): { freeBytes: number; totalBytes: number }

  /**
   * Takes an exclusive lock that ends with the process, by a file at `path`.
   * @throws DiskError 'locked' when a live process holds it; the message names its pid.
   */
  lock(path: string): { release(): void }
}

/** An open file. Positions are explicit; there is no cursor. */
export interface DiskFile {
  readonly path: string

  /** Present size in bytes. */
  size(): number

  /** Writes all of `chunks`, one after the other, from `position`. Throws DiskError; part may then have been written. */
  write(chunks: readonly Uint8Array[], position: number): void

  /** Reads into `target` from `position`, blocking. Returns the bytes read, fewer than asked only at the end of the file. */
  readNow(target: Uint8Array, position: number): number

  /** The same, on the thread pool: for data that is probably not in the page cache. */
  read(target: Uint8Array, position: number): Promise<number>

  /** Cuts or extends (with zeroes) to `size` bytes. */
  truncate(size: number): void

  /** Makes everything written before the call durable (fdatasync). Rejects with DiskError. */
  sync(): Promise<void>

  /** Closes. Unsynced bytes stay in the page cache. Safe to call twice; must not be called while a read or sync runs. */
  close(): void
}

export type DiskErrorKind =
  | 'not-found'
  | 'exists'
  | 'full'
  | 'io'
  | 'denied'
  | 'read-only'
  | 'too-many-files'
  | 'locked'
  | 'other'

/** A failure of the disk or of the system under it. */
export class DiskError extends Error {
  readonly kind: DiskErrorKind
  readonly path: string

  constructor(kind: DiskErrorKind, path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options)
    this.name = 'DiskError'
    this.kind = kind
    this.path = path
  }
}
