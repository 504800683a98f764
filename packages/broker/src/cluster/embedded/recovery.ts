import { DiskError } from '../../host/disk.ts'
import type { Disk } from '../../host/disk.ts'
import { MetadataError } from '../metadata-error.ts'
import { bodyAt, entryHeaderBytes, headAt } from './entry.ts'
import type { EntryHead } from './entry.ts'
import { decodeSnapshot } from './snapshot.ts'
import type { State } from './state.ts'
import { applyEntry } from './state.ts'

/** A larger file is none of ours: the limits keep it well below. */
const fileBytesMax = 2 ** 31 - 1

/** What a store file says, and how far it can be trusted. */
export interface Recovered {
  readonly state: State
  /** Last entry that counts. */
  readonly sequence: number
  /** Its checksum. */
  readonly checksum: number
  /** Bytes of the snapshot. */
  readonly snapshotBytes: number
  /**
   * Bytes of snapshot and entries that count. A mark at the end is not among them and has to be overwritten: nobody knows
   * whether it was synced itself, and what follows unsynced bytes may be cut off with them.
   */
  readonly size: number
  /**
   * Whether a mark at the end says that all of the file and its name are synced. If not, the state must be written to a
   * new file before anybody sees it: the tail may stand in the page cache only, after a sync that failed, and a file
   * just renamed may go back to the one before it.
   */
  readonly clean: boolean
}

/**
 * Reads the store file at `path` without changing it.
 * Throws MetadataError 'corrupt' with file and position if acknowledged data is damaged, 'unavailable' if the disk fails.
 * @returns undefined when there is no file
 */
export function recover(disk: Disk, path: string): Recovered | undefined {
  const bytes = readWhole(disk, path)
  if (bytes === undefined) return undefined
  const snapshot = guard(path, 0, () => decodeSnapshot(bytes))
  const { state, size: snapshotBytes } = snapshot
  let { sequence, checksum } = snapshot
  let position = snapshotBytes
  let marked = false
  while (position < bytes.length) {
    const head = headAt(bytes, position, sequence + 1, sequence + 1)
    if (head === undefined || head.checksumPrevious !== checksum) break
    const body = guard(path, position, () => bodyAt(bytes, position, head.size))
    marked = body.kind === 'synced' && position + head.size === bytes.length
    if (marked) break
    guard(path, position, () => applyEntry(state, body))
    sequence = head.sequence
    checksum = head.checksum
    position += head.size
  }
  if (position < bytes.length && !marked) checkTornTail(bytes, path, position, sequence)
  return { state, sequence, checksum, snapshotBytes, size: position, clean: marked }
}

/**
 * Tells a torn tail from damage. The entry after `sequence` should start at `position` but does not. A crash can tear
 * what was not synced, in any order, so sound entries may follow a torn one of the same group. But if any of them was
 * written when the missing entry was known to be synced, then that entry was on disk, perhaps acknowledged, and has been
 * damaged since: nothing may be cut.
 */
function checkTornTail(bytes: Buffer, path: string, position: number, sequence: number): void {
  const sequenceMax = sequence + Math.ceil((bytes.length - position) / entryHeaderBytes)
  for (let candidate = position; candidate < bytes.length; candidate++) {
    const head: EntryHead | undefined = headAt(bytes, candidate, sequence + 1, sequenceMax)
    if (head !== undefined && head.sequenceSynced > sequence) {
      throw corrupt(path, position, `entry ${sequence + 1} is damaged; entry ${head.sequence} after it is sound`)
    }
  }
}

function readWhole(disk: Disk, path: string): Buffer | undefined {
  try {
    const size = disk.sizeOf(path)
    if (size === undefined) return undefined
    if (size > fileBytesMax) throw corrupt(path, 0, `the file has ${size} bytes, more than any store`)
    const file = disk.open(path, 'read')
    try {
      const bytes = Buffer.alloc(size)
      const count = file.readNow(bytes, 0)
      if (count !== size) throw new DiskError('io', path, `read ${count} of ${size} bytes`)
      return bytes
    } finally {
      file.close()
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    throw new MetadataError('unavailable', `cannot read the metadata store: ${error.message}`, { cause: error })
  }
}

/** Whatever is wrong inside the bytes of a file is damage of that file. */
function guard<T>(path: string, position: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw corrupt(path, position, error instanceof Error ? error.message : String(error), error)
  }
}

function corrupt(path: string, position: number, reason: string, cause?: unknown): MetadataError {
  const message = `${path}: damaged at byte ${position}: ${reason}. Nothing was changed; restore the file from a copy`
  return new MetadataError('corrupt', message, { cause })
}
