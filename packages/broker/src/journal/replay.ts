import type { Disk } from '../host/disk.ts'
import { batchBytesOf, batchHeaderBytes, crcStart, storedCrcOf } from '../record/batch.ts'
import { crc32c } from '../record/crc32c.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { EntryHeader, FoundFileHeader } from './format.ts'
import {
  decodeFileHeader,
  endMarkBytes,
  entryCrc,
  entryHeaderBytes,
  EntryKind,
  entrySeed,
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
  /** True if bytes at its end were left out as a torn tail. */
  torn: boolean
}

export interface ReplayResult {
  files: ReplayedFile[]
  /**
   * Behind every sequence that may stand in these files, taken or left out: should they be met again, because a crash comes
   * before they are gone, nothing that was left out may pass for what the next life has written.
   */
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
  /** Entries below are all in segments. Of these the journal may lack some: files are trimmed in any order. */
  neededSequence: number
  /** Entries up to here are known to have been synced, from elsewhere than the journal itself. */
  provenSequence: number
}

/** Where the entries end although something follows. */
interface TornTail {
  file: string
  position: number
  /** Of the entry that should be there. */
  sequence: number
}

interface JournalFile {
  number: number
  path: string
  bytes: Buffer
  header: FoundFileHeader | undefined
  /** What the CRCs of its entries may start from: one, or two if the header does not tell its format. */
  seeds: readonly number[]
}

interface Replay {
  options: ReplayOptions
  visit: (entry: ReplayedEntry) => void
  result: ReplayResult
  /** Once set, nothing more is taken: what follows was written behind a hole, and nobody was told of it. */
  torn: TornTail | undefined
  /** End of the entries of the last file. */
  end: { file: string; position: number }
  /** Behind every sequence that what was left out may have. */
  leftOutEnd: number
}

/** The journal files in `directory`, without a look into them. */
export function listJournal(disk: Disk, directory: string): { files: ReplayedFile[]; nextFileNumber: number } {
  const numbers = disk
    .list(directory)
    .map(journalFileNumber)
    .filter((number) => number !== undefined)
  const files = numbers.map((fileNumber) => {
    return { fileNumber, path: `${directory}/${journalFileName(fileNumber)}`, torn: false }
  })
  return { files, nextFileNumber: (numbers.at(-1) ?? 0) + 1 }
}

/**
 * Visits the entries of all journal files in order and tells a torn tail (what a crash leaves of writes that nobody was
 * told of) from damage: an entry carries the last sequence that was synced when it was written, so an intact entry behind
 * a broken one shows whether the broken one had been acknowledged.
 * @throws JournalDamageError
 */
export function replayJournal(options: ReplayOptions, visit: (entry: ReplayedEntry) => void): ReplayResult {
  const { disk, directory, neededSequence } = options
  const listed = listJournal(disk, directory)
  const result: ReplayResult = { ...listed, nextSequence: -1, tornBytes: 0 }
  const end = { file: directory, position: 0 }
  const replay: Replay = { options, visit, result, torn: undefined, end, leftOutEnd: 0 }
  for (const file of result.files) {
    const bytes = readWhole(disk, file.path)
    // A spare that was never used.
    if (isZero(bytes)) continue
    const found = journalFile(file, bytes, options.directoryId)
    if (isSpare(found)) continue
    replayFile(replay, found)
    file.torn = replay.torn !== undefined
  }
  if (result.nextSequence < 0) result.nextSequence = neededSequence
  checkEnd(replay)
  result.nextSequence = Math.max(result.nextSequence, replay.leftOutEnd)
  return result
}

/** Bytes with entries from `firstSequence` on are left out. */
function leaveOut(replay: Replay, firstSequence: number, bytes: number): void {
  replay.leftOutEnd = Math.max(replay.leftOutEnd, firstSequence + Math.ceil(bytes / entryHeaderBytes))
}

function journalFile({ fileNumber, path }: ReplayedFile, bytes: Buffer, directoryId: Uint8Array): JournalFile {
  const header = decodeFileHeader(bytes)
  const seeds = header
    ? [entrySeed(directoryId, header.numbered ? fileNumber : undefined)]
    : [entrySeed(directoryId, fileNumber), entrySeed(directoryId)]
  return { number: fileNumber, path, bytes, header, seeds }
}

/**
 * Whether a file was on its way to its second life and got no entries in it. One that has still its old name when a
 * crash comes was not used under the new one: that waits until the name is durable.
 */
function isSpare(file: JournalFile): boolean {
  if (file.header?.firstSequence !== 0) return false
  return file.header.fileNumber !== file.number || findEntry(file, fileHeaderBytes, () => true) === undefined
}

function replayFile(replay: Replay, file: JournalFile): void {
  const { result } = replay
  const { path, bytes, header } = file
  if (header && Buffer.compare(header.directoryId, replay.options.directoryId) !== 0) {
    throw new JournalDamageError(path, 0, 'the file belongs to another data directory')
  }
  if (header && header.fileNumber !== file.number) throw new JournalDamageError(path, 0, 'the file has been renamed')
  if (header && bytes.length < header.fileBytes) {
    throw new JournalDamageError(path, bytes.length, `the file ends here, it had ${header.fileBytes} bytes`)
  }
  const isBegun = header !== undefined && header.firstSequence > 0
  if (isBegun && !replay.torn) checkStart(replay, path, header.firstSequence)
  if (!isBegun) {
    // Header and first entry stand in one sector: the second cannot have got to the disk without the first.
    if (hasEntry(file)) throw new JournalDamageError(path, 0, 'the header is broken')
    const sequence = result.nextSequence < 0 ? replay.options.neededSequence : result.nextSequence
    replay.torn ??= { file: path, position: 0, sequence }
  }
  if (replay.torn) {
    const { torn } = replay
    const proof = findSyncedProof(file, fileHeaderBytes, torn.sequence)
    if (proof !== undefined) throw new JournalDamageError(torn.file, torn.position, `${path} shows it was synced`)
    result.tornBytes += lastNonZero(bytes) + 1
    leaveOut(replay, Math.max(header?.firstSequence ?? 0, torn.sequence), bytes.length)
    return
  }
  replayEntries(replay, file)
}

/** Whether the entries before `firstSequence` are all there or not needed; else the tail before them is torn. */
function checkStart(replay: Replay, path: string, firstSequence: number): void {
  const { result, options } = replay
  if (result.nextSequence < 0) result.nextSequence = Math.min(firstSequence, options.neededSequence)
  if (firstSequence < result.nextSequence) {
    throw new JournalDamageError(path, 0, `starts at entry ${firstSequence}, expected ${result.nextSequence}`)
  }
  if (firstSequence > result.nextSequence) {
    if (firstSequence <= options.neededSequence) result.nextSequence = firstSequence
    else replay.torn = { ...replay.end, sequence: result.nextSequence }
  }
}

function replayEntries(replay: Replay, file: JournalFile): void {
  const { result, visit } = replay
  const { path, bytes } = file
  let at = fileHeaderBytes
  while (at + entryHeaderBytes <= bytes.length) {
    const entry = readEntryHeader(bytes, at)
    if (!isIntact(file, at, entry) || entry.sequence !== result.nextSequence) break
    const payload = bytes.subarray(at + entryHeaderBytes, at + entryHeaderBytes + entry.payloadBytes)
    const intact = entry.kind !== EntryKind.batch || isBatchIntact(payload)
    if (!intact && !wasSynced(replay, file, at + entryHeaderBytes, entry.sequence)) break
    visit({ kind: entry.kind, logId: entry.logId, sequence: entry.sequence, payload, intact, file: path, position: at })
    result.nextSequence++
    at += entryHeaderBytes + entry.payloadBytes
  }
  replay.end = { file: path, position: at }
  settleEnd(replay, file, at)
}

/** Decides what the bytes from `at` on are: nothing or what is left of the file's former life, a torn tail, or damage. */
function settleEnd(replay: Replay, file: JournalFile, at: number): void {
  const { result, options } = replay
  const rest = file.bytes.subarray(at)
  const { nextSequence } = result
  const isMarked = isZero(rest.subarray(0, endMarkBytes))
  if (isMarked && findEntry(file, at, (entry) => entry.sequence >= nextSequence) === undefined) return
  if (wasSynced(replay, file, at, nextSequence)) {
    throw new JournalDamageError(file.path, at, `entry ${nextSequence} is broken although it had been synced`)
  }
  const tornBytes = lastNonZero(rest) + 1
  result.tornBytes += tornBytes
  leaveOut(replay, nextSequence, tornBytes)
  replay.torn = { file: file.path, position: at, sequence: nextSequence }
  options.logger.warn('journal tail torn by a crash, cut', { file: file.path, position: at, bytes: tornBytes })
}

/** Nothing that is known from elsewhere to have been synced may be missing at the end. */
function checkEnd(replay: Replay): void {
  const { result, options, end } = replay
  if (result.nextSequence > options.provenSequence) return
  const what = `entries ${result.nextSequence} to ${options.provenSequence} are missing`
  throw new JournalDamageError(end.file, end.position, what)
}

function wasSynced(replay: Replay, file: JournalFile, from: number, sequence: number): boolean {
  return sequence <= replay.options.provenSequence || findSyncedProof(file, from, sequence) !== undefined
}

/** Looks behind `from` for an intact entry that says `sequence` had been synced; returns its position. */
function findSyncedProof(file: JournalFile, from: number, sequence: number): number | undefined {
  return findEntry(file, from, (entry) => entry.sequence > sequence && entry.syncedSequence >= sequence)
}

/** Position of the first intact entry from `from` on that `matches`, wherever it begins; not of the file's former life. */
function findEntry(file: JournalFile, from: number, matches: (entry: EntryHeader) => boolean): number | undefined {
  const { bytes } = file
  const end = lastNonZero(bytes) + 1
  for (let at = from; at < end && at + entryHeaderBytes <= bytes.length; at++) {
    // Byte 9 to 11 are zero and the kind is small; this skips nearly all positions before a CRC is computed.
    const kind = bytes[at + 8]!
    if (kind === 0 || kind > 16 || bytes[at + 9] !== 0 || bytes[at + 10] !== 0 || bytes[at + 11] !== 0) continue
    const entry = readEntryHeader(bytes, at)
    if (matches(entry) && isIntact(file, at, entry)) return at
  }
  return undefined
}

function hasEntry(file: JournalFile): boolean {
  if (file.bytes.length < fileHeaderBytes + entryHeaderBytes) return false
  return isIntact(file, fileHeaderBytes, readEntryHeader(file.bytes, fileHeaderBytes))
}

/** Whether the entry header is true to its CRC and its payload lies within the file. */
function isIntact({ bytes, seeds }: JournalFile, at: number, entry: EntryHeader): boolean {
  const start = at + entryHeaderBytes
  if (entry.kind === 0 || entry.payloadBytes > bytes.length - start) return false
  const payload = bytes.subarray(start, start + entry.payloadBytes)
  return seeds.some((seed) => entryCrc(bytes, at, entry.kind, payload, seed) === entry.crc)
}

function isBatchIntact(payload: Buffer): boolean {
  if (payload.length < batchHeaderBytes || batchBytesOf(payload, 0) !== payload.length) return false
  return crc32c(payload.subarray(crcStart)) === storedCrcOf(payload, 0)
}

/** Nearly always the first byte tells. */
function isZero(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes[0] === 0 && lastNonZero(bytes) < 0)
}

/** Most of a file is room that was never used: whole blocks of it are compared at a time. */
function lastNonZero(bytes: Buffer): number {
  let at = bytes.length - 1
  while (at + 1 >= zeroes.length && zeroes.compare(bytes, at + 1 - zeroes.length, at + 1) === 0) at -= zeroes.length
  while (at >= 0 && bytes[at] === 0) at--
  return at
}

const zeroes = Buffer.alloc(4096)

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
