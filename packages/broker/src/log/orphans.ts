import type { Disk } from '../host/disk.ts'
import type { Logger } from '../telemetry/logger.ts'
import { isDirectory } from './durable-directory.ts'
import type { Log } from './log.ts'

interface OrphansOptions {
  disk: Disk
  directory: string
  logger: Logger
}

/**
 * Folders that belong to no log are moved out of the way, never removed: a crash in the middle of a deletion leaves them.
 * Only to be called when the logs are those of a durable checkpoint.
 */
export function moveOrphans(options: OrphansOptions, logs: readonly Log[]): void {
  const { disk, directory, logger } = options
  const known = new Set(logs.map((log) => log.directory))
  for (const name of disk.list(`${directory}/logs`)) {
    const path = `${directory}/logs/${name}`
    if (known.has(path)) continue
    logger.warn('folder belongs to no log, moved', { folder: moveFolder(options, path) })
  }
}

/**
 * Moves the folder of a log that was given up, with the reason in a file `reason.txt`.
 * @returns where it is now, undefined if the log never had one
 */
export function moveAside(options: OrphansOptions, path: string, reason: string): string | undefined {
  const { disk } = options
  if (!isDirectory(disk, path)) return undefined
  const file = disk.open(`${path}/reason.txt`, 'write')
  try {
    file.write([Buffer.from(`${reason}\n`)], 0)
  } finally {
    file.close()
  }
  return moveFolder(options, path)
}

function moveFolder({ disk, directory }: OrphansOptions, path: string): string {
  disk.makeDirectory(`${directory}/orphans`)
  const target = freePath(disk, `${directory}/orphans`, path.slice(path.lastIndexOf('/') + 1))
  disk.rename(path, target)
  return target
}

/** `name` in `directory`, with a number behind it if that is taken. */
export function freePath(disk: Disk, directory: string, name: string): string {
  const taken = new Set(disk.list(directory))
  let free = name
  for (let i = 2; taken.has(free); i++) free = `${name}-${i}`
  return `${directory}/${free}`
}
