import { DiskError } from '../../../packages/broker/src/host/disk.ts'
import type { Disk, DiskFile } from '../../../packages/broker/src/host/disk.ts'

/** The disk of the machine; its syncs can be held back, it can be full, and the process that uses it can be dead. */
export class StallableDisk implements Disk {
  readonly #real: Disk
  #stalled: (() => void)[] | undefined
  #isDead = false
  /** Whether nothing more can be written. */
  isFull = false

  constructor(real: Disk) {
    this.#real = real
  }

  /** Syncs that wait. */
  get stalledCount(): number {
    return this.#stalled?.length ?? 0
  }

  /** From here on every sync waits. What was written is in the page cache, not on the device. */
  stall(): void {
    this.#stalled ??= []
  }

  resume(): void {
    const stalled = this.#stalled ?? []
    this.#stalled = undefined
    for (const go of stalled) go()
  }

  /** What a dead process would still write does not reach the disk, and it learns of nothing. */
  die(): void {
    this.#isDead = true
  }

  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const file = this.#real.open(path, mode)
    const write = file.write.bind(file)
    const truncate = file.truncate.bind(file)
    const sync = file.sync.bind(file)
    return Object.assign(file, {
      write: (chunks: readonly Uint8Array[], position: number) =>
        this.#alive(() => this.#written(path, () => write(chunks, position))),
      truncate: (size: number) => this.#alive(() => truncate(size)),
      sync: () => this.#synced(sync),
    })
  }

  list(directory: string): string[] {
    return this.#real.list(directory)
  }

  sizeOf(path: string): number | undefined {
    return this.#real.sizeOf(path)
  }

  makeDirectory(path: string): void {
    this.#alive(() => this.#real.makeDirectory(path))
  }

  rename(source: string, target: string): void {
    this.#alive(() => this.#real.rename(source, target))
  }

  remove(path: string): void {
    this.#alive(() => this.#real.remove(path))
  }

  discard(path: string): Promise<void> {
    return this.#isDead ? never() : this.#real.discard(path)
  }

  removeDirectory(path: string): void {
    this.#alive(() => this.#real.removeDirectory(path))
  }

  syncDirectory(path: string): Promise<void> {
    return this.#synced(() => this.#real.syncDirectory(path))
  }

  space(path: string): { freeBytes: number; totalBytes: number } {
    return this.#real.space(path)
  }

  /** The real lock ends with the process, and here many lives of brokers share one. */
  lock(): { release(): void } {
    return { release: () => undefined }
  }

  #written(path: string, write: () => void): void {
    if (this.isFull) throw new DiskError('full', path, 'no space left on device')
    write()
  }

  #alive(change: () => void): void {
    if (!this.#isDead) change()
  }

  async #synced(sync: () => Promise<void>): Promise<void> {
    if (this.#stalled !== undefined) await new Promise<void>((resolve) => this.#stalled!.push(resolve))
    if (this.#isDead) await never()
    await sync()
    if (this.#isDead) await never()
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}
