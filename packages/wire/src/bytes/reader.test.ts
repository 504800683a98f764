import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Reader } from './reader.ts'
import { WireError } from './wire-error.ts'
import { Writer } from './writer.ts'

function reader(...bytes: number[]): Reader {
  return new Reader(Uint8Array.from(bytes))
}

test('integers are big-endian and signed as their names say', () => {
  assert.equal(reader(0xff).int8(), -1)
  assert.equal(reader(0x80, 0x01).int16(), -32767)
  assert.equal(reader(0x80, 0x01).uint16(), 32769)
  assert.equal(reader(0x80, 0, 0, 0).int32(), -(2 ** 31))
  assert.equal(reader(0x80, 0, 0, 0).uint32(), 2 ** 31)
  assert.equal(reader(0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).int64(), Number.MAX_SAFE_INTEGER)
  assert.equal(reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).int64(), -1)
  assert.equal(reader(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).int64(), 2 ** 63)
  assert.equal(reader(0x80, 0, 0, 0, 0, 0, 0, 0).int64(), -(2 ** 63))
  assert.equal(reader(0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18).float64(), Math.PI)
})

test('unsigned varints take one to five bytes and never more than 32 bits', () => {
  assert.equal(reader(0x00).unsignedVarint(), 0)
  assert.equal(reader(0x7f).unsignedVarint(), 127)
  assert.equal(reader(0x80, 0x01).unsignedVarint(), 128)
  assert.equal(reader(0xff, 0xff, 0xff, 0xff, 0x0f).unsignedVarint(), 2 ** 32 - 1)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xff, 0x10).unsignedVarint(), WireError)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xff, 0xff, 0x01).unsignedVarint(), WireError)
  assert.throws(() => reader(0x80).unsignedVarint(), WireError)
})

test('unsigned varints survive a round trip', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (value) => {
      const writer = new Writer()
      writer.unsignedVarint(value)
      assert.equal(new Reader(writer.concat()).unsignedVarint(), value)
    }),
  )
})

test('null is a length of -1, where it is allowed, and no other negative length is valid', () => {
  assert.equal(reader(0xff, 0xff).nullableString(), null)
  assert.equal(reader(0x00).compactNullableString(), null)
  assert.equal(reader(0xff, 0xff, 0xff, 0xff).nullableBytes(), null)
  assert.equal(reader(0x00).compactNullableBytes(), null)
  assert.equal(reader(0xff, 0xff, 0xff, 0xff).nullableCount(1), -1)
  assert.equal(reader(0x00).compactNullableCount(1), -1)
  assert.throws(() => reader(0xff, 0xff).string(), WireError)
  assert.throws(() => reader(0xff, 0xfe).nullableString(), WireError)
  assert.throws(() => reader(0x00).compactString(), WireError)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xff).bytes(), WireError)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xfe).nullableBytes(), WireError)
  assert.throws(() => reader(0x00).compactBytes(), WireError)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xff).count(1), WireError)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xfe).nullableCount(1), WireError)
  assert.throws(() => reader(0x00).compactCount(1), WireError)
})

test('a count may ask for as many elements as fit into the rest, and for none more', () => {
  assert.equal(reader(0, 0, 0, 2, 1, 1, 2, 2).count(2), 2)
  assert.throws(() => reader(0, 0, 0, 3, 1, 1, 2, 2).count(2), WireError)
  assert.equal(reader(3, 1, 1, 2, 2).compactCount(2), 2)
  assert.throws(() => reader(4, 1, 1, 2, 2).compactCount(2), WireError)
  assert.throws(() => reader(0x7f, 0xff, 0xff, 0xff, 1).count(1), WireError)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xff, 0x0f, 1).compactCount(16), WireError)
})

test('strings are capped at 32767 bytes in both forms', () => {
  const longest = 'x'.repeat(32767)
  const writer = new Writer()
  writer.string(longest)
  writer.compactString(longest)
  const read = new Reader(writer.concat())
  assert.equal(read.string(), longest)
  assert.equal(read.compactString(), longest)
  const tooLong = Buffer.concat([Buffer.from([0x81, 0x80, 0x02]), Buffer.alloc(32768, 'x')])
  assert.throws(() => new Reader(tooLong).compactString(), WireError)
})

test('byte fields are views of the received buffer, also when it is no Buffer', () => {
  const received = Uint8Array.from([9, 0, 0, 0, 2, 7, 8])
  const view = new Reader(received.subarray(1)).bytes()
  received[5] = 42
  assert.deepEqual([...view], [42, 8])
})

test('tagged fields are skipped by their size', () => {
  const read = reader(2, 5, 3, 1, 2, 3, 9, 0, 77)
  read.skipTaggedFields()
  assert.equal(read.int8(), 77)
  assert.throws(() => reader(1, 5, 4, 1, 2, 3).skipTaggedFields(), WireError)
  assert.throws(() => reader(0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0, 2, 0).skipTaggedFields(), WireError)
})

test('a reader never leaves its range', () => {
  const read = new Reader(Uint8Array.from([1, 2, 3, 4]), 1, 3)
  assert.equal(read.remaining, 2)
  assert.equal(read.int16(), 0x0203)
  assert.throws(() => read.int8(), WireError)
  assert.throws(() => new Reader(new Uint8Array(2), 0, 3), WireError)
  assert.throws(() => new Reader(new Uint8Array(2), 2, 1), WireError)
})
