import { crc32c } from '@node-rs/crc32'
import { noLease } from '../metadata-store.ts'
import type { LeaseId, WatchEvent } from '../metadata-store.ts'
import { ByteReader, ByteWriter, textSize } from './bytes.ts'

/** Bytes before the body of an entry. */
export const entryHeaderBytes = 32

/** A key after a revision: put, or deleted when `value` is undefined. */
export interface Change {
  readonly key: string
  readonly value: string | undefined
  readonly lease: LeaseId
}

/** What an entry says. Comparisons are settled before it is written, so it holds effects only. */
export type EntryBody =
  | { readonly kind: 'synced' }
  | { readonly kind: 'changes'; readonly revision: number; readonly changes: readonly Change[] }
  | { readonly kind: 'grant'; readonly lease: LeaseId; readonly ttlMs: number }
  | {
      readonly kind: 'revoke'
      readonly lease: LeaseId
      readonly revision: number
      readonly changes: readonly Change[]
    }

/** Where an entry stands among the others. */
export interface EntryLink {
  /** 1 for the first entry of a store, then without gaps. */
  readonly sequence: number
  /** Every entry up to this one was known to be synced when this one was written. */
  readonly sequenceSynced: number
  /** Checksum of the entry before: an entry left over from a write that failed does not fit after another one. */
  readonly checksumPrevious: number
}

/** The header of an entry whose checksum is right. */
export interface EntryHead extends EntryLink {
  readonly checksum: number
  /** Header and body. */
  readonly size: number
}

const kindCodes = { synced: 0, changes: 1, grant: 2, revoke: 3 } as const

/** The bytes of an entry; docs/metadata.md has the table. */
export function encodeEntry(body: EntryBody, link: EntryLink): Buffer {
  const size = entryHeaderBytes + bodySize(body)
  const writer = new ByteWriter(size)
  writer.int32(0)
  writer.int32(size - entryHeaderBytes)
  writer.int64(link.sequence)
  writer.int64(link.sequenceSynced)
  writer.int32(link.checksumPrevious)
  writer.byte(kindCodes[body.kind])
  writer.position = entryHeaderBytes
  writeBody(writer, body)
  writer.bytes.writeUInt32BE(crc32c(writer.bytes.subarray(4)), 0)
  return writer.bytes
}

/** Checksum of an encoded entry. */
export function checksumOf(entry: Buffer): number {
  return entry.readUInt32BE(0)
}

/**
 * The entry that starts at `position`, or undefined when the bytes there are not one. `sequenceMin` and `sequenceMax`
 * are looked at first, so that trying every position of a damaged file does not run the checksum over each.
 */
export function headAt(
  bytes: Buffer,
  position: number,
  sequenceMin: number,
  sequenceMax: number,
): EntryHead | undefined {
  if (bytes.length - position < entryHeaderBytes) return undefined
  // Not by way of a BigInt: a search for sound entries comes here once for each byte.
  const sequence = bytes.readUInt32BE(position + 8) * 2 ** 32 + bytes.readUInt32BE(position + 12)
  if (sequence < sequenceMin || sequence > sequenceMax) return undefined
  const size = entryHeaderBytes + bytes.readUInt32BE(position + 4)
  if (size > bytes.length - position) return undefined
  const checksum = bytes.readUInt32BE(position)
  if (crc32c(bytes.subarray(position + 4, position + size)) !== checksum) return undefined
  const sequenceSynced = Number(bytes.readBigUInt64BE(position + 16))
  return { sequence, sequenceSynced, checksumPrevious: bytes.readUInt32BE(position + 24), checksum, size }
}

/** What the entry at `position` says. Throws when it is not well formed, which no damage with a right checksum is. */
export function bodyAt(bytes: Buffer, position: number, size: number): EntryBody {
  const kind = bytes.readUInt8(position + 28)
  const reader = new ByteReader(bytes.subarray(position + entryHeaderBytes, position + size))
  const body = readBody(reader, kind)
  if (reader.remaining !== 0) throw new RangeError('an entry is longer than what it says')
  return body
}

/** The changes of a revision, as an entry holds them. */
export function changesOf(events: readonly WatchEvent[]): Change[] {
  return events.map((event) =>
    event.kind === 'put'
      ? { key: event.keyValue.key, value: event.keyValue.value, lease: event.keyValue.lease }
      : { key: event.key, value: undefined, lease: noLease },
  )
}

function bodySize(body: EntryBody): number {
  switch (body.kind) {
    case 'synced':
      return 0
    case 'grant':
      return 16
    case 'changes':
      return 12 + changesSize(body.changes)
    case 'revoke':
      return 20 + changesSize(body.changes)
  }
}

function changesSize(changes: readonly Change[]): number {
  let size = 0
  for (const { key, value } of changes) size += 1 + textSize(key) + (value === undefined ? 0 : 8 + textSize(value))
  return size
}

function writeBody(writer: ByteWriter, body: EntryBody): void {
  switch (body.kind) {
    case 'synced':
      return
    case 'grant':
      writer.int64(BigInt(body.lease))
      writer.int64(body.ttlMs)
      return
    case 'changes':
      writeChanges(writer, body.revision, body.changes)
      return
    case 'revoke':
      writer.int64(BigInt(body.lease))
      writeChanges(writer, body.revision, body.changes)
  }
}

function writeChanges(writer: ByteWriter, revision: number, changes: readonly Change[]): void {
  writer.int64(revision)
  writer.int32(changes.length)
  for (const { key, value, lease } of changes) {
    writer.byte(value === undefined ? 0 : 1)
    writer.text(key)
    if (value === undefined) continue
    writer.int64(BigInt(lease))
    writer.text(value)
  }
}

function readBody(reader: ByteReader, kind: number): EntryBody {
  switch (kind) {
    case kindCodes.synced:
      return { kind: 'synced' }
    case kindCodes.changes:
      return { kind: 'changes', ...readChanges(reader) }
    case kindCodes.grant:
      return { kind: 'grant', lease: readLease(reader), ttlMs: reader.int64() }
    case kindCodes.revoke:
      return { kind: 'revoke', lease: readLease(reader), ...readChanges(reader) }
    default:
      throw new RangeError(`an entry has the unknown kind ${kind}`)
  }
}

function readChanges(reader: ByteReader): { revision: number; changes: Change[] } {
  const revision = reader.int64()
  const count = reader.int32()
  const changes: Change[] = []
  for (let index = 0; index < count; index++) {
    const put = reader.byte() === 1
    const key = reader.text()
    if (put) changes.push({ key, lease: readLease(reader), value: reader.text() })
    else changes.push({ key, lease: noLease, value: undefined })
  }
  return { revision, changes }
}

function readLease(reader: ByteReader): LeaseId {
  return String(reader.bigint64()) as LeaseId
}
