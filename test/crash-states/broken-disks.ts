import type { Disk, DiskFile } from '../../packages/broker/src/host/disk.ts'
import { batchBytesOf, batchHeaderBytes, renewCrc } from '../../packages/broker/src/record/batch.ts'
import { isPlausibleBatch } from '../../packages/broker/src/record/validate.ts'

/** Passes every call on. Canaries break one of them, as a broken build of the store would. */
class DiskProxy implements Disk {
  protected readonly disk: Disk

  constructor(disk: Disk) {
    this.disk = disk
  }

  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    return this.disk.open(path, mode)
  }

  list(directory: string): string[] {
    return this.disk.list(directory)
  }

  sizeOf(path: string): number | undefined {
    return this.disk.sizeOf(path)
  }

  makeDirectory(path: string): void {
    this.disk.makeDirectory(path)
  }

  rename(source: string, target: string): void {
    this.disk.rename(source, target)
  }

  remove(path: string): void {
    this.disk.remove(path)
  }

  discard(path: string): Promise<void> {
    return this.disk.discard(path)
  }

  removeDirectory(path: string): void {
    this.disk.removeDirectory(path)
  }

  syncDirectory(path: string): Promise<void> {
    return this.disk.syncDirectory(path)
  }

  space(path: string): { freeBytes: number; totalBytes: number } {
    return this.disk.space(path)
  }

  lock(path: string): { release(): void } {
    return this.disk.lock(path)
  }
}

/** The same for an open file. */
class FileProxy implements DiskFile {
  readonly path: string
  protected readonly file: DiskFile

  constructor(file: DiskFile) {
    this.path = file.path
    this.file = file
  }

  size(): number {
    return this.file.size()
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.file.write(chunks, position)
  }

  readNow(target: Uint8Array, position: number): number {
    return this.file.readNow(target, position)
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.file.read(target, position)
  }

  truncate(size: number): void {
    this.file.truncate(size)
  }

  sync(): Promise<void> {
    return this.file.sync()
  }

  close(): void {
    this.file.close()
  }
}

/** Says that files whose names end so are synced, and does nothing. */
export class NoSyncDisk extends DiskProxy {
  readonly #suffix: string

  constructor(disk: Disk, suffix: string) {
    super(disk)
    this.#suffix = suffix
  }

  override open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const file = super.open(path, mode)
    return path.endsWith(this.#suffix) ? new NoSyncFile(file) : file
  }
}

class NoSyncFile extends FileProxy {
  override async sync(): Promise<void> {}
}

/** Says that a file is synced when the sync has only begun: what acknowledges after it acknowledges early. */
export class EarlySyncDisk extends DiskProxy {
  override open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    return new EarlySyncFile(super.open(path, mode))
  }
}

class EarlySyncFile extends FileProxy {
  readonly #running = new Set<Promise<void>>()

  override async sync(): Promise<void> {
    const running = this.file.sync().finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  override close(): void {
    void Promise.allSettled(this.#running).then(() => this.file.close())
  }
}

/** Never syncs names. */
export class NoDirectorySyncDisk extends DiskProxy {
  override async syncDirectory(): Promise<void> {}
}

/** Replaces the checkpoint by writing over it. */
export class CopyingRenameDisk extends DiskProxy {
  override rename(source: string, target: string): void {
    if (!source.endsWith('checkpoint.new')) {
      super.rename(source, target)
      return
    }
    const from = this.disk.open(source, 'read')
    const bytes = new Uint8Array(from.size())
    from.readNow(bytes, 0)
    from.close()
    const to = this.disk.open(target, 'write')
    to.truncate(0)
    to.write([bytes], 0)
    to.close()
    this.disk.remove(source)
  }
}

/** Every batch read from a segment has the right CRC, whatever its bytes: as if nobody compared it. */
export class NoCrcDisk extends DiskProxy {
  override open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const file = super.open(path, mode)
    return path.endsWith('.log') ? new NoCrcFile(file) : file
  }
}

class NoCrcFile extends FileProxy {
  override readNow(target: Uint8Array, position: number): number {
    const count = super.readNow(target, position)
    forgeCrcs(target.subarray(0, count))
    return count
  }

  override async read(target: Uint8Array, position: number): Promise<number> {
    const count = await super.read(target, position)
    forgeCrcs(target.subarray(0, count))
    return count
  }
}

function forgeCrcs(bytes: Uint8Array): void {
  for (let at = 0; at + batchHeaderBytes <= bytes.length; at += batchBytesOf(bytes, at)) {
    if (!isPlausibleBatch(bytes, at, bytes.length) || at + batchBytesOf(bytes, at) > bytes.length) return
    renewCrc(bytes, at)
  }
}
