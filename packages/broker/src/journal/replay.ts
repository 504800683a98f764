import type { Disk } from '../host/disk.ts'
import { batchBytesOf, batchHeaderBytes, crcStart, storedCrcOf } from '../record/batch.ts'
import { crc32c } from '../record/crc32c.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { EntryHeader } from './format.ts'
import {
  decodeFileHeader,
  entryCrc,
  entryHeaderBytes,
  EntryKind,
  fileHeaderBytes,
  journalFileName,
  journalFileNumber,
  readEntryHeader,
} from './format.ts'

/** Damage that is no torn tail: acknowledged data may be under it. Nothing has been changed on disk. */
export class JournalDamageError extends Error {
  readonly file: string
  readonly position: number

  constructor(file: string, position: number, what: string) {
    super(
      `journal damaged: ${file} at byte ${position}: ${what}. ` +
        'Nothing was changed. Run `polylog inspect` on the data directory, or restore it from a copy.',
    )
    this.name = 'JournalDamageError'
    this.file = file
    this.position = position
  }
}

export interface ReplayedEntry {
  kind: number
  logId: number
  sequence: number
  /** A view on the file's bytes; copy what shall be kept. */
  payload: Buffer
  /** False if the payload of a batch fails its own CRC: damage within one log, whose id and sequence are known. */
  intact: boolean
  file: string
  position: number
}

export interface ReplayedFile {
  fileNumber: number
  path: string
  lastSequence: number
  /** True if bytes at its end were left out as a torn tail. */
  torn: boolean
}

export interface ReplayResult {
  files: ReplayedFile[]
  nextSequence: number
  nextFileNumber: number
  /** What was cut off as a torn tail. */
  tornBytes: number
}

export interface ReplayOptions {
  disk: Disk
  logger: Logger
  directory: string
  directoryId: Uint8Array
}

/**
 * Visits the entries of all journal files in order and tells a torn tail (what a crash leaves of writes that nobody was
 * told of) from damage: an entry carries the last sequence that was synced when it was written, so an intact entry behind
 * a broken one shows whether the broken one had been acknowledged.
 * @throws JournalDamageError
 */
export function replayJournal(options: ReplayOptions, visit: (entry: ReplayedEntry) => void): ReplayResult {
  const { disk, directory } = options
  const numbers = disk
    .list(directory)
    .map(journalFileNumber)
    .filter((number) => number !== undefined)
  const files: ReplayedFile[] = []
  const result: ReplayResult = { files, nextSequence: -1, nextFileNumber: (numbers.at(-1) ?? 0) + 1, tornBytes: 0 }
  let torn: { file: string; position: number; sequence: number } | undefined
  for (const number of numbers) {
    const path = `${directory}/${journalFileName(number)}`
    const bytes = readWhole(disk, path)
    if (torn) {
      const later = findSyncedProof(bytes, 0, torn.sequence)
      if (later !== undefined) throw new JournalDamageError(torn.file, torn.position, `${path} shows it was synced`)
      // Nobody was told of these entries, but they stay on disk under another name for whoever wants to look.
      files.push({ fileNumber: number, path, lastSequence: result.nextSequence - 1, torn: true })
      result.tornBytes += lastNonZero(bytes) + 1
      continue
    }
    const end = replayFile(options, { number, path, bytes }, result, visit)
    // A spare that was never used has no entries and cannot say which come next.
    files.push({ fileNumber: number, path, lastSequence: result.nextSequence - 1, torn: end !== undefined })
    if (end !== undefined) torn = { file: path, position: end, sequence: result.nextSequence }
  }
  if (result.nextSequence < 0) result.nextSequence = 1
  return result
}

interface JournalFile {
  number: number
  path: string
  bytes: Buffer
}

/** Returns the position at which the file's entries end before its bytes do, undefined if it is whole. */
function replayFile(
  options: ReplayOptions,
  file: JournalFile,
  result: ReplayResult,
  visit: (entry: ReplayedEntry) => void,
): number | undefined {
  const { path, bytes } = file
  const header = decodeFileHeader(bytes)
  if (!header) return brokenHeader(file, result)
  if (Buffer.compare(header.directoryId, options.directoryId) !== 0) {
    throw new JournalDamageError(path, 0, 'the file belongs to another data directory')
  }
  if (header.fileNumber !== file.number) throw new JournalDamageError(path, 0, 'the file has been renamed')
  if (result.nextSequence < 0) result.nextSequence = header.firstSequence
  if (header.firstSequence !== result.nextSequence) {
    throw new JournalDamageError(path, 0, `starts at entry ${header.firstSequence}, expected ${result.nextSequence}`)
  }
  let at = fileHeaderBytes
  while (at + entryHeaderBytes <= bytes.length) {
    const entry = readEntryHeader(bytes, at)
    if (!isIntact(bytes, at, entry) || entry.sequence !== result.nextSequence) break
    const payload = bytes.subarray(at + entryHeaderBytes, at + entryHeaderBytes + entry.payloadBytes)
    const intact = entry.kind !== EntryKind.batch || isBatchIntact(payload)
    if (!intact && findSyncedProof(bytes, at + entryHeaderBytes, entry.sequence) === undefined) break
    visit({ kind: entry.kind, logId: entry.logId, sequence: entry.sequence, payload, intact, file: path, position: at })
    result.nextSequence++
    at += entryHeaderBytes + entry.payloadBytes
  }
  return settleEnd(options, file, at, result)
}

/** Decides what the bytes from `at` on are: untouched zeroes, a torn tail, or damage. */
function settleEnd(options: ReplayOptions, file: JournalFile, at: number, result: ReplayResult): number | undefined {
  const rest = file.bytes.subarray(at)
  if (isZero(rest)) return undefined
  if (findSyncedProof(file.bytes, at, result.nextSequence) !== undefined) {
    throw new JournalDamageError(file.path, at, `entry ${result.nextSequence} is broken although it had been synced`)
  }
  const tornBytes = lastNonZero(rest) + 1
  result.tornBytes += tornBytes
  options.logger.warn('journal tail torn by a crash, cut', { file: file.path, position: at, bytes: tornBytes })
  return at
}

/**
 * A file is given its header and synced before the first entry goes in, so a broken header with entries behind it is
 * damage; without any it is a file that a crash caught while it was being prepared.
 */
function brokenHeader(file: JournalFile, result: ReplayResult): number | undefined {
  if (isZero(file.bytes)) return undefined
  const sequence = Math.max(result.nextSequence, 0)
  if (findSyncedProof(file.bytes, fileHeaderBytes, sequence) !== undefined || hasEntry(file.bytes)) {
    throw new JournalDamageError(file.path, 0, 'the header is broken')
  }
  return 0
}

/** Looks behind `from` for an intact entry that says `sequence` had been synced; returns its position. */
function findSyncedProof(bytes: Buffer, from: number, sequence: number): number | undefined {
  for (let at = from; at + entryHeaderBytes <= bytes.length; at++) {
    // Byte 9 to 11 are zero and the kind is small; this skips nearly all positions before a CRC is computed.
    const kind = bytes[at + 8]!
    if (kind === 0 || kind > 16 || bytes[at + 9] !== 0 || bytes[at + 10] !== 0 || bytes[at + 11] !== 0) continue
    const entry = readEntryHeader(bytes, at)
    if (entry.sequence > sequence && entry.syncedSequence >= sequence && isIntact(bytes, at, entry)) return at
  }
  return undefined
}

function hasEntry(bytes: Buffer): boolean {
  if (bytes.length < fileHeaderBytes + entryHeaderBytes) return false
  return isIntact(bytes, fileHeaderBytes, readEntryHeader(bytes, fileHeaderBytes))
}

/** Whether the entry header is true to its CRC and its payload lies within the file. */
function isIntact(bytes: Buffer, at: number, entry: EntryHeader): boolean {
  const start = at + entryHeaderBytes
  if (entry.kind === 0 || entry.payloadBytes > bytes.length - start) return false
  return entryCrc(bytes, at, entry.kind, bytes.subarray(start, start + entry.payloadBytes)) === entry.crc
}

function isBatchIntact(payload: Buffer): boolean {
  if (payload.length < batchHeaderBytes || batchBytesOf(payload, 0) !== payload.length) return false
  return crc32c(payload.subarray(crcStart)) === storedCrcOf(payload, 0)
}

function isZero(bytes: Buffer): boolean {
  return lastNonZero(bytes) < 0
}

function lastNonZero(bytes: Buffer): number {
  let at = bytes.length - 1
  while (at >= 0 && bytes[at] === 0) at--
  return at
}

function readWhole(disk: Disk, path: string): Buffer {
  const file = disk.open(path, 'read')
  try {
    const bytes = Buffer.allocUnsafe(file.size())
    const count = file.readNow(bytes, 0)
    return bytes.subarray(0, count)
  } finally {
    file.close()
  }
}
