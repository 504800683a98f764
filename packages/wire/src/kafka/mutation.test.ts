import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Reader } from '../bytes/reader.ts'
import { WireError } from '../bytes/wire-error.ts'
import { Writer } from '../bytes/writer.ts'
import { compile } from '../schema/compile.ts'
import { interpret } from '../schema/interpret.ts'
import type { Codec } from '../schema/schema.ts'
import { arbitraryOf } from '../testing/arbitrary.ts'
import { messageVersions } from '../testing/messages.ts'

/**
 * Damaged messages: a decoder answers with a value or with WireError, the compiled and the interpreted one with the
 * same, and a value never holds more elements or bytes than arrived. fast-check prints the seed of a failure.
 */

/** What an attacker puts where a length, a count, a tag or a null mark stands. */
const pokes = [
  [0x00],
  [0xff],
  [0x7f],
  [0x80, 0x00],
  [0xff, 0xff],
  [0x7f, 0xff],
  [0x7f, 0xff, 0xff, 0xff],
  [0x80, 0x00, 0x00, 0x00],
  [0xff, 0xff, 0xff, 0xfe],
  [0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x7f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
]

interface Mutation {
  readonly at: number
  readonly poke: readonly number[]
  /** Whether the bytes are put in, or written over what is there. */
  readonly insert: boolean
}

const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({ at: fc.nat(), poke: fc.constantFrom(...pokes), insert: fc.boolean() }),
  { minLength: 1, maxLength: 3 },
)

test('a damaged message is a value or a WireError, never more than arrived', () => {
  let survived = 0
  for (const [message, version] of messageVersions()) {
    const compiled = compile(message, version)
    const interpreted = interpret(message, version)
    const holds = (value: unknown, changes: Mutation[]): void => {
      const writer = new Writer(256)
      compiled.encode(value, writer)
      const bytes = changes.reduce(mutate, writer.concat())
      const outcome = attempt(compiled, bytes)
      assert.deepEqual(attempt(interpreted, bytes), outcome)
      if (outcome === WireError) return
      survived++
      assert.ok(weight(outcome) <= bytes.length)
    }
    fc.assert(fc.property(arbitraryOf(message, version), mutations, holds), { numRuns: 8 })
  }
  assert.ok(survived > 0)
})

test('noise is a value or a WireError', () => {
  for (const [message, version] of messageVersions()) {
    const codec = compile(message, version)
    const holds = (noise: Uint8Array): void => {
      const outcome = attempt(codec, Buffer.from(noise))
      if (outcome !== WireError) assert.ok(weight(outcome) <= noise.length)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), holds), { numRuns: 8 })
  }
})

function mutate(bytes: Buffer, { at, poke, insert }: Mutation): Buffer {
  const place = bytes.length === 0 ? 0 : at % bytes.length
  const rest = bytes.subarray(insert ? place : Math.min(place + poke.length, bytes.length))
  return Buffer.concat([bytes.subarray(0, place), Buffer.from(poke), rest])
}

function attempt(codec: Codec<unknown, unknown>, bytes: Buffer): unknown {
  try {
    return codec.decode(new Reader(bytes))
  } catch (error) {
    if (error instanceof WireError) return WireError
    throw error
  }
}

/** Array elements and bytes in a decoded value: what it made the process hold, in units of the wire's smallest. */
function weight(value: unknown): number {
  if (Buffer.isBuffer(value)) return value.length
  if (Array.isArray(value)) return value.reduce((sum: number, element) => sum + weight(element), value.length)
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum: number, member) => sum + weight(member), 0)
}
