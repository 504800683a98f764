import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { Reader } from '../bytes/reader.ts'
import { WireError } from '../bytes/wire-error.ts'
import { Writer } from '../bytes/writer.ts'
import { arbitraryOf } from '../testing/arbitrary.ts'
import { codec, decode, encode } from './codec.ts'
import { HeartbeatRequest } from '../kafka/12-heartbeat.ts'
import { compile, emit } from './compile.ts'
import { interpret } from './interpret.ts'
import type { Codec, Infer, InferInput } from './schema.ts'
import {
  array,
  bytes,
  float64,
  int16,
  int32,
  int64,
  message,
  records,
  string,
  struct,
  uint16,
  uint32,
} from './schema.ts'

/** What Kafka's own messages do not use, or use too rarely for their tests to show it. */
const Sample = message(
  'Sample',
  { versions: [0, 3], flexible: 2 },
  {
    ratio: float64,
    wide: uint32.since(1).default(7),
    port: uint16,
    grid: array(array(int32)),
    place: struct({ x: int32, label: string.nullable().default(null) })
      .nullable(1)
      .default(null),
    name: string.nullable(1),
    payload: records.nullable(),
    note: struct({ text: string.default('none'), blob: bytes })
      .tagged(0, 2)
      .nullable()
      .default(null),
    range: struct({ from: int64.default(-1), to: int64.default(-1) }).tagged(5, 2),
    weights: array(int16).tagged(3, 3),
    hint: string.since(1).ignorable(),
  },
)

function engines(version: number): Codec<(typeof Sample)['output'], (typeof Sample)['input']>[] {
  return [compile(Sample, version), interpret(Sample, version)]
}

function encoded(engine: Codec<unknown, (typeof Sample)['input']>, value: (typeof Sample)['input']): Buffer {
  const writer = new Writer()
  engine.encode(value, writer)
  return writer.concat()
}

test('both engines agree on every kind of field', () => {
  for (const version of [0, 1, 2, 3]) {
    const [compiled, interpreted] = engines(version) as [Codec<unknown, unknown>, Codec<unknown, unknown>]
    const values = arbitraryOf(Sample, version).filter(isEncodable(version))
    fc.assert(
      fc.property(values, (value) => {
        const wire = encoded(compiled, value as (typeof Sample)['input'])
        assert.deepEqual(encoded(interpreted, value as (typeof Sample)['input']), wire)
        assert.deepEqual(compiled.decode(new Reader(wire)), value)
        assert.deepEqual(interpreted.decode(new Reader(wire)), value)
      }),
    )
  }
})

test('null is refused in versions that do not have it', () => {
  for (const engine of engines(0)) {
    assert.throws(() => encoded(engine, { place: {}, name: null }), WireError)
    assert.throws(() => encoded(engine, {}), /place may not be null in version 0/)
  }
  for (const engine of engines(1)) assert.ok(encoded(engine, { name: null, place: null }).length > 0)
})

test('a value that the version lacks is refused, unless it is ignorable or the default', () => {
  const place = {}
  for (const engine of engines(0)) {
    const plain = encoded(engine, { place })
    assert.deepEqual(encoded(engine, { place, wide: 7, range: { from: -1 }, weights: [], hint: 'dropped' }), plain)
    assert.throws(() => encoded(engine, { place, wide: 8 }), /version 0 has no field wide/)
    assert.throws(() => encoded(engine, { place, range: { from: 0 } }), /no field range/)
    assert.throws(() => encoded(engine, { place, weights: [1] }), /no field weights/)
    assert.throws(() => encoded(engine, { place, note: {} }), /no field note/)
  }
})

test('tagged fields are written in the order of their tags and only when they say something', () => {
  const tagsOf = (wire: Buffer): number[] => {
    const reader = new Reader(wire)
    // Everything in place at its default: three scalars, then one byte each for grid, place, name, payload and hint.
    reader.position = 14 + 1 + 1 + 1 + 1 + 1
    return Array.from({ length: reader.unsignedVarint() }, () => {
      const tag = reader.unsignedVarint()
      reader.position = reader.taggedFieldEnd()
      return tag
    })
  }
  for (const engine of engines(3)) {
    assert.deepEqual(tagsOf(encoded(engine, {})), [])
    assert.deepEqual(tagsOf(encoded(engine, { range: { to: 1 }, note: {}, weights: [1] })), [0, 3, 5])
    assert.deepEqual(tagsOf(encoded(engine, { range: {}, note: null, weights: [] })), [])
  }
})

test('unknown tagged fields are skipped, and a known one must fill its size', () => {
  for (const engine of engines(3)) {
    const empty = encoded(engine, {})
    const withTags = (...tags: number[]): Buffer => Buffer.concat([empty.subarray(0, -1), Buffer.from(tags)])
    assert.deepEqual(engine.decode(new Reader(withTags(1, 99, 3, 1, 2, 3))), engine.decode(new Reader(empty)))
    const weights = engine.decode(new Reader(withTags(1, 3, 3, 2, 0, 5))).weights
    assert.deepEqual(weights, [5])
    assert.throws(() => engine.decode(new Reader(withTags(1, 3, 4, 2, 0, 5, 0))), WireError)
    assert.throws(() => engine.decode(new Reader(withTags(1, 3, 2, 2, 0, 5))), WireError)
  }
})

test('records may be given in pieces', () => {
  for (const engine of engines(1)) {
    const pieces = [Buffer.alloc(5000, 1), Buffer.alloc(3, 2)]
    assert.deepEqual(encoded(engine, { payload: pieces }), encoded(engine, { payload: Buffer.concat(pieces) }))
    assert.equal(engine.decode(new Reader(encoded(engine, { payload: [] }))).payload?.length, 0)
  }
})

test('TypeScript knows what a message holds', () => {
  const writer = new Writer()
  encode(Sample, 2, { grid: [[1], []], place: { x: 1 } }, writer)
  // @ts-expect-error a number is no string
  const wrong: (typeof Sample)['input'] = { name: 5 }
  assert.throws(() => encode(Sample, 0, wrong, new Writer()))
  const value: Infer<typeof Sample> = decode(Sample, 2, new Reader(writer.concat()))
  const label: string | null | undefined = value.place?.label
  const grid: number[][] = value.grid
  const again: InferInput<typeof Sample> = value
  encode(Sample, 3, again, writer)
  assert.deepEqual([label, grid, value.note?.text], [null, [[1], []], undefined])
})

test('the compiled source reads like code written for that version', () => {
  const source = emit(HeartbeatRequest, 4)
  assert.match(source, /groupId: _groupId, generationId: _generationId/)
  assert.match(source, /w\.compactString\(\(m\.groupId === undefined \? "" : m\.groupId\)\)/)
  assert.doesNotMatch(emit(HeartbeatRequest, 0), /compact|Tagged|const _groupInstanceId = r/)
})

test('a codec is built once per version, and only for versions that exist', () => {
  assert.equal(codec(Sample, 2), codec(Sample, 2))
  assert.notEqual(codec(Sample, 2), codec(Sample, 3))
  for (const version of [-1, 4, 1.5, Number.NaN]) {
    assert.throws(() => decode(Sample, version, new Reader(new Uint8Array(9))), WireError)
    assert.throws(() => encode(Sample, version, {}, new Writer()), WireError)
  }
})

test('where generated code is forbidden the interpreter takes over', () => {
  const mod = new URL('../mod.ts', import.meta.url).href
  const program = `
    import { encode, decode, HeartbeatRequest, Reader, Writer } from ${JSON.stringify(mod)}
    const writer = new Writer()
    encode(HeartbeatRequest, 4, { groupId: 'g', generationId: 3 }, writer)
    console.log(JSON.stringify(decode(HeartbeatRequest, 4, new Reader(writer.concat()))))`
  const options = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', program]
  assert.deepEqual(JSON.parse(execFileSync(process.execPath, options, { encoding: 'utf8' })), {
    groupId: 'g',
    generationId: 3,
    memberId: '',
    groupInstanceId: null,
  })
})

/** A struct whose default is null, in a version where it may not be null, has no default to be encoded. */
function isEncodable(version: number): (value: unknown) => boolean {
  return (value) => version > 0 || (value as { place: unknown }).place !== null
}
