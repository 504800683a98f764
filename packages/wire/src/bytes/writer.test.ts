import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Reader } from './reader.ts'
import { WireError } from './wire-error.ts'
import { Writer } from './writer.ts'

const large = Buffer.alloc(4096, 'L')

test('int64 is clamped to its range and exact within 2^53', () => {
  const written = (value: number): string => {
    const writer = new Writer()
    writer.int64(value)
    return writer.concat().toString('hex')
  }
  assert.equal(written(2 ** 63), '7fffffffffffffff')
  assert.equal(written(2 ** 80), '7fffffffffffffff')
  assert.equal(written(-(2 ** 63)), '8000000000000000')
  assert.equal(written(-(2 ** 80)), '8000000000000000')
  assert.equal(written(Number.MAX_SAFE_INTEGER), '001fffffffffffff')
  assert.equal(written(-1), 'ffffffffffffffff')
  assert.equal(written(-(2 ** 32)), 'ffffffff00000000')
})

test('a value that does not fit its type is a WireError', () => {
  const writer = new Writer()
  assert.throws(() => writer.int8(128), WireError)
  assert.throws(() => writer.int16(-32769), WireError)
  assert.throws(() => writer.uint16(65536), WireError)
  assert.throws(() => writer.int32(2 ** 31), WireError)
  assert.throws(() => writer.uint32(-1), WireError)
  assert.throws(() => writer.int32(1.5), WireError)
  assert.throws(() => writer.int64(Number.NaN), WireError)
  assert.throws(() => writer.uuid('short'), WireError)
  assert.throws(() => writer.uuid('!'.repeat(22)), WireError)
  assert.throws(() => writer.string('x'.repeat(32768)), WireError)
  assert.throws(() => writer.compactString('€'.repeat(10923)), WireError)
  assert.equal(writer.size, 0)
})

test('strings survive a round trip in both forms, lone surrogates excepted', () => {
  const texts = fc.string({ unit: 'grapheme', maxLength: 200 })
  fc.assert(
    fc.property(texts, (text) => {
      const writer = new Writer(8)
      writer.string(text)
      writer.compactString(text)
      const reader = new Reader(writer.concat())
      assert.equal(reader.string(), text)
      assert.equal(reader.compactString(), text)
      assert.equal(reader.remaining, 0)
    }),
  )
})

test('the compact length prefix grows where the bytes of the text do, not its characters', () => {
  for (const character of ['x', 'é', '€']) {
    for (const length of [41, 42, 43, 63, 64, 126, 127, 128]) {
      const writer = new Writer()
      writer.compactString(character.repeat(length))
      const written = writer.concat()
      const size = Buffer.byteLength(character) * length
      assert.equal(written.length, size + (size + 1 < 128 ? 1 : 2))
      assert.equal(new Reader(written).compactString(), character.repeat(length))
    }
  }
})

test('large byte fields are passed on by reference, small ones are copied', () => {
  const writer = new Writer()
  const small = Buffer.alloc(4095, 's')
  writer.int8(1)
  writer.bytes(small)
  writer.bytes([large, small, large])
  writer.int8(2)
  const chunks = writer.chunks()
  assert.deepEqual(
    chunks.map(({ length }) => length),
    [1 + 4 + 4095 + 4, 4096, 4095, 4096, 1],
  )
  assert.equal(chunks[1], large)
  assert.equal(chunks[3], large)
  small.fill('x')
  assert.equal(chunks[2]![0], 's'.charCodeAt(0))
})

test('what was handed over is never written again', () => {
  const writer = new Writer(64)
  const handed: Uint8Array[] = []
  for (let value = 0; value < 100; value++) {
    writer.int32(value)
    handed.push(...writer.chunks())
  }
  assert.deepEqual(
    handed.map((chunk) => new Reader(chunk).int32()),
    Array.from({ length: 100 }, (_, value) => value),
  )
  assert.deepEqual(writer.chunks(), [])
})

test('frames carry their size, whatever happened to the memory in between', () => {
  const step = fc.oneof(
    fc.record({ text: fc.string({ maxLength: 40 }) }),
    fc.record({ bytes: fc.constantFrom(Buffer.alloc(3, 3), large) }),
    fc.record({ tag: fc.integer({ min: 0, max: 300 }) }),
  )
  const frames = fc.array(fc.record({ steps: fc.array(step, { maxLength: 6 }), cancelled: fc.boolean() }), {
    maxLength: 8,
  })
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 64 }), (plan, slabSize) => {
      const writer = new Writer(slabSize)
      const expected: Buffer[] = []
      for (const { steps, cancelled } of plan) {
        const body = new Writer()
        writer.beginFrame()
        for (const one of steps) {
          for (const target of [writer, body]) take(one, target)
        }
        if (cancelled) {
          writer.cancelFrame()
          continue
        }
        writer.endFrame()
        const size = Buffer.alloc(4)
        size.writeInt32BE(body.size)
        expected.push(size, body.concat())
      }
      const all = Buffer.concat(expected)
      assert.equal(writer.size, all.length)
      assert.deepEqual(Buffer.concat(writer.chunks()), all)
    }),
  )
})

test('tagged fields are moved behind their size, which may take several bytes', () => {
  const writer = new Writer(8)
  for (const size of [0, 1, 127, 128, 5000]) {
    const mark = writer.beginTaggedField(300)
    writer.bytes(Buffer.alloc(size, 7))
    writer.endTaggedField(mark)
  }
  const reader = new Reader(writer.concat())
  for (const size of [0, 1, 127, 128, 5000]) {
    assert.equal(reader.unsignedVarint(), 300)
    const end = reader.taggedFieldEnd()
    assert.deepEqual(reader.bytes(), Buffer.alloc(size, 7))
    reader.expectPosition(end)
  }
})

test('discard forgets everything that was not handed over', () => {
  const writer = new Writer()
  writer.beginFrame()
  writer.bytes(large)
  writer.discard()
  writer.int8(5)
  assert.deepEqual(writer.concat(), Buffer.from([5]))
})

function take(step: { text: string } | { bytes: Buffer } | { tag: number }, writer: Writer): void {
  if ('text' in step) writer.compactString(step.text)
  else if ('bytes' in step) writer.bytes(step.bytes)
  else {
    const mark = writer.beginTaggedField(step.tag)
    writer.string('x'.repeat(step.tag))
    writer.endTaggedField(mark)
  }
}
