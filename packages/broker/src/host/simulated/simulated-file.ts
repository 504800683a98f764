import type { DiskFile } from '../disk.ts'
import { DiskError } from '../disk.ts'
import { checkPosition } from '../memory/file-bytes.ts'
import type { DiskDevice, DiskProcess } from './disk-device.ts'
import type { UnsyncedFile } from './unsynced-file.ts'

/** A file one process has open on a simulated disk. */
export class SimulatedFile implements DiskFile {
  readonly path: string
  readonly #device: DiskDevice
  readonly #process: DiskProcess
  readonly #file: UnsyncedFile
  readonly #writable: boolean
  #runningCount = 0
  #closed = false

  constructor(device: DiskDevice, process: DiskProcess, path: string, file: UnsyncedFile, writable: boolean) {
    this.path = path
    this.#device = device
    this.#process = process
    this.#file = file
    this.#writable = writable
  }

  size(): number {
    this.#check(false)
    return this.#file.size
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#check(true)
    checkPosition(position)
    for (const chunk of chunks) {
      // As a real write, it takes what still fits and fails with the rest.
      const room = Math.max(0, this.#file.size - position) + this.#device.space.freeBytes
      this.#put(chunk.length > room ? chunk.subarray(0, room) : chunk, position)
      position += chunk.length
      if (chunk.length > room) throw new DiskError('full', this.path, 'no space left on the device')
    }
  }

  readNow(target: Uint8Array, position: number): number {
    this.#check(false)
    checkPosition(position)
    return this.#readFile(target, position)
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.#check(false)
    checkPosition(position)
    return this.#during(this.#device.readLater(this.#process, () => this.#readFile(target, position), this.path))
  }

  truncate(size: number): void {
    this.#check(true)
    checkPosition(size)
    this.#device.space.take(this.#file, this.path, size - this.#file.size)
    this.#file.truncate(size)
    this.#device.note({ kind: 'truncate', path: this.path, file: this.#file.id, size })
  }

  async sync(): Promise<void> {
    this.#check(false)
    await this.#during(this.#device.syncFile(this.#process, this.path, this.#file))
  }

  close(): void {
    if (this.#runningCount > 0) throw new Error(`${this.path} is closed while a read or sync runs`)
    this.#closed = true
  }

  #readFile(target: Uint8Array, position: number): number {
    return this.#device.readNow(this.path, this.#file, target, position)
  }

  #put(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return
    this.#device.space.take(this.#file, this.path, Math.max(0, position + bytes.length - this.#file.size))
    this.#file.write(bytes, position)
    // A copy that nobody asked for would cost more than the write.
    if (this.#device.listener === undefined) return
    const copy = Uint8Array.prototype.slice.call(bytes)
    this.#device.note({ kind: 'write', path: this.path, file: this.#file.id, position, bytes: copy })
  }

  async #during<T>(running: Promise<T>): Promise<T> {
    this.#runningCount += 1
    try {
      return await running
    } finally {
      this.#runningCount -= 1
    }
  }

  #check(writing: boolean): void {
    if (this.#process.dead) throw new Error(`a dead process used ${this.path}`)
    if (this.#closed) throw new Error(`${this.path} is closed`)
    if (writing && !this.#writable) throw new DiskError('other', this.path, 'was opened for reading only')
  }
}
