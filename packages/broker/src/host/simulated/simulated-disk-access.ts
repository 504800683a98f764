import type { Disk, DiskFile } from '../disk.ts'
import { DiskError } from '../disk.ts'
import type { DiskDevice, DiskProcess } from './disk-device.ts'
import { SimulatedFile } from './simulated-file.ts'

/** A simulated disk as one process sees it. Once the process is dead each call is a bug of the simulation. */
export class SimulatedDiskAccess implements Disk {
  readonly #running: DiskDevice
  readonly #process: DiskProcess
  readonly #locks: Set<object>

  constructor(device: DiskDevice, process: DiskProcess, locks: Set<object>) {
    this.#running = device
    this.#process = process
    this.#locks = locks
  }

  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const device = this.#device()
    return new SimulatedFile(device, this.#process, path, device.tree.open(path, mode).content, mode !== 'read')
  }

  list(directory: string): string[] {
    return [...this.#device().tree.directory(directory).entries.keys()].sort()
  }

  sizeOf(path: string): number | undefined {
    const node = this.#device().tree.find(path)
    return node?.kind === 'file' ? node.content.size : undefined
  }

  makeDirectory(path: string): void {
    this.#device().tree.makeDirectory(path)
  }

  rename(source: string, target: string): void {
    this.#device().tree.rename(source, target)
  }

  remove(path: string): void {
    this.#device().tree.remove(path)
  }

  async discard(path: string): Promise<void> {
    this.remove(path)
  }

  removeDirectory(path: string): void {
    this.#device().tree.removeDirectory(path)
  }

  async syncDirectory(path: string): Promise<void> {
    const device = this.#device()
    await device.syncNames(this.#process, path, device.tree.directory(path))
  }

  space(path: string): { freeBytes: number; totalBytes: number } {
    const { tree, space } = this.#device()
    if (tree.find(path) === undefined) throw new DiskError('not-found', path, 'no such file or folder')
    return { freeBytes: space.freeBytes, totalBytes: space.capacityBytes }
  }

  lock(path: string): { release(): void } {
    const { tree } = this.#device()
    const file = tree.open(path, 'write').content
    if (this.#locks.has(file)) throw new DiskError('locked', path, 'held by this very process')
    this.#locks.add(file)
    return {
      release: () => {
        if (this.#locks.delete(file)) this.#device().tree.remove(path)
      },
    }
  }

  #device(): DiskDevice {
    if (this.#process.dead) throw new Error('a dead process used its disk')
    return this.#running
  }
}
