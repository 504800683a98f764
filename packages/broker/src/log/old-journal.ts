import type { Disk } from '../host/disk.ts'
import type { RecoveredStore } from './recover-store.ts'

/**
 * Removes the journal files of before this start, once a checkpoint says that nobody needs them. What held torn bytes is
 * kept under another name, and all of it if a log was found damaged: what it holds may be all that is left of that.
 * Called again, does nothing. @throws DiskError
 */
export async function clearOldJournal(
  disk: Disk,
  directory: string,
  { journalFiles, journalNeeded }: Pick<RecoveredStore, 'journalFiles' | 'journalNeeded'>,
): Promise<void> {
  const files = journalFiles.splice(0)
  for (const file of files) {
    if (journalNeeded || file.torn) disk.rename(file.path, `${file.path}.${journalNeeded ? 'kept' : 'torn'}`)
    else disk.remove(file.path)
  }
  if (files.length > 0) await disk.syncDirectory(`${directory}/journal`)
}
