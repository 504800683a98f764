import type { CompressionCodec } from './codec.ts'
import { RecordError } from './record-error.ts'

/** What is used of the package `snappy`. */
export interface SnappyPackage {
  compressSync(bytes: Uint8Array): Buffer
  uncompressSync(bytes: Uint8Array, options: { asBuffer: true }): Buffer | string
}

/** snappy-java puts blocks behind this header; librdkafka writes a bare block. Both are read, the header is written. */
const xerialHeader = Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex')
const magicBytes = 8

/** Three bytes copy 64 at most, so no block opens to more than this times its own size. */
const expansionMax = 22

export function snappyCodec(snappy: SnappyPackage): CompressionCodec {
  const open = (block: Uint8Array, bytesMax: number): Buffer => {
    // The package takes the length in front of the block at its word and has no limit, so it is checked first.
    const length = lengthOf(block)
    if (length > bytesMax) throw new RecordError('too-large', `they open to more than ${bytesMax} bytes`)
    if (length > block.length * expansionMax) throw new RecordError('damaged', 'a snappy block lies about its length')
    return snappy.uncompressSync(block, { asBuffer: true }) as Buffer
  }
  return {
    compress: (bytes) => {
      const block = snappy.compressSync(bytes)
      const size = Buffer.alloc(4)
      size.writeInt32BE(block.length)
      return Buffer.concat([xerialHeader, size, block])
    },
    decompress: (bytes, bytesMax) => {
      const isFramed = Buffer.compare(bytes.subarray(0, magicBytes), xerialHeader.subarray(0, magicBytes)) === 0
      return isFramed ? openBlocks(bytes, bytesMax, open) : open(bytes, bytesMax)
    },
  }
}

function openBlocks(
  bytes: Uint8Array,
  bytesMax: number,
  open: (block: Uint8Array, bytesMax: number) => Buffer,
): Buffer {
  const framed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const opened: Buffer[] = []
  let room = bytesMax
  for (let at = xerialHeader.length; at < framed.length; ) {
    const size = at + 4 <= framed.length ? framed.readInt32BE(at) : -1
    if (size < 0 || at + 4 + size > framed.length) throw new RecordError('damaged', 'a snappy block is cut short')
    const block = open(framed.subarray(at + 4, at + 4 + size), room)
    opened.push(block)
    room -= block.length
    at += 4 + size
  }
  return Buffer.concat(opened)
}

/** The length of the opened block: an unsigned varint in front of it. */
function lengthOf(block: Uint8Array): number {
  let length = 0
  for (let i = 0; i < 5 && i < block.length; i++) {
    length += (block[i]! & 127) * 2 ** (7 * i)
    if (block[i]! < 128) return length
  }
  throw new RecordError('damaged', 'a snappy block has no length')
}
