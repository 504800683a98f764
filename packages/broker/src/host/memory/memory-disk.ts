import type { Disk, DiskFile } from '../disk.ts'
import { DiskError } from '../disk.ts'
import { DirectoryTree } from './directory-tree.ts'
import type { NameChange } from './directory-tree.ts'
import { DiskSpace } from './disk-space.ts'
import { checkPosition, FileBytes } from './file-bytes.ts'

const capacityBytesDefault = 2 ** 40

/** A disk without a device, for tests and embedded brokers that need not outlive the process. It never fails unless full. */
export class MemoryDisk implements Disk {
  readonly #space: DiskSpace
  readonly #locks = new Set<FileBytes>()
  readonly #tree = new DirectoryTree(
    () => new FileBytes(),
    (change) => this.#nameChanged(change),
  )

  constructor(capacityBytes = capacityBytesDefault) {
    this.#space = new DiskSpace(capacityBytes)
  }

  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    return new MemoryFile(path, this.#tree.open(path, mode).content, this.#space, mode !== 'read')
  }

  list(directory: string): string[] {
    return [...this.#tree.directory(directory).entries.keys()].sort()
  }

  sizeOf(path: string): number | undefined {
    const node = this.#tree.find(path)
    return node?.kind === 'file' ? node.content.size : undefined
  }

  makeDirectory(path: string): void {
    this.#tree.makeDirectory(path)
  }

  rename(source: string, target: string): void {
    this.#tree.rename(source, target)
  }

  remove(path: string): void {
    this.#tree.remove(path)
  }

  async discard(path: string): Promise<void> {
    this.remove(path)
  }

  removeDirectory(path: string): void {
    this.#tree.removeDirectory(path)
  }

  async syncDirectory(path: string): Promise<void> {
    this.#tree.directory(path)
  }

  space(path: string): { freeBytes: number; totalBytes: number } {
    if (this.#tree.find(path) === undefined) throw new DiskError('not-found', path, 'no such file or folder')
    return { freeBytes: this.#space.freeBytes, totalBytes: this.#space.capacityBytes }
  }

  lock(path: string): { release(): void } {
    const file = this.#tree.open(path, 'write').content
    if (this.#locks.has(file)) throw new DiskError('locked', path, 'held by this very process')
    this.#locks.add(file)
    return {
      release: () => {
        if (this.#locks.delete(file)) this.#tree.remove(path)
      },
    }
  }

  #nameChanged(change: NameChange<FileBytes>): void {
    const gone = change.kind === 'unlink' ? change.node : change.kind === 'rename' ? change.replaced : undefined
    if (gone?.kind === 'file') this.#space.giveBack(gone.content, gone.content.size)
  }
}

class MemoryFile implements DiskFile {
  readonly path: string
  readonly #bytes: FileBytes
  readonly #space: DiskSpace
  readonly #writable: boolean
  #closed = false

  constructor(path: string, bytes: FileBytes, space: DiskSpace, writable: boolean) {
    this.path = path
    this.#bytes = bytes
    this.#space = space
    this.#writable = writable
  }

  size(): number {
    this.#check(false)
    return this.#bytes.size
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#check(true)
    checkPosition(position)
    for (const chunk of chunks) {
      if (chunk.length === 0) continue
      this.#space.take(this.#bytes, this.path, Math.max(0, position + chunk.length - this.#bytes.size))
      this.#bytes.write(chunk, position)
      position += chunk.length
    }
  }

  readNow(target: Uint8Array, position: number): number {
    this.#check(false)
    return this.#bytes.read(target, position)
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readNow(target, position)
  }

  truncate(size: number): void {
    this.#check(true)
    checkPosition(size)
    this.#space.take(this.#bytes, this.path, size - this.#bytes.size)
    this.#bytes.truncate(size)
  }

  async sync(): Promise<void> {
    this.#check(false)
  }

  close(): void {
    this.#closed = true
  }

  #check(writing: boolean): void {
    if (this.#closed) throw new Error(`${this.path} is closed`)
    if (writing && !this.#writable) throw new DiskError('other', this.path, 'was opened for reading only')
  }
}
