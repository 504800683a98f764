import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Reader } from '../bytes/reader.ts'
import { WireError } from '../bytes/wire-error.ts'
import { Writer } from '../bytes/writer.ts'
import { compile } from '../schema/compile.ts'
import { interpret } from '../schema/interpret.ts'
import { layoutOf, partition } from '../schema/layout.ts'
import type { Codec } from '../schema/schema.ts'
import { arbitraryOf, defaultsOf } from '../testing/arbitrary.ts'
import { messageVersions } from '../testing/messages.ts'

/** What holds for every version of every message; fast-check prints the seed of a failure. */

type AnyCodec = Codec<unknown, unknown>

function encodeWith(codec: AnyCodec, value: unknown): Buffer {
  const writer = new Writer(256)
  codec.encode(value, writer)
  return writer.concat()
}

function decodeAll(codec: AnyCodec, bytes: Buffer): unknown {
  const reader = new Reader(bytes)
  const value = codec.decode(reader)
  assert.equal(reader.remaining, 0)
  return value
}

/** Whether decoding ends in a WireError; any other error goes on to fail the test. */
function isRefused(codec: AnyCodec, bytes: Buffer): boolean {
  try {
    codec.decode(new Reader(bytes))
    return false
  } catch (error) {
    if (error instanceof WireError) return true
    throw error
  }
}

test('compiled and interpreted codecs agree on bytes and values, and decoding inverts encoding', () => {
  for (const [message, version] of messageVersions()) {
    const compiled = compile(message, version)
    const interpreted = interpret(message, version)
    const holds = (value: unknown): void => {
      const bytes = encodeWith(compiled, value)
      assert.deepEqual(encodeWith(interpreted, value), bytes)
      assert.deepEqual(decodeAll(compiled, bytes), value)
      assert.deepEqual(decodeAll(interpreted, bytes), value)
    }
    fc.assert(fc.property(arbitraryOf(message, version), holds), { numRuns: 5 })
  }
})

test('fields that are left out take their defaults', () => {
  for (const [message, version] of messageVersions()) {
    const defaults = defaultsOf(message.fields)
    for (const codec of [compile(message, version), interpret(message, version)]) {
      assert.deepEqual(decodeAll(codec, encodeWith(codec, {})), defaults)
      assert.deepEqual(encodeWith(codec, {}), encodeWith(codec, defaults))
    }
  }
})

test('a value in a field that the version lacks is refused unless the field is ignorable', () => {
  let refused = 0
  for (const [message, version] of messageVersions()) {
    for (const [name, field] of partition(message.fields, layoutOf(message, version)).absent) {
      const { type, droppable } = field.attributes
      if (type.kind !== 'string') continue
      for (const codec of [compile(message, version), interpret(message, version)]) {
        const encode = (): unknown => encodeWith(codec, { [name]: 'set' })
        if (droppable) assert.deepEqual(encode(), encodeWith(codec, {}))
        else assert.throws(encode, WireError)
        refused += droppable ? 0 : 1
      }
    }
  }
  assert.ok(refused > 0)
})

test('every strict prefix of a valid message is a WireError', () => {
  for (const [message, version] of messageVersions()) {
    const compiled = compile(message, version)
    const interpreted = interpret(message, version)
    const holds = (value: unknown): void => {
      const bytes = encodeWith(compiled, value)
      // Long byte fields would be cut at thousands of places that are all alike.
      const step = Math.max(1, Math.floor(bytes.length / 100))
      for (let size = 0; size < bytes.length; size += step) {
        const prefix = bytes.subarray(0, size)
        assert.ok(isRefused(compiled, prefix) && isRefused(interpreted, prefix), `${message.name} cut at ${size}`)
      }
    }
    fc.assert(fc.property(arbitraryOf(message, version), holds), { numRuns: 1 })
  }
})
