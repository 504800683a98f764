import fc from 'fast-check'
import type { Layout } from '../schema/layout.ts'
import { isNullable, isPresent, layoutOf, plainDefault } from '../schema/layout.ts'
import type { Field, Fields, Message, Scalar, Type } from '../schema/schema.ts'

type AnyField = Field<unknown, unknown>

const bytes = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  // Long enough to be passed by reference.
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 5000 }).map((size) => new Uint8Array(size).fill(size)) },
)
const buffers = bytes.map((value) => Buffer.from(value))

const strings = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }) },
  { weight: 1, arbitrary: fc.integer({ min: 120, max: 300 }).map((length) => 'x'.repeat(length)) },
)

const scalars: Record<Scalar, fc.Arbitrary<unknown>> = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -(2 ** 7), max: 2 ** 7 - 1 }),
  int16: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
  uint16: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
  int32: fc.integer(),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  int64: fc.maxSafeInteger(),
  float64: fc.double({ noNaN: true }),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((id) => Buffer.from(id).toString('base64url')),
}

/** A complete object of a message: any value in the fields that the version has, the default in the others. */
export function arbitraryOf(message: Message<unknown, unknown>, version: number): fc.Arbitrary<unknown> {
  return structOf(message.fields, layoutOf(message, version))
}

/** The object that results where nothing was given. */
export function defaultsOf(fields: Fields): { [name: string]: unknown } {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, defaultOf(field)]))
}

function structOf(fields: Fields, layout: Layout): fc.Arbitrary<{ [name: string]: unknown }> {
  const entries = Object.entries(fields).map(([name, field]) => {
    const value = isPresent(field, layout) ? valueOf(field, layout) : fc.constant(null).map(() => defaultOf(field))
    return [name, value] as const
  })
  return fc.record(Object.fromEntries(entries), { noNullPrototype: true })
}

function valueOf(field: AnyField, layout: Layout): fc.Arbitrary<unknown> {
  const value = typeOf(field.attributes.type, layout)
  const choices = [
    { weight: 6, arbitrary: value },
    { weight: isNullable(field, layout) ? 2 : 0, arbitrary: fc.constant(null) },
    { weight: isDefaultAllowed(field, layout) ? 2 : 0, arbitrary: fc.constant(null).map(() => defaultOf(field)) },
  ]
  return fc.oneof(...choices.filter(({ weight }) => weight > 0))
}

function typeOf(type: Type, layout: Layout): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'scalar':
      return scalars[type.scalar]
    case 'string':
      return strings
    case 'bytes':
    case 'records':
      return buffers
    case 'array':
      return fc.array(typeOf(type.of, layout), { maxLength: 3 })
    case 'struct':
      return structOf(type.fields, layout)
  }
}

/** A default of null is no value for a version in which the field may not be null. */
function isDefaultAllowed(field: AnyField, layout: Layout): boolean {
  return plainDefault(field) !== null || isNullable(field, layout)
}

function defaultOf(field: AnyField): unknown {
  const value = plainDefault(field)
  if (value !== undefined) return value
  const { type } = field.attributes
  if (type.kind === 'array') return []
  return type.kind === 'struct' ? defaultsOf(type.fields) : Buffer.alloc(0)
}
