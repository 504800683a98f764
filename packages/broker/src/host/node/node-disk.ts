import {
  closeSync,
  constants,
  fsync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  unlink,
  unlinkSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Disk, DiskFile } from '../disk.ts'
import { codeOf, diskErrorOf } from './node-disk-error.ts'
import { NodeFile } from './node-file.ts'
import { takeLock } from './node-lock.ts'

const openFlags = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR | constants.O_CREAT,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
}

/** The file system of the machine. */
export class NodeDisk implements Disk {
  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    return attempt(path, () => new NodeFile(path, openSync(path, openFlags[mode])))
  }

  list(directory: string): string[] {
    return attempt(directory, () => readdirSync(directory).sort())
  }

  sizeOf(path: string): number | undefined {
    const status = attempt(path, () => statSync(path, { throwIfNoEntry: false }))
    return status?.isFile() ? status.size : undefined
  }

  makeDirectory(path: string): void {
    attempt(path, () => makeWithParents(path))
  }

  rename(source: string, target: string): void {
    attempt(source, () => renameSync(source, target))
  }

  remove(path: string): void {
    try {
      unlinkSync(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw diskErrorOf(error, path)
    }
  }

  discard(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      unlink(path, (error) => {
        if (error === null || error.code === 'ENOENT') resolve()
        else reject(diskErrorOf(error, path) as Error)
      })
    })
  }

  removeDirectory(path: string): void {
    attempt(path, () => rmSync(path, { recursive: true, force: true }))
  }

  syncDirectory(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      // Windows has no fsync of folders; NTFS journals the names itself.
      if (process.platform === 'win32') return resolve()
      const descriptor = attempt(path, () => openSync(path, constants.O_RDONLY))
      fsync(descriptor, (error) => {
        closeSync(descriptor)
        if (error === null) resolve()
        else reject(diskErrorOf(error, path))
      })
    })
  }

  space(path: string): { freeBytes: number; totalBytes: number } {
    const status = attempt(path, () => statfsSync(path))
    return { freeBytes: status.bavail * status.bsize, totalBytes: status.blocks * status.bsize }
  }

  lock(path: string): { release(): void } {
    return attempt(path, () => takeLock(path))
  }
}

function attempt<T>(path: string, operation: () => T): T {
  try {
    return operation()
  } catch (error) {
    throw diskErrorOf(error, path)
  }
}

/** Node's own recursive mkdir never returns where a folder can neither be found nor made, as in /proc (Node 26.10). */
function makeWithParents(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    makeWithParents(dirname(path))
    makeOne(path)
  }
}

/** Another process may be making the same folder. */
function makeOne(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}
