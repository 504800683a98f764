import { deepStrictEqual, strictEqual as equal, notStrictEqual, ok, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Compression } from './compression.ts'
import { compress, compressionNames, compressionOf, decompress } from './compression.ts'
import { crc32cTables } from './crc32c.ts'
import { RecordCursor } from './record-cursor.ts'
import { RecordError } from './record-error.ts'
import type { RecordErrorKind } from './record-error.ts'
import { snappyCodec } from './snappy.ts'
import { putVarint, varintSize } from './varint.ts'

const packed = compressionNames.filter((name) => name !== 'none')

function isRecordError(kind: RecordErrorKind): (error: unknown) => boolean {
  return (error) => error instanceof RecordError && error.kind === kind
}

describe('compression', () => {
  for (const name of compressionNames) {
    it(`${name} gives back what it was given, up to the limit and not beyond`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(300), (part, repeats) => {
          const bytes = Buffer.concat([part, Buffer.alloc(repeats * 7, 'polylog')])
          const closed = compress(name, bytes)
          deepStrictEqual(Buffer.from(decompress(name, closed, Math.max(bytes.length, 1))), bytes)
          if (bytes.length < 2) return
          throws(() => decompress(name, closed, bytes.length - 1), isRecordError('too-large'))
        }),
        { numRuns: 50 },
      )
    })
  }

  for (const name of packed) {
    it(`${name} refuses a bomb without opening it`, () => {
      const bomb = compress(name, Buffer.alloc(32 << 20))
      const before = process.memoryUsage().rss
      throws(() => decompress(name, bomb, 1 << 20), isRecordError('too-large'))
      ok(process.memoryUsage().rss - before < 24 << 20)
    })

    it(`${name} says of damaged bytes that they are, whatever they are`, () => {
      const closed = compress(name, Buffer.alloc(500, 'polylog'))
      fc.assert(
        fc.property(fc.nat(closed.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, mask, cut) => {
          const bytes = Buffer.from(cut ? closed.subarray(0, at) : closed)
          if (!cut) bytes[at] = bytes[at]! ^ mask
          try {
            decompress(name, bytes, 1 << 20)
          } catch (error) {
            ok(error instanceof RecordError, String(error))
            notStrictEqual(error.kind, 'missing-codec')
          }
        }),
        { numRuns: 300 },
      )
    })
  }

  it('reads what other writers of snappy and lz4 make', () => {
    // "abc" as librdkafka sends it, without a frame; and in two xerial blocks, as snappy-java sends it.
    const bare = Buffer.from('0308616263', 'hex')
    deepStrictEqual(Buffer.from(decompress('snappy', bare, 3)).toString(), 'abc')
    const framed = `82534e4150505900${'00000001'.repeat(2)}${'000000050308616263'.repeat(2)}`
    equal(Buffer.from(decompress('snappy', Buffer.from(framed, 'hex'), 6)).toString(), 'abcabc')
    throws(() => decompress('snappy', Buffer.from(framed, 'hex'), 5), isRecordError('too-large'))
    // One stored block in a frame with 64 KiB blocks, header checksum 0x82.
    const stored = Buffer.from('04224d18' + '604082' + '03000080' + '616263' + '00000000', 'hex')
    equal(Buffer.from(decompress('lz4', stored, 3)).toString(), 'abc')
  })

  it('does not believe a snappy block about a length it cannot have', () => {
    const lying = Buffer.from('ffffff0f08616263', 'hex')
    throws(() => decompress('snappy', lying, 64 << 20), isRecordError('damaged'))
  })

  it('never asks the snappy package for more than the limit', () => {
    const asked: number[] = []
    const codec = snappyCodec({
      compressSync: (bytes) => Buffer.from(bytes),
      uncompressSync: (block) => {
        asked.push(block.length)
        return Buffer.alloc(block[0]!)
      },
    })
    const block = Buffer.concat([Buffer.from([100]), Buffer.alloc(20)])
    equal(codec.decompress(block, 100).length, 100)
    throws(() => codec.decompress(block, 99), isRecordError('too-large'))
    deepStrictEqual(asked, [21])
  })

  it('knows the numbers of codecs', () => {
    const expected: Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
    deepStrictEqual([0, 1, 2, 3, 4].map(compressionOf), expected)
    throws(() => compressionOf(5), isRecordError('damaged'))
  })
})

describe('varints', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (number) => {
        // Half of -1 would be cut to -0, which no varint tells from 0.
        const value = Math.trunc(number / 2) + 0
        const bytes = Buffer.alloc(varintSize(value))
        equal(putVarint(bytes, 0, value), bytes.length)
        equal(new RecordCursor(bytes).varint(), value)
      }),
    )
  })

  it('take one byte up to 63 and down to -64', () => {
    deepStrictEqual([-65, -64, 63, 64].map(varintSize), [2, 1, 1, 2])
  })
})

describe('RecordCursor', () => {
  it('never reads beyond its bytes', () => {
    const cursor = new RecordCursor(new Uint8Array([0x80, 5]).subarray(0, 1))
    throws(() => cursor.varint(), isRecordError('damaged'))
    throws(() => new RecordCursor(Buffer.alloc(11, 0x80)).varint(), isRecordError('damaged'))
    throws(() => new RecordCursor(Buffer.alloc(3)).view(4), isRecordError('damaged'))
    throws(() => new RecordCursor(Buffer.alloc(3)).view(-2), isRecordError('damaged'))
    throws(() => new RecordCursor(Buffer.alloc(0)).int8(), isRecordError('damaged'))
    equal(new RecordCursor(Buffer.alloc(3)).view(-1), null)
    equal(new RecordCursor(Buffer.alloc(3)).view(3)?.length, 3)
  })
})

describe('crc32cTables', () => {
  it('has the check values of RFC 3720', () => {
    equal(crc32cTables(Buffer.from('123456789')), 0xe3069283)
    equal(crc32cTables(Buffer.alloc(32)), 0x8a9136aa)
    equal(crc32cTables(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  })

  it('goes on from where it stopped', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
        equal(crc32cTables(b, crc32cTables(a)), crc32cTables(Buffer.concat([a, b])))
      }),
    )
  })
})
