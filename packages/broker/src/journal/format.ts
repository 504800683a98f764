/**
 * Bytes of a journal file. All numbers are big endian.
 *
 * File header, 64 bytes:
 * | at | size | field |
 * | -- | ---- | ----- |
 * |  0 |  8 | magic "PLJRNL02" |
 * |  8 |  8 | file number |
 * | 16 |  8 | sequence of the first entry; 0 in a spare file, which has none |
 * | 24 | 16 | id of the data directory |
 * | 40 |  8 | size the file was given when it was made; less than this is damage |
 * | 48 | 12 | zero |
 * | 60 |  4 | CRC-32C of bytes 0-59 |
 *
 * Entry, 32 bytes of header and a payload:
 * | at | size | field |
 * | -- | ---- | ----- |
 * |  0 |  4 | CRC-32C of the directory id, the file number (8 bytes), bytes 4-31 and the covered part of the payload |
 * |  4 |  4 | payload length |
 * |  8 |  1 | kind |
 * |  9 |  3 | zero |
 * | 12 |  4 | log id |
 * | 16 |  8 | sequence, one more than the entry before |
 * | 24 |  8 | last sequence known to be synced when this entry was written |
 *
 * Of a record batch only the first 21 bytes are covered: the rest is under the batch's own CRC, which the replay checks.
 * The payloads of all other kinds are covered whole. The directory id makes sure that no record which somebody fills with
 * the bytes of a journal is ever taken for a part of this one.
 *
 * Files are used again: behind the last entry may be those of the file's former life. The file number in their CRC tells
 * them from new ones, and `endMarkBytes` zeroes behind each group written say that nothing was to follow it.
 *
 * Files with the magic "PLJRNL01" are still read: their CRCs leave out the file number, and all is zero behind the end.
 */
import { crc32c } from '../record/crc32c.ts'

export const fileHeaderBytes = 64
export const entryHeaderBytes = 32
/** Of a record batch, what lies before the bytes that its own CRC covers. */
export const batchCoveredBytes = 21

/** Zeroes behind the last entry of a group, overwritten by the next one. */
export const endMarkBytes = 32

const fileMagic = Buffer.from('PLJRNL02', 'latin1')
const firstFileMagic = Buffer.from('PLJRNL01', 'latin1')

/**
 * What an entry says. Numbers are stored: never reuse one. A `mark` says nothing but that what is before it was synced.
 */
export const EntryKind = { batch: 1, createLog: 2, deleteLog: 3, syncedOffset: 4, mark: 5 } as const
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind]

export interface EntryHeader {
  crc: number
  payloadBytes: number
  kind: number
  logId: number
  sequence: number
  syncedSequence: number
}

export interface FileHeader {
  fileNumber: number
  firstSequence: number
  /** 16 bytes. */
  directoryId: Uint8Array
  fileBytes: number
}

/** What is read from a file: `numbered` is whether the file number is part of the CRCs of its entries. */
export interface FoundFileHeader extends FileHeader {
  numbered: boolean
}

function coveredBytes(kind: number, payloadBytes: number): number {
  return kind === EntryKind.batch ? Math.min(batchCoveredBytes, payloadBytes) : payloadBytes
}

/** What the CRCs of the entries of a file start from; without a number, those of the first format. */
export function entrySeed(directoryId: Uint8Array, fileNumber?: number): number {
  const seed = crc32c(directoryId)
  if (fileNumber === undefined) return seed
  const number = Buffer.alloc(8)
  writeUInt64(number, 0, fileNumber)
  return crc32c(number, seed)
}

/** Writes an entry header at `at`, with its CRC; `payload` holds at least the covered part. */
export function writeEntryHeader(
  target: Buffer,
  at: number,
  entry: Omit<EntryHeader, 'crc'>,
  payload: Uint8Array,
  seed: number,
): void {
  target.writeUInt32BE(entry.payloadBytes, at + 4)
  target.writeUInt32BE(entry.kind << 24, at + 8)
  target.writeUInt32BE(entry.logId, at + 12)
  writeUInt64(target, at + 16, entry.sequence)
  writeUInt64(target, at + 24, entry.syncedSequence)
  target.writeUInt32BE(entryCrc(target, at, entry.kind, payload, seed), at)
}

export function readEntryHeader(source: Buffer, at: number): EntryHeader {
  return {
    crc: source.readUInt32BE(at),
    payloadBytes: source.readUInt32BE(at + 4),
    kind: source[at + 8]!,
    logId: source.readUInt32BE(at + 12),
    sequence: readUInt64(source, at + 16),
    syncedSequence: readUInt64(source, at + 24),
  }
}

/** CRC of the header at `at` (without its own field) and the covered part of `payload`. */
export function entryCrc(source: Buffer, at: number, kind: number, payload: Uint8Array, seed: number): number {
  const header = crc32c(source.subarray(at + 4, at + entryHeaderBytes), seed)
  return crc32c(payload.subarray(0, coveredBytes(kind, payload.length)), header)
}

export function encodeFileHeader(header: FileHeader): Buffer {
  const bytes = Buffer.alloc(fileHeaderBytes)
  fileMagic.copy(bytes)
  writeUInt64(bytes, 8, header.fileNumber)
  writeUInt64(bytes, 16, header.firstSequence)
  bytes.set(header.directoryId, 24)
  writeUInt64(bytes, 40, header.fileBytes)
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, 60)), 60)
  return bytes
}

/** Undefined if `bytes` is no intact file header. */
export function decodeFileHeader(bytes: Buffer): FoundFileHeader | undefined {
  if (bytes.length < fileHeaderBytes) return undefined
  const numbered = fileMagic.compare(bytes, 0, 8) === 0
  if (!numbered && firstFileMagic.compare(bytes, 0, 8) !== 0) return undefined
  if (crc32c(bytes.subarray(0, 60)) !== bytes.readUInt32BE(60)) return undefined
  return {
    fileNumber: readUInt64(bytes, 8),
    firstSequence: readUInt64(bytes, 16),
    directoryId: Uint8Array.from(bytes.subarray(24, 40)),
    fileBytes: readUInt64(bytes, 40),
    numbered,
  }
}

export function journalFileName(fileNumber: number): string {
  return `${String(fileNumber).padStart(16, '0')}.journal`
}

/** The file number in a name, undefined for other names. */
export function journalFileNumber(name: string): number | undefined {
  const match = /^(\d{16})\.journal$/.exec(name)
  return match ? Number(match[1]) : undefined
}

/** Numbers in the journal stay below 2^53. */
function writeUInt64(target: Buffer, at: number, value: number): void {
  target.writeUInt32BE(Math.floor(value / 4294967296), at)
  target.writeUInt32BE(value >>> 0, at + 4)
}

function readUInt64(source: Buffer, at: number): number {
  return source.readUInt32BE(at) * 4294967296 + source.readUInt32BE(at + 4)
}
