import type { Disk, DiskFile } from '../../../packages/broker/src/host/disk.ts'
import { NodeDisk } from '../../../packages/broker/src/host/node/node-disk.ts'

const holdMs = 400

/**
 * A disk that says yes too early: what is written to the journal stays in the process for a while, and a sync is
 * answered at once. This is what a broker does that acknowledges before it writes. (A broker that only leaves out the
 * sync cannot be told by kill -9; the crash states have that canary.)
 */
export class ForgetfulDisk extends NodeDisk implements Disk {
  override open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const file = super.open(path, mode)
    return path.includes('/journal/') && mode !== 'read' ? new ForgetfulFile(file) : file
  }
}

class ForgetfulFile implements DiskFile {
  readonly path: string
  readonly #file: DiskFile
  #held: { bytes: Buffer; position: number }[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(file: DiskFile) {
    this.path = file.path
    this.#file = file
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#held.push({ bytes: Buffer.concat(chunks), position })
    this.#timer ??= setTimeout(() => this.#flush(), holdMs)
  }

  async sync(): Promise<void> {}

  size(): number {
    this.#flush()
    return this.#file.size()
  }

  readNow(target: Uint8Array, position: number): number {
    this.#flush()
    return this.#file.readNow(target, position)
  }

  read(target: Uint8Array, position: number): Promise<number> {
    this.#flush()
    return this.#file.read(target, position)
  }

  truncate(size: number): void {
    this.#flush()
    this.#file.truncate(size)
  }

  close(): void {
    this.#flush()
    this.#file.close()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const { bytes, position } of this.#held.splice(0)) this.#file.write([bytes], position)
  }
}
