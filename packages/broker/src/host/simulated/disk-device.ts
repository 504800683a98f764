import { DiskError } from '../disk.ts'
import { DirectoryTree } from '../memory/directory-tree.ts'
import type { DirectoryNode, NameChange } from '../memory/directory-tree.ts'
import { DiskSpace } from '../memory/disk-space.ts'
import type { DiskOperation } from './disk-operation.ts'
import { RandomSurvival } from './random-survival.ts'
import type { Survival } from './random-survival.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimulatedRandom } from './simulated-random.ts'
import { UnsyncedFile } from './unsynced-file.ts'
import { UnsyncedNames } from './unsynced-names.ts'

export interface TimeSpan {
  min: number
  max: number
}

export interface DiskTimes {
  /** A sync takes between these times. */
  syncMs: TimeSpan
  /** A read that is not served by the page cache takes between these times. */
  readMs: TimeSpan
}

/** A process that uses the device. When it is dead, nothing it waits for comes any more. */
export interface DiskProcess {
  dead: boolean
}

type PathTest = (path: string) => boolean

/** The page cache and the device under it: what is written, what is durable, and how long that takes. */
export class DiskDevice {
  readonly space: DiskSpace
  readonly tree: DirectoryTree<UnsyncedFile>
  readonly random: SimulatedRandom
  readonly syncFaults: PathTest[] = []
  readonly readFaults: PathTest[] = []
  listener: ((operation: DiskOperation) => void) | undefined
  readonly #scheduler: Scheduler
  readonly #name: string
  readonly #times: DiskTimes
  readonly #names = new UnsyncedNames<UnsyncedFile>()
  #powerLossCount = 0
  #fileCount = 0
  #syncCount = 0
  #stalled = false
  #held: (() => void)[] = []

  constructor(scheduler: Scheduler, name: string, times: DiskTimes, capacityBytes: number) {
    this.#scheduler = scheduler
    this.#name = name
    this.#times = times
    this.random = scheduler.random.stream(`disk ${name}`)
    this.space = new DiskSpace(capacityBytes)
    this.tree = new DirectoryTree(
      () => new UnsyncedFile((this.#fileCount += 1)),
      (change) => this.#nameChanged(change),
    )
  }

  note(operation: DiskOperation): void {
    this.listener?.(operation)
  }

  syncFile(process: DiskProcess, path: string, file: UnsyncedFile): Promise<void> {
    const mark = file.mark()
    const sync = (this.#syncCount += 1)
    this.note({ kind: 'sync-begin', path, file: file.id, sync })
    return this.#finishLater(process, this.#times.syncMs, `sync ${path}`, () => {
      const failed = takeFault(this.syncFaults, path)
      if (failed) file.drop(mark, new RandomSurvival(this.random).file(file.countUpTo(mark)))
      else file.commit(mark)
      this.note({ kind: 'sync-end', path, file: file.id, sync, failed })
      if (failed) throw ioError(path, 'fdatasync')
    })
  }

  syncNames(process: DiskProcess, path: string, directory: DirectoryNode<UnsyncedFile>): Promise<void> {
    const mark = this.#names.mark()
    const sync = (this.#syncCount += 1)
    this.note({ kind: 'sync-directory-begin', path, sync })
    return this.#finishLater(process, this.#times.syncMs, `sync folder ${path}`, () => {
      const failed = takeFault(this.syncFaults, path)
      if (!failed) this.#names.commit(directory, mark)
      this.note({ kind: 'sync-directory-end', path, sync, failed })
      if (failed) throw ioError(path, 'fsync')
    })
  }

  readNow(path: string, file: UnsyncedFile, target: Uint8Array, position: number): number {
    if (takeFault(this.readFaults, path)) throw ioError(path, 'read')
    return file.read(target, position)
  }

  readLater(process: DiskProcess, read: () => number, path: string): Promise<number> {
    return this.#finishLater(process, this.#times.readMs, `read ${path}`, read)
  }

  /** From now on no sync and no read from the device ends. */
  stall(): void {
    this.#stalled = true
  }

  /** Ends a stall; what was held ends after the time of a sync. */
  release(): void {
    this.#stalled = false
    for (const finish of this.#held.splice(0)) this.#later(this.#times.syncMs, 'released', finish)
  }

  losePower(survival: Survival): void {
    this.#powerLossCount += 1
    this.#held = []
    this.#names.losePower(this.tree.root, survival.names())
    let usedBytes = 0
    for (const [, file] of this.files()) {
      file.losePower(survival.file(file.unsyncedCount))
      usedBytes += file.size
    }
    this.space.setUsed(usedBytes)
  }

  /** All files with their paths. */
  *files(directory = this.tree.root, path = ''): Generator<[string, UnsyncedFile]> {
    for (const [name, node] of directory.entries) {
      if (node.kind === 'file') yield [`${path}/${name}`, node.content]
      else yield* this.files(node, `${path}/${name}`)
    }
  }

  #finishLater<T>(process: DiskProcess, takes: TimeSpan, label: string, finish: () => T): Promise<T> {
    const powerLossCount = this.#powerLossCount
    return new Promise((resolve, reject) => {
      this.#later(takes, label, () => {
        // A power loss ends what the device was doing. The death of a process does not, but nobody learns of the end.
        if (this.#powerLossCount !== powerLossCount) return
        let value: T
        try {
          value = finish()
        } catch (error) {
          if (!process.dead) reject(error)
          return
        }
        if (!process.dead) resolve(value)
      })
    })
  }

  #later(takes: TimeSpan, label: string, finish: () => void): void {
    this.#scheduler.schedule(this.random.between(takes.min, takes.max), `${this.#name} ${label}`, () => {
      if (this.#stalled) this.#held.push(finish)
      else finish()
    })
  }

  #nameChanged(change: NameChange<UnsyncedFile>): void {
    this.#names.add(change)
    const gone = change.kind === 'unlink' ? change.node : change.kind === 'rename' ? change.replaced : undefined
    if (gone?.kind === 'file') this.space.giveBack(gone.content, gone.content.size)
    this.note(operationOf(change))
  }
}

function operationOf(change: NameChange<UnsyncedFile>): DiskOperation {
  const path = change.path
  if (change.kind === 'rename') return { kind: 'rename', path, targetPath: change.targetPath }
  if (change.kind === 'unlink') return { kind: 'remove', path }
  if (change.node.kind === 'directory') return { kind: 'make-directory', path }
  return { kind: 'create', path, file: change.node.content.id }
}

function takeFault(faults: PathTest[], path: string): boolean {
  const index = faults.findIndex((matches) => matches(path))
  if (index === -1) return false
  faults.splice(index, 1)
  return true
}

function ioError(path: string, call: string): DiskError {
  return new DiskError('io', path, `EIO: i/o error, ${call}`)
}
