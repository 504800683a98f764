import { crc32c } from '../record/crc32c.ts'

/**
 * Bytes of an index file (big endian): 64 bytes of header, 16 bytes an entry, 4 bytes of CRC-32C over all before.
 *
 * | at | size | field |
 * | -- | ---- | ----- |
 * |  0 |  8 | magic "PLINDEX1" |
 * |  8 |  8 | base offset of the segment |
 * | 16 |  8 | bytes of the segment that the index describes |
 * | 24 |  8 | offset after the last record |
 * | 32 |  8 | largest timestamp, as a double |
 * | 40 |  8 | offset of the last record of the first batch with that timestamp |
 * | 48 |  4 | entries |
 * | 52 |  4 | 1 if compacted, plus 2 if a leader elsewhere left gaps between offsets |
 * | 56 |  4 | position of the last batch described |
 * | 60 |  4 | CRC field of that batch: an index of other bytes than the segment now has is not used |
 *
 * Entry: offset relative to the base (4), position (4), largest timestamp before the position (8, a double).
 */
const headerBytes = 64
const entryBytes = 16
const magic = Buffer.from('PLINDEX1', 'latin1')

/** What is known of a segment besides its bytes. */
export interface SegmentSummary {
  bytes: number
  endOffset: number
  /** -Infinity while empty. */
  maxTimestampMs: number
  maxTimestampOffset: number
  /** True once compacted: offsets may have gaps. */
  sparse: boolean
  /** True if a batch does not begin where the one before it ends: a compacted log was followed. */
  gapped: boolean
}

/** How `sparse` and `gapped` are stored: 1 for the one, 2 for the other. */
export function gapBitsOf({ sparse, gapped }: { sparse: boolean; gapped: boolean }): number {
  return (sparse ? 1 : 0) + (gapped ? 2 : 0)
}

export function gapsOf(bits: number): { sparse: boolean; gapped: boolean } {
  return { sparse: (bits & 1) !== 0, gapped: (bits & 2) !== 0 }
}

/** Sparse index of one segment: offset and time to position, one entry per `intervalBytes` of batches. */
export class SegmentIndex {
  readonly #baseOffset: number
  readonly #intervalBytes: number
  #offsets = new Uint32Array(16)
  #positions = new Uint32Array(16)
  #timestamps = new Float64Array(16)
  #count = 0
  #lastPosition = 0
  #lastCrc = 0

  constructor(baseOffset: number, intervalBytes: number) {
    this.#baseOffset = baseOffset
    this.#intervalBytes = intervalBytes
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of its entries in the file. */
  get bytes(): number {
    return this.#count * entryBytes
  }

  /** Where the last batch stands that the index has been told of, and the CRC field it has. */
  get last(): { position: number; crc: number } {
    return { position: this.#lastPosition, crc: this.#lastCrc }
  }

  /** Notes the batch at `position`, with an entry if it lies an interval behind the last one that has one. */
  note(offset: number, position: number, maxTimestampBeforeMs: number, crc: number): void {
    this.#lastPosition = position
    this.#lastCrc = crc
    const last = this.#count === 0 ? 0 : this.#positions[this.#count - 1]!
    const relative = offset - this.#baseOffset
    if (position - last < this.#intervalBytes || relative > 0xffffffff) return
    if (this.#count === this.#offsets.length) this.#grow()
    this.#offsets[this.#count] = relative
    this.#positions[this.#count] = position
    this.#timestamps[this.#count] = maxTimestampBeforeMs
    this.#count++
  }

  /** The last noted batch that starts at or before `offset`; the start of the segment if there is none. */
  floor(offset: number): { offset: number; position: number } {
    let low = 0
    let high = this.#count
    const relative = offset - this.#baseOffset
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#offsets[middle]! <= relative) low = middle + 1
      else high = middle
    }
    if (low === 0) return { offset: this.#baseOffset, position: 0 }
    return { offset: this.#baseOffset + this.#offsets[low - 1]!, position: this.#positions[low - 1]! }
  }

  /** The last noted batch before which all timestamps are < `timestampMs`: where a search by time starts. */
  floorByTime(timestampMs: number): { offset: number; position: number } {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#timestamps[middle]! < timestampMs) low = middle + 1
      else high = middle
    }
    if (low === 0) return { offset: this.#baseOffset, position: 0 }
    return { offset: this.#baseOffset + this.#offsets[low - 1]!, position: this.#positions[low - 1]! }
  }

  encode(summary: SegmentSummary): Buffer {
    const size = headerBytes + this.#count * entryBytes
    const bytes = Buffer.alloc(size + 4)
    magic.copy(bytes)
    bytes.writeDoubleBE(this.#baseOffset, 8)
    bytes.writeDoubleBE(summary.bytes, 16)
    bytes.writeDoubleBE(summary.endOffset, 24)
    bytes.writeDoubleBE(summary.maxTimestampMs, 32)
    bytes.writeDoubleBE(summary.maxTimestampOffset, 40)
    bytes.writeUInt32BE(this.#count, 48)
    bytes.writeUInt32BE(gapBitsOf(summary), 52)
    bytes.writeUInt32BE(this.#lastPosition, 56)
    bytes.writeUInt32BE(this.#lastCrc, 60)
    for (let i = 0, at = headerBytes; i < this.#count; i++, at += entryBytes) {
      bytes.writeUInt32BE(this.#offsets[i]!, at)
      bytes.writeUInt32BE(this.#positions[i]!, at + 4)
      bytes.writeDoubleBE(this.#timestamps[i]!, at + 8)
    }
    bytes.writeUInt32BE(crc32c(bytes.subarray(0, size)), size)
    return bytes
  }

  /** Undefined if `bytes` is not an intact index of this segment; then the segment is scanned instead. */
  static decode(
    bytes: Buffer,
    baseOffset: number,
    intervalBytes: number,
  ): { index: SegmentIndex; summary: SegmentSummary } | undefined {
    if (bytes.length < headerBytes + 4 || magic.compare(bytes, 0, 8) !== 0) return undefined
    const count = bytes.readUInt32BE(48)
    const size = headerBytes + count * entryBytes
    if (bytes.length !== size + 4 || crc32c(bytes.subarray(0, size)) !== bytes.readUInt32BE(size)) return undefined
    if (bytes.readDoubleBE(8) !== baseOffset) return undefined
    const index = new SegmentIndex(baseOffset, intervalBytes)
    index.#offsets = new Uint32Array(Math.max(count, 16))
    index.#positions = new Uint32Array(Math.max(count, 16))
    index.#timestamps = new Float64Array(Math.max(count, 16))
    index.#count = count
    index.#lastPosition = bytes.readUInt32BE(56)
    index.#lastCrc = bytes.readUInt32BE(60)
    for (let i = 0, at = headerBytes; i < count; i++, at += entryBytes) {
      index.#offsets[i] = bytes.readUInt32BE(at)
      index.#positions[i] = bytes.readUInt32BE(at + 4)
      index.#timestamps[i] = bytes.readDoubleBE(at + 8)
    }
    const summary = {
      bytes: bytes.readDoubleBE(16),
      endOffset: bytes.readDoubleBE(24),
      maxTimestampMs: bytes.readDoubleBE(32),
      maxTimestampOffset: bytes.readDoubleBE(40),
      ...gapsOf(bytes.readUInt32BE(52)),
    }
    return { index, summary }
  }

  #grow(): void {
    const capacity = this.#count * 2
    const offsets = new Uint32Array(capacity)
    const positions = new Uint32Array(capacity)
    const timestamps = new Float64Array(capacity)
    offsets.set(this.#offsets)
    positions.set(this.#positions)
    timestamps.set(this.#timestamps)
    this.#offsets = offsets
    this.#positions = positions
    this.#timestamps = timestamps
  }
}
