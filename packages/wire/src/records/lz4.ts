import type { CompressionCodec } from './codec.ts'
import { RecordError } from './record-error.ts'

/** What is used of the package `lz4-napi`. */
export interface Lz4Package {
  compressFrameSync(bytes: Buffer): Buffer
  decompressFrameSync(bytes: Buffer): Buffer
}

const magic = 0x184d2204
const checksumOfBlocksFlag = 0x10
const contentSizeFlag = 0x08
const dictionaryFlag = 0x01
/** Set in the size of a block that is stored as it is. */
const storedBit = 0x80000000

export function lz4Codec(lz4: Lz4Package): CompressionCodec {
  const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    compress: (bytes) => lz4.compressFrameSync(bufferOf(bytes)),
    decompress: (bytes, bytesMax) => {
      // The package has no limit, so what the blocks open to is counted first.
      const frame = bufferOf(bytes)
      if (openedBytesOf(frame) > bytesMax)
        throw new RecordError('too-large', `they open to more than ${bytesMax} bytes`)
      return lz4.decompressFrameSync(frame)
    },
  }
}

/** What an LZ4 frame opens to (LZ4 Frame Format 1.6), exact for intact frames and never less than the truth. */
function openedBytesOf(frame: Buffer): number {
  if (frame.length < 7 || frame.readUInt32LE(0) !== magic) throw new RecordError('damaged', 'they are no LZ4 frame')
  const flags = frame[4]!
  let at = 7 + (flags & contentSizeFlag ? 8 : 0) + (flags & dictionaryFlag ? 4 : 0)
  if (at > frame.length) throw new RecordError('damaged', 'an LZ4 frame is cut short')
  // A decoder may take the size that the frame claims and make room for it.
  const claimed = flags & contentSizeFlag ? Number(frame.readBigUInt64LE(6)) : 0
  let sum = 0
  while (at + 4 <= frame.length) {
    const word = frame.readUInt32LE(at)
    if (word === 0) break
    const isStored = word >= storedBit
    const size = isStored ? word - storedBit : word
    const end = at + 4 + size
    if (end > frame.length) throw new RecordError('damaged', 'an LZ4 block is cut short')
    sum += isStored ? size : openedBytesOfBlock(frame, at + 4, end)
    at = end + (flags & checksumOfBlocksFlag ? 4 : 0)
  }
  return Math.max(sum, claimed)
}

/** Adds up the lengths of literals and matches in a block (LZ4 Block Format), without opening it. */
function openedBytesOfBlock(block: Buffer, start: number, end: number): number {
  let sum = 0
  let at = start
  const longLength = (nibble: number): number => {
    let length = nibble
    if (nibble < 15) return length
    for (;;) {
      if (at >= end) throw new RecordError('damaged', 'an LZ4 block ends inside a length')
      const byte = block[at++]!
      length += byte
      if (byte < 255) return length
    }
  }
  while (at < end) {
    const token = block[at++]!
    const literals = longLength(token >> 4)
    sum += literals
    at += literals
    if (at >= end) break
    at += 2
    sum += longLength(token & 15) + 4
  }
  return sum
}
