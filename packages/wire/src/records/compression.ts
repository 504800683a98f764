import { createRequire } from 'node:module'
import * as zlib from 'node:zlib'
import type { CompressionCodec } from './codec.ts'
import { lz4Codec } from './lz4.ts'
import type { Lz4Package } from './lz4.ts'
import { RecordError } from './record-error.ts'
import { snappyCodec } from './snappy.ts'
import type { SnappyPackage } from './snappy.ts'

/** Kafka's codec numbers are the positions in this list. */
export const compressionNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressionNames)[number]

/** gzip and zstd come with Node. */
const codecs = new Map<Compression, CompressionCodec>([
  ['none', { compress: (bytes) => bytes, decompress: openNothing }],
  [
    'gzip',
    {
      compress: (bytes) => zlib.gzipSync(bytes),
      decompress: (bytes, bytesMax) => zlib.gunzipSync(bytes, { maxOutputLength: bytesMax }),
    },
  ],
  [
    'zstd',
    {
      compress: (bytes) => zlib.zstdCompressSync(bytes),
      decompress: (bytes, bytesMax) => zlib.zstdDecompressSync(bytes, { maxOutputLength: bytesMax }),
    },
  ],
])

/** Native packages, which need not be installed for those who use other codecs. */
const packages: Partial<Record<Compression, { name: string; codecOf(module: unknown): CompressionCodec }>> = {
  snappy: { name: 'snappy', codecOf: (module) => snappyCodec(module as SnappyPackage) },
  lz4: { name: 'lz4-napi', codecOf: (module) => lz4Codec(module as Lz4Package) },
}

const missing = new Map<Compression, RecordError>()

// The client runs on Node 20 too, whose zlib has no zstd; imported by name it would not even load there.
if (typeof zlib.zstdCompressSync !== 'function') {
  codecs.delete('zstd')
  missing.set('zstd', new RecordError('missing-codec', 'zstd compression needs Node.js 22.15 or newer'))
}

/** The codec of a number in a batch's attributes. @throws RecordError 'damaged' for a number that means nothing */
export function compressionOf(number: number): Compression {
  const compression = compressionNames[number]
  if (compression === undefined) throw new RecordError('damaged', `compression codec ${number} is not known`)
  return compression
}

/** @throws RecordError 'missing-codec' */
export function compress(compression: Compression, bytes: Uint8Array): Uint8Array {
  return loadCodec(compression).compress(bytes)
}

/**
 * @param bytesMax at least 1; a few bytes of zeroes must not be able to fill the memory
 * @throws RecordError of any kind
 */
export function decompress(compression: Compression, bytes: Uint8Array, bytesMax: number): Uint8Array {
  const codec = loadCodec(compression)
  try {
    return codec.decompress(bytes, bytesMax)
  } catch (error) {
    if (error instanceof RecordError) throw error
    const isTooLarge = error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    const detail = isTooLarge ? `they open to more than ${bytesMax} bytes` : String(error)
    const message = `they cannot be opened with ${compression}: ${detail}`
    throw new RecordError(isTooLarge ? 'too-large' : 'damaged', message, { cause: error })
  }
}

/**
 * Makes a codec ready. Others do it when they are first used, which takes some milliseconds once.
 * @throws RecordError 'missing-codec'
 */
export function loadCodec(compression: Compression): CompressionCodec {
  const loaded = codecs.get(compression)
  if (loaded !== undefined) return loaded
  const known = missing.get(compression)
  if (known !== undefined) throw known
  const wanted = packages[compression]!
  try {
    // Not `import`, because records are opened where nothing can be waited for.
    const codec = wanted.codecOf(createRequire(import.meta.url)(wanted.name))
    codecs.set(compression, codec)
    return codec
  } catch (error) {
    const message = `${compression} compression needs the package "${wanted.name}": npm install ${wanted.name}`
    const failure = new RecordError('missing-codec', message, { cause: error })
    missing.set(compression, failure)
    throw failure
  }
}

function openNothing(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.length > bytesMax) throw new RecordError('too-large', `they are more than ${bytesMax} bytes`)
  return bytes
}
