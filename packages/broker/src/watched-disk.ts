import type { Clock } from './host/clock.ts'
import type { Disk, DiskFile } from './host/disk.ts'

/** A disk that knows how long its syncs have been waiting, so that a broker whose disk has stalled can be replaced. */
export class WatchedDisk implements Disk {
  readonly #disk: Disk
  readonly #clock: Clock
  /** Moments at which the syncs under way began, the oldest first. */
  readonly #begun = new Set<{ readonly atMs: number }>()

  constructor(disk: Disk, clock: Clock) {
    this.#disk = disk
    this.#clock = clock
  }

  /** How long the oldest sync has been waiting, in milliseconds; 0 if none is under way. */
  get waitMs(): number {
    for (const { atMs } of this.#begun) return this.#clock.monotonicMs() - atMs
    return 0
  }

  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const file = this.#disk.open(path, mode)
    return mode === 'read' ? file : new WatchedFile(file, (sync) => this.#watch(sync))
  }

  list(directory: string): string[] {
    return this.#disk.list(directory)
  }

  sizeOf(path: string): number | undefined {
    return this.#disk.sizeOf(path)
  }

  makeDirectory(path: string): void {
    this.#disk.makeDirectory(path)
  }

  rename(source: string, target: string): void {
    this.#disk.rename(source, target)
  }

  remove(path: string): void {
    this.#disk.remove(path)
  }

  discard(path: string): Promise<void> {
    return this.#disk.discard(path)
  }

  removeDirectory(path: string): void {
    this.#disk.removeDirectory(path)
  }

  syncDirectory(path: string): Promise<void> {
    return this.#watch(() => this.#disk.syncDirectory(path))
  }

  space(path: string): { freeBytes: number; totalBytes: number } {
    return this.#disk.space(path)
  }

  lock(path: string): { release(): void } {
    return this.#disk.lock(path)
  }

  async #watch(sync: () => Promise<void>): Promise<void> {
    const begun = { atMs: this.#clock.monotonicMs() }
    this.#begun.add(begun)
    try {
      await sync()
    } finally {
      this.#begun.delete(begun)
    }
  }
}

class WatchedFile implements DiskFile {
  readonly path: string
  readonly #file: DiskFile
  readonly #watch: (sync: () => Promise<void>) => Promise<void>

  constructor(file: DiskFile, watch: (sync: () => Promise<void>) => Promise<void>) {
    this.path = file.path
    this.#file = file
    this.#watch = watch
  }

  size(): number {
    return this.#file.size()
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#file.write(chunks, position)
  }

  readNow(target: Uint8Array, position: number): number {
    return this.#file.readNow(target, position)
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#file.read(target, position)
  }

  truncate(size: number): void {
    this.#file.truncate(size)
  }

  sync(): Promise<void> {
    return this.#watch(() => this.#file.sync())
  }

  close(): void {
    this.#file.close()
  }
}
