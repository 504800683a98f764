import { spawnSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Writes every file below a directory to disk and asks the kernel to drop it from the page cache. `dd` does the asking
 * (posix_fadvise), because Node.js has no call for it and emptying the whole cache needs root and disturbs others.
 * Files that a process has mapped stay; stop it first.
 */
export function evict(directory: string): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const descriptor = openSync(file, 'r')
    fsyncSync(descriptor)
    closeSync(descriptor)
    const result = spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none'])
    if (result.error) throw new Error(`cannot drop ${file} from the page cache: dd: ${result.error.message}`)
  }
}

/** Writes out what earlier runs left dirty in the file system, so that nobody pays for the one measured before. */
export function settle(directory: string): void {
  const result = spawnSync('sync', ['-f', directory])
  if (result.error) throw new Error(`cannot run sync: ${result.error.message}`)
}
