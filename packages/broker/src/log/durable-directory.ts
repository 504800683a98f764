import type { Disk } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'

/** Makes a folder and its parents, and their names durable: else a loss of power takes them, with all that is in them. */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  const missing: string[] = []
  for (let at = path; at !== '' && at !== '/' && at !== '.' && !isDirectory(disk, at); at = parentOf(at))
    missing.push(at)
  disk.makeDirectory(path)
  for (const made of missing) await disk.syncDirectory(parentOf(made))
}

/** Whether there is a folder at `path`. */
export function isDirectory(disk: Disk, path: string): boolean {
  try {
    disk.list(path)
    return true
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'not-found') return false
    throw error
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash > 0 ? path.slice(0, slash) : slash === 0 ? '/' : '.'
}
