import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { ClientError } from '../client-error.ts'
import { damaged } from './varint.ts'

/** Kafka's codec numbers are the positions in this list. */
export const compressionNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressionNames)[number]

/** Compresses and opens the records part of a batch. */
export interface CompressionCodec {
  compress(bytes: Uint8Array): Uint8Array
  /** Must stop with an error instead of making more than `bytesMax`. */
  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array
}

/** Most bytes a batch may open to; a peer must not be able to fill our memory with a few bytes of zeroes. */
export const openedBytesMax = 64 * 1024 * 1024

/** gzip and zstd come with Node; the other two only where their packages are installed. */
const codecs = new Map<Compression, CompressionCodec>([
  ['none', { compress: (bytes) => bytes, decompress: (bytes) => bytes }],
  [
    'gzip',
    {
      compress: (bytes) => gzipSync(bytes),
      decompress: (bytes, bytesMax) => gunzipSync(bytes, { maxOutputLength: bytesMax }),
    },
  ],
  [
    'zstd',
    {
      compress: (bytes) => zstdCompressSync(bytes),
      decompress: (bytes, bytesMax) => zstdDecompressSync(bytes, { maxOutputLength: bytesMax }),
    },
  ],
])

const packages: Partial<Record<Compression, { name: string; load(module: object): CompressionCodec }>> = {
  snappy: { name: 'snappy', load: snappyCodec },
  lz4: { name: 'lz4-napi', load: lz4Codec },
}

/**
 * Makes a codec available to `compress` and `decompress`.
 * @throws ClientError 'unsupported' if its package is not installed
 */
export async function loadCompression(compression: Compression): Promise<void> {
  const wanted = packages[compression]
  if (codecs.has(compression) || wanted === undefined) return
  try {
    const loaded = (await import(wanted.name)) as { default?: object }
    codecs.set(compression, wanted.load(loaded.default ?? loaded))
  } catch (error) {
    const message = `${compression} compression needs the package "${wanted.name}": npm install ${wanted.name}`
    throw new ClientError('unsupported', message, { cause: error })
  }
}

/** The codec of a number in a batch's attributes. @throws ClientError 'corrupt' for a number that means nothing */
export function compressionOf(number: number): Compression {
  const compression = compressionNames[number]
  if (compression === undefined) throw damaged(`compression codec ${number} is not known`)
  return compression
}

export function isLoaded(compression: Compression): boolean {
  return codecs.has(compression)
}

export function compress(compression: Compression, bytes: Uint8Array): Uint8Array {
  return codecOf(compression).compress(bytes)
}

/** @throws ClientError 'corrupt' if the bytes are damaged or open to more than `openedBytesMax` */
export function decompress(compression: Compression, bytes: Uint8Array): Uint8Array {
  const codec = codecOf(compression)
  try {
    return codec.decompress(bytes, openedBytesMax)
  } catch (error) {
    if (error instanceof ClientError) throw error
    throw damaged(`it cannot be opened with ${compression}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function codecOf(compression: Compression): CompressionCodec {
  const codec = codecs.get(compression)
  if (codec === undefined) throw new ClientError('invalid', `${compression} was not loaded before it was used`)
  return codec
}

interface SnappyPackage {
  compressSync(bytes: Uint8Array): Buffer
  uncompressSync(bytes: Uint8Array, options: { asBuffer: true }): Buffer
}

/** snappy-java puts blocks behind this header; librdkafka writes a bare block. Both are read, the header is written. */
const xerialHeader = Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex')

function snappyCodec(module: object): CompressionCodec {
  const snappy = module as SnappyPackage
  const open = (block: Uint8Array, bytesMax: number): Buffer => {
    // The package has no output limit, so the length that stands in front of the block is looked at first.
    if (snappyLength(block) > bytesMax) throw damaged(`it opens to more than ${bytesMax} bytes`)
    return snappy.uncompressSync(block, { asBuffer: true })
  }
  return {
    compress: (bytes) => {
      const block = snappy.compressSync(bytes)
      const size = Buffer.alloc(4)
      size.writeInt32BE(block.length)
      return Buffer.concat([xerialHeader, size, block])
    },
    decompress: (bytes, bytesMax) => {
      if (Buffer.compare(bytes.subarray(0, 8), xerialHeader.subarray(0, 8)) !== 0) return open(bytes, bytesMax)
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const opened: Buffer[] = []
      let room = bytesMax
      for (let at = xerialHeader.length; at < buffer.length; ) {
        const size = at + 4 <= buffer.length ? buffer.readInt32BE(at) : -1
        if (size < 0 || at + 4 + size > buffer.length) throw damaged('a snappy block is cut short')
        const block = open(buffer.subarray(at + 4, at + 4 + size), room)
        opened.push(block)
        room -= block.length
        at += 4 + size
      }
      return Buffer.concat(opened)
    },
  }
}

/** The length of the opened block: an unsigned varint in front of it. */
function snappyLength(block: Uint8Array): number {
  let length = 0
  for (let i = 0; i < 5 && i < block.length; i++) {
    length += (block[i]! & 127) * 2 ** (7 * i)
    if (block[i]! < 128) return length
  }
  throw damaged('a snappy block has no length')
}

interface Lz4Package {
  compressFrameSync(bytes: Buffer): Buffer
  decompressFrameSync(bytes: Buffer): Buffer
}

function lz4Codec(module: object): CompressionCodec {
  const lz4 = module as Lz4Package
  const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    compress: (bytes) => lz4.compressFrameSync(bufferOf(bytes)),
    decompress: (bytes, bytesMax) => {
      // This package has no output limit either; a frame can open to no more than its blocks times their largest size.
      if (lz4BytesMax(bufferOf(bytes)) > bytesMax) throw damaged(`it opens to more than ${bytesMax} bytes`)
      return lz4.decompressFrameSync(bufferOf(bytes))
    },
  }
}

/** Upper bound of what an LZ4 frame opens to (LZ4 Frame Format 1.6). */
function lz4BytesMax(frame: Buffer): number {
  if (frame.length < 7 || frame.readUInt32LE(0) !== 0x184d2204) throw damaged('it is no LZ4 frame')
  const flags = frame[4]!
  const blockBytesMax = 2 ** (8 + 2 * ((frame[5]! >> 4) & 7))
  const blockTail = flags & 0x10 ? 4 : 0
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0)
  let sum = 0
  while (at + 4 <= frame.length) {
    const word = frame.readUInt32LE(at)
    if (word === 0) break
    sum += word >= 0x80000000 ? word - 0x80000000 : blockBytesMax
    at += 4 + (word & 0x7fffffff) + blockTail
  }
  return sum
}
