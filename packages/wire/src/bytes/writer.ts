import { stringSizeMax } from './reader.ts'
import { putUuid } from './uuid.ts'
import { putUnsignedVarint, unsignedVarintSize } from './varint.ts'
import { WireError } from './wire-error.ts'

/** Byte fields from this size on are passed by reference: a copy of fewer bytes is cheaper than one more chunk. */
const referenceSizeMin = 4096

/** Up to this length a loop over char codes beats the call into the runtime's UTF-8 encoder. */
const asciiLoopLengthMax = 16

const noMemory: Buffer = Buffer.alloc(0)

const int64Bound = 2 ** 63

/** Contents of one byte field: in one piece, or in several that are written back to back. */
export type ByteParts = Uint8Array | readonly Uint8Array[]

/**
 * Writes protocol primitives (big-endian) into growing slabs of memory.
 *
 * {@link chunks} hands over what was written and leaves the writer ready for the next message in the unused rest of the
 * slab. Memory that was handed over is never written again, so a writer may be reused while a socket still sends.
 * Large byte fields become chunks of their own, by reference: their owner must not change them until they are sent.
 * A value that its field cannot hold throws {@link WireError}; then {@link cancelFrame} or {@link discard}.
 */
export class Writer {
  private readonly slabSize: number
  /** The slab being filled. The first is allocated by the first byte, as most connections are idle. */
  private buffer = noMemory
  /** The same memory, for whole integers at once. */
  private view = viewOf(noMemory)
  /** Size of `buffer`, kept apart because asking a typed array is slower. */
  private limit = 0
  private position = 0
  /** Start of the bytes in `buffer` which belong to no finished chunk yet. */
  private segmentStart = 0
  private finished: Uint8Array[] = []
  private finishedSize = 0
  /** Tagged fields are shifted once their size is known, so inside them everything must stay in one segment. */
  private taggedDepth = 0
  private frame: Frame | null = null

  /** @param slabSize bytes allocated at a time; one slab serves many small messages. */
  constructor(slabSize = 16 * 1024) {
    this.slabSize = slabSize
  }

  /** Bytes written since the last {@link chunks}, {@link concat} or {@link discard}. */
  get size(): number {
    return this.finishedSize + this.position - this.segmentStart
  }

  /** Hands over everything written, in order, and starts anew. */
  chunks(): Uint8Array[] {
    this.finishSegment()
    const chunks = this.finished
    this.restart()
    return chunks
  }

  /** As {@link chunks}, in one piece; copies only when there are several chunks. */
  concat(): Buffer {
    if (this.finished.length > 0) return Buffer.concat(this.chunks())
    const bytes = this.buffer.subarray(this.segmentStart, this.position)
    this.segmentStart = this.position
    this.restart()
    return bytes
  }

  /** Forgets everything written since the last hand-over. */
  discard(): void {
    this.position = this.segmentStart
    this.restart()
  }

  /** Starts a length-prefixed frame; the int32 size is filled in by {@link endFrame}. Frames do not nest. */
  beginFrame(): void {
    if (this.frame !== null) throw new Error('frames do not nest')
    this.ensure(4)
    const offset = this.position - this.segmentStart
    this.frame = { buffer: null, offset, sizeBefore: this.size, chunksBefore: this.finished.length }
    this.position += 4
  }

  endFrame(): void {
    const frame = this.openFrame()
    const at = frame.buffer === null ? this.segmentStart + frame.offset : frame.offset
    const target = frame.buffer ?? this.buffer
    target.writeInt32BE(this.size - frame.sizeBefore - 4, at)
    this.frame = null
  }

  /** Takes back the open frame, leaving earlier frames untouched. */
  cancelFrame(): void {
    const frame = this.openFrame()
    this.frame = null
    this.taggedDepth = 0
    if (frame.buffer === null) {
      this.position = this.segmentStart + frame.offset
      return
    }
    this.finished.length = frame.chunksBefore
    this.finishedSize = this.finished.reduce((sum, chunk) => sum + chunk.length, 0)
    const kept = frame.sizeBefore - this.finishedSize
    this.position = this.segmentStart
    if (kept > 0) this.finish(frame.buffer.subarray(frame.offset - kept, frame.offset))
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) throw outOfRange('int8', value)
    this.ensure(1)
    this.buffer[this.position++] = value
  }

  bool(value: boolean): void {
    this.ensure(1)
    this.buffer[this.position++] = value ? 1 : 0
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) throw outOfRange('int16', value)
    this.put16(value)
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) throw outOfRange('uint16', value)
    this.put16(value)
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw outOfRange('int32', value)
    this.put32(value)
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) throw outOfRange('uint32', value)
    this.put32(value | 0)
  }

  /** Integers outside the int64 range are clamped to it: 2^63, the double nearest to the largest int64, is one. */
  int64(value: number): void {
    if (!Number.isInteger(value)) throw outOfRange('int64', value)
    if (value >= int64Bound) {
      this.put32(0x7fffffff)
      this.put32(-1)
      return
    }
    const clamped = value < -int64Bound ? -int64Bound : value
    const high = Math.floor(clamped / 0x100000000)
    this.put32(high)
    this.put32(clamped - high * 0x100000000)
  }

  float64(value: number): void {
    this.ensure(8)
    this.position = this.buffer.writeDoubleBE(value, this.position)
  }

  /** @param value 22 characters of unpadded base64url, as {@link Reader.uuid} returns it. */
  uuid(value: string): void {
    this.ensure(16)
    if (!putUuid(this.buffer, this.position, value)) {
      throw new WireError(`not a uuid: ${JSON.stringify(value.slice(0, 40))}`)
    }
    this.position += 16
  }

  unsignedVarint(value: number): void {
    this.ensure(5)
    this.position = putUnsignedVarint(this.buffer, this.position, value)
  }

  string(value: string): void {
    this.ensureText(value)
    const at = this.position + 2
    const size = this.putText(value, at)
    this.put16(size)
    this.position = at + size
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    this.ensureText(value)
    // UTF-8 takes at most three bytes a code unit: up to 42 units the prefix is known to be one byte long.
    const prefixSize = value.length <= 42 ? 1 : unsignedVarintSize(Buffer.byteLength(value) + 1)
    const at = this.position + prefixSize
    const size = this.putText(value, at)
    putUnsignedVarint(this.buffer, this.position, size + 1)
    this.position = at + size
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.unsignedVarint(0)
    else this.compactString(value)
  }

  bytes(value: ByteParts): void {
    this.int32(byteSize(value))
    this.append(value)
  }

  nullableBytes(value: ByteParts | null): void {
    if (value === null) this.int32(-1)
    else this.bytes(value)
  }

  compactBytes(value: ByteParts): void {
    this.unsignedVarint(byteSize(value) + 1)
    this.append(value)
  }

  compactNullableBytes(value: ByteParts | null): void {
    if (value === null) this.unsignedVarint(0)
    else this.compactBytes(value)
  }

  /** An array's element count; -1 stands for a null array. */
  count(count: number): void {
    this.int32(count)
  }

  /** As {@link count}, for flexible versions. */
  compactCount(count: number): void {
    this.unsignedVarint(count + 1)
  }

  /** The presence byte in front of a nullable struct (KIP-893). */
  present(present: boolean): void {
    this.int8(present ? 1 : -1)
  }

  /** Starts one tagged field (KIP-482); returns the mark to pass to {@link endTaggedField}. */
  beginTaggedField(tag: number): number {
    this.unsignedVarint(tag)
    this.taggedDepth++
    return this.position - this.segmentStart
  }

  /** Moves the field's bytes behind their size, which takes a number of bytes known only now. */
  endTaggedField(mark: number): void {
    this.taggedDepth--
    this.ensure(5)
    const at = this.segmentStart + mark
    const size = this.position - at
    const prefixSize = unsignedVarintSize(size)
    this.buffer.copyWithin(at + prefixSize, at, this.position)
    putUnsignedVarint(this.buffer, at, size)
    this.position += prefixSize
  }

  private put16(value: number): void {
    this.ensure(2)
    const { buffer, position } = this
    buffer[position] = value >> 8
    buffer[position + 1] = value
    this.position = position + 2
  }

  private put32(value: number): void {
    if (this.position + 4 > this.limit) this.grow(4)
    const { position } = this
    this.view.setInt32(position, value)
    this.position = position + 4
  }

  /** Makes room for the worst case of a string and its length prefix. */
  private ensureText(value: string): void {
    if (value.length > stringSizeMax) throw tooLong(value.length)
    this.ensure(5 + value.length * 3)
  }

  private putText(value: string, at: number): number {
    const { length } = value
    if (length <= asciiLoopLengthMax) {
      const { buffer } = this
      let index = 0
      for (; index < length; index++) {
        const code = value.charCodeAt(index)
        if (code >= 0x80) break
        buffer[at + index] = code
      }
      if (index === length) return length
    }
    const size = this.buffer.write(value, at)
    if (size > stringSizeMax) throw tooLong(size)
    return size
  }

  private append(value: ByteParts): void {
    if (value instanceof Uint8Array) this.appendPart(value)
    else for (const part of value) this.appendPart(part)
  }

  private appendPart(part: Uint8Array): void {
    if (part.length >= referenceSizeMin && this.taggedDepth === 0) {
      this.finishSegment()
      this.finish(part)
      return
    }
    this.ensure(part.length)
    this.buffer.set(part, this.position)
    this.position += part.length
  }

  private finishSegment(): void {
    const { frame, segmentStart, position } = this
    if (frame !== null && frame.buffer === null) {
      frame.buffer = this.buffer
      frame.offset += segmentStart
    }
    if (position > segmentStart) this.finish(this.buffer.subarray(segmentStart, position))
    this.segmentStart = position
  }

  private finish(chunk: Uint8Array): void {
    this.finished.push(chunk)
    this.finishedSize += chunk.length
  }

  private restart(): void {
    this.finished = []
    this.finishedSize = 0
    this.taggedDepth = 0
    this.frame = null
  }

  private openFrame(): Frame {
    if (this.frame === null) throw new Error('no frame is open')
    return this.frame
  }

  private ensure(size: number): void {
    if (this.position + size > this.limit) this.grow(size)
  }

  /** Continues the open segment in a new slab; finished chunks keep the old one alive. */
  private grow(size: number): void {
    const used = this.position - this.segmentStart
    const next = Buffer.allocUnsafeSlow(Math.max(this.slabSize, 2 * (used + size)))
    this.buffer.copy(next, 0, this.segmentStart, this.position)
    this.buffer = next
    this.view = viewOf(next)
    this.limit = next.length
    this.segmentStart = 0
    this.position = used
  }
}

/** The open frame: where its size belongs, and what to return to if it is cancelled. */
interface Frame {
  /** Buffer of the size field; null while it still lies in the writer's open segment, which may move. */
  buffer: Buffer | null
  /** Position of the size field: absolute in `buffer`, or relative to the start of the open segment. */
  offset: number
  readonly sizeBefore: number
  readonly chunksBefore: number
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
}

function byteSize(value: ByteParts): number {
  if (value instanceof Uint8Array) return value.length
  let size = 0
  for (const part of value) size += part.length
  return size
}

function outOfRange(type: string, value: number): WireError {
  return new WireError(`${value} is not an ${type}`)
}

function tooLong(size: number): WireError {
  return new WireError(`string of ${size} bytes, at most ${stringSizeMax} are allowed`)
}
