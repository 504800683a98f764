import type { Disk } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'

/** Something that a recovery has put out of the way and that no broker reads again. */
export interface SetAside {
  path: string
  bytes: number
  /** `torn`: behind the last intact write. `kept`: journal of a damaged log. `orphan`: a folder that belonged to no log. */
  kind: 'torn' | 'kept' | 'orphan'
}

/** What `kind` means, for people. */
export const setAsideReasons: Readonly<Record<SetAside['kind'], string>> = {
  torn: 'bytes behind the last intact write at a crash; nothing acknowledged, as far as the files can tell',
  kept: 'journal from the start that found a log damaged; may have records that its segments have lost',
  orphan: 'folder that belonged to no log; what a deletion or a crash had left',
}

const setAsideName = /\.(torn|kept)(-\d+)?$/

/** Finds what recoveries have set aside in a data directory. Changes nothing. @throws DiskError */
export function findSetAside(disk: Disk, directory: string): SetAside[] {
  const folders = namesIn(disk, `${directory}/logs`).map((name) => `${directory}/logs/${name}`)
  const found: SetAside[] = []
  for (const folder of [`${directory}/journal`, ...folders]) {
    for (const name of namesIn(disk, folder)) {
      const kind = setAsideName.exec(name)?.[1] as 'torn' | 'kept' | undefined
      const bytes = kind === undefined ? undefined : disk.sizeOf(`${folder}/${name}`)
      if (kind !== undefined && bytes !== undefined) found.push({ path: `${folder}/${name}`, bytes, kind })
    }
  }
  for (const name of namesIn(disk, `${directory}/orphans`)) {
    const path = `${directory}/orphans/${name}`
    const sizes = disk.sizeOf(path) ?? namesIn(disk, path).map((file) => disk.sizeOf(`${path}/${file}`) ?? 0)
    const bytes = typeof sizes === 'number' ? sizes : sizes.reduce((sum, size) => sum + size, 0)
    found.push({ path, bytes, kind: 'orphan' })
  }
  return found
}

/**
 * Removes what `findSetAside` finds, durably, while it holds the lock of the directory. The caller has asked, and has made
 * sure that no log is damaged: what was set aside may be all that is left of such a one.
 * @returns what was removed
 * @throws DiskError 'locked' while a broker runs there
 */
export async function removeSetAside(disk: Disk, directory: string): Promise<SetAside[]> {
  const lock = disk.lock(`${directory}/lock`)
  try {
    // A broker may have set aside more since the caller looked; what is removed is what is there under the lock.
    const found = findSetAside(disk, directory)
    for (const { path, kind } of found) {
      if (kind === 'orphan' && disk.sizeOf(path) === undefined) disk.removeDirectory(path)
      else await disk.discard(path)
    }
    const folders = new Set(found.map(({ path }) => path.slice(0, path.lastIndexOf('/'))))
    for (const folder of folders) await disk.syncDirectory(folder)
    return found
  } finally {
    lock.release()
  }
}

/** Names in a folder; none if it is missing, or no folder. */
function namesIn(disk: Disk, folder: string): string[] {
  if (disk.sizeOf(folder) !== undefined) return []
  try {
    return disk.list(folder)
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'not-found') return []
    throw error
  }
}
