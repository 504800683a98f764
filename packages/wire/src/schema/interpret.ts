import type { Reader } from '../bytes/reader.ts'
import type { ByteParts, Writer } from '../bytes/writer.ts'
import { WireError } from '../bytes/wire-error.ts'
import type { Entry, Layout } from './layout.ts'
import { elementHeapBytes, isEverNullable, isNullable, layoutOf, partition, plainDefault, sizeMin } from './layout.ts'
import { lengthMethod } from './length-method.ts'
import type { Codec, Field, Fields, Message, Type } from './schema.ts'

type AnyField = Field<unknown, unknown>
type Struct = { [name: string]: unknown }

const bytesEmpty = Buffer.alloc(0)

/**
 * Walks the schema on every call: slow and obvious. It is the oracle for `compile.ts`, and the codec where the host
 * forbids generated code.
 */
export function interpret<Output, Input>(message: Message<Output, Input>, version: number): Codec<Output, Input> {
  const layout = layoutOf(message, version)
  return {
    decode: (reader) => decodeStruct(message.fields, layout, reader) as Output,
    encode: (value, writer) => encodeStruct(message.fields, layout, value as Struct, writer),
  }
}

function decodeStruct(fields: Fields, layout: Layout, reader: Reader): Struct {
  const result: Struct = {}
  const { inPlace, tagged } = partition(fields, layout)
  for (const [name, field] of Object.entries(fields)) result[name] = defaultOf(field)
  for (const [name, field] of inPlace) result[name] = decodeField(field, layout, reader)
  if (layout.flexible) decodeTagged(tagged, layout, reader, result)
  return result
}

function decodeTagged(tagged: readonly Entry[], layout: Layout, reader: Reader, result: Struct): void {
  for (let count = reader.unsignedVarint(); count > 0; count--) {
    const tag = reader.unsignedVarint()
    const end = reader.taggedFieldEnd()
    const known = tagged.find(([, field]) => field.attributes.tag === tag)
    if (known === undefined) reader.position = end
    else result[known[0]] = decodeField(known[1], layout, reader)
    reader.expectPosition(end)
  }
}

function decodeField(field: AnyField, layout: Layout, reader: Reader): unknown {
  return decodeType(field.attributes.type, isNullable(field, layout), layout, reader)
}

function decodeType(type: Type, nullable: boolean, layout: Layout, reader: Reader): unknown {
  switch (type.kind) {
    case 'struct':
      return nullable && !reader.present() ? null : decodeStruct(type.fields, layout, reader)
    case 'array': {
      const count = reader[lengthMethod('count', nullable, layout)](
        sizeMin(type.of, layout),
        elementHeapBytes(type.of, layout),
      )
      return count < 0 ? null : Array.from({ length: count }, () => decodeType(type.of, false, layout, reader))
    }
    case 'string':
      return reader[lengthMethod('string', nullable, layout)]()
    case 'bytes':
    case 'records':
      return reader[lengthMethod('bytes', nullable, layout)]()
    case 'scalar':
      return reader[type.scalar]()
  }
}

function defaultOf(field: AnyField): unknown {
  const value = plainDefault(field)
  if (value !== undefined) return value
  const { type } = field.attributes
  if (type.kind === 'array') return []
  if (type.kind !== 'struct') return bytesEmpty
  return Object.fromEntries(Object.entries(type.fields).map(([name, inner]) => [name, defaultOf(inner)]))
}

function encodeStruct(fields: Fields, layout: Layout, value: Struct, writer: Writer): void {
  const { inPlace, tagged, absent } = partition(fields, layout)
  for (const [name, field] of absent) {
    if (!field.attributes.droppable && !isDefault(field, value[name])) {
      throw new WireError(`version ${layout.version} has no field ${name}`)
    }
  }
  for (const entry of inPlace) encodeField(entry, layout, value, writer)
  if (!layout.flexible) return
  const sent = tagged.filter(([name, field]) => !isDefault(field, value[name]))
  writer.unsignedVarint(sent.length)
  for (const entry of sent) {
    const mark = writer.beginTaggedField(entry[1].attributes.tag!)
    encodeField(entry, layout, value, writer)
    writer.endTaggedField(mark)
  }
}

function encodeField([name, field]: Entry, layout: Layout, struct: Struct, writer: Writer): void {
  const nullable = isNullable(field, layout)
  const value = struct[name] === undefined ? defaultOf(field) : struct[name]
  if (value === null && isEverNullable(field) && !nullable)
    throw new WireError(`${name} may not be null in version ${layout.version}`)
  encodeType(field.attributes.type, nullable, layout, value, writer)
}

function encodeType(type: Type, nullable: boolean, layout: Layout, value: unknown, writer: Writer): void {
  switch (type.kind) {
    case 'struct':
      if (nullable) writer.present(value !== null)
      if (value !== null) encodeStruct(type.fields, layout, value as Struct, writer)
      return
    case 'array':
      encodeArray(type.of, layout, value as unknown[] | null, writer)
      return
    case 'string':
      writer[lengthMethod('string', nullable, layout)](value as string)
      return
    case 'bytes':
    case 'records':
      writer[lengthMethod('bytes', nullable, layout)](value as ByteParts)
      return
    case 'scalar':
      // The value's type follows from the schema, which the compiler cannot see through the table of methods.
      ;(writer[type.scalar] as (value: unknown) => void).call(writer, value)
  }
}

function encodeArray(of: Type, layout: Layout, value: unknown[] | null, writer: Writer): void {
  const count = value === null ? -1 : value.length
  if (layout.flexible) writer.compactCount(count)
  else writer.count(count)
  for (const element of value ?? []) encodeType(of, false, layout, element, writer)
}

/** Whether the encoder may leave the value out; a value that was not given counts as its default. */
function isDefault(field: AnyField, value: unknown): boolean {
  if (value === undefined) return true
  const plain = plainDefault(field)
  if (plain !== undefined || value === null) return value === plain
  const { type } = field.attributes
  if (type.kind !== 'struct') return (value as ArrayLike<unknown>).length === 0
  return Object.entries(type.fields).every(([name, inner]) => isDefault(inner, (value as Struct)[name]))
}
