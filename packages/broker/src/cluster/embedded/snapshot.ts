import { crc32c } from '@node-rs/crc32'
import type { KeyValue, LeaseId } from '../metadata-store.ts'
import { ByteReader, ByteWriter, textSize } from './bytes.ts'
import { KeySpace } from './key-space.ts'
import { LeaseTable } from './lease-table.ts'
import type { State } from './state.ts'

const magic = Buffer.from('POLYMETA', 'latin1')
const formatVersion = 1
const headBytes = 60
const leaseBytes = 16
const keyBytes = 32
const checksumBytes = 4

/** A state and the last entry that made it. */
export interface Snapshot {
  readonly state: State
  readonly sequence: number
  /** Checksum of that entry, 0 when there is none. */
  readonly checksum: number
}

/** A snapshot as read from the start of a file. */
export interface SnapshotRead extends Snapshot {
  /** Bytes it takes; the entries follow. */
  readonly size: number
}

/** The bytes of a snapshot; docs/metadata.md has the table. The history of the keys is left out. */
export function encodeSnapshot({ state, sequence, checksum }: Snapshot): Buffer {
  const keyValues = [...state.keys.scan('')]
  const leases = [...state.leases.entries()]
  let size = headBytes + leases.length * leaseBytes + checksumBytes
  for (const { key, value } of keyValues) size += keyBytes + textSize(key) + textSize(value)
  const writer = new ByteWriter(size)
  writer.position = magic.copy(writer.bytes)
  writer.int32(formatVersion)
  writer.int64(size)
  writer.int64(sequence)
  writer.int32(checksum)
  writer.int64(state.keys.revision)
  writer.int64(state.leases.next)
  writer.int32(leases.length)
  writer.int64(keyValues.length)
  for (const [id, ttlMs] of leases) {
    writer.int64(BigInt(id))
    writer.int64(ttlMs)
  }
  for (const keyValue of keyValues) writeKeyValue(writer, keyValue)
  writer.int32(crc32c(writer.bytes.subarray(0, writer.position)))
  return writer.bytes
}

/** Reads the snapshot at the start of `bytes`. Throws an Error that says what is wrong with it. */
export function decodeSnapshot(bytes: Buffer): SnapshotRead {
  if (bytes.length < headBytes + checksumBytes) throw new Error('the file is shorter than any snapshot')
  if (!bytes.subarray(0, magic.length).equals(magic)) throw new Error('the file does not start with a snapshot')
  const version = bytes.readUInt32BE(magic.length)
  if (version !== formatVersion) throw new Error(`the snapshot has the unknown format ${version}`)
  const size = Number(bytes.readBigUInt64BE(magic.length + 4))
  if (size < headBytes + checksumBytes || size > bytes.length) throw new Error('the file ends within its snapshot')
  const end = size - checksumBytes
  if (crc32c(bytes.subarray(0, end)) !== bytes.readUInt32BE(end))
    throw new Error('the checksum of the snapshot is wrong')
  const reader = new ByteReader(bytes.subarray(magic.length + 12, end))
  const sequence = reader.int64()
  const checksum = reader.int32()
  const keys = new KeySpace(reader.int64())
  const leases = new LeaseTable(reader.bigint64())
  const leaseCount = reader.int32()
  const keyCount = reader.int64()
  for (let index = 0; index < leaseCount; index++) leases.add(readLease(reader), reader.int64())
  for (let index = 0; index < keyCount; index++) keys.restore(readKeyValue(reader))
  if (reader.remaining !== 0) throw new Error('the snapshot is longer than what it says')
  return { state: { keys, leases }, sequence, checksum, size }
}

function writeKeyValue(writer: ByteWriter, keyValue: KeyValue): void {
  writer.int64(keyValue.createRevision)
  writer.int64(keyValue.modRevision)
  writer.int64(keyValue.version)
  writer.int64(BigInt(keyValue.lease))
  writer.text(keyValue.key)
  writer.text(keyValue.value)
}

function readKeyValue(reader: ByteReader): KeyValue {
  const createRevision = reader.int64()
  const modRevision = reader.int64()
  const version = reader.int64()
  const lease = readLease(reader)
  const key = reader.text()
  const value = reader.text()
  return { key, value, createRevision, modRevision, version, lease }
}

function readLease(reader: ByteReader): LeaseId {
  return String(reader.bigint64()) as LeaseId
}
