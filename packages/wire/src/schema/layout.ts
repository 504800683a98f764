import type { Field, Fields, Message, Scalar, Type } from './schema.ts'
import { uuidZero } from './schema.ts'

type AnyField = Field<unknown, unknown>

export type Entry = readonly [name: string, field: AnyField]

interface ScalarFacts {
  readonly size: number
  readonly zero: string | number | boolean
  /** Memory beyond the slot that holds the value: numbers that may not be small integers are boxed. */
  readonly heapBytes: number
}

const scalars: Record<Scalar, ScalarFacts> = {
  bool: { size: 1, zero: false, heapBytes: 0 },
  int8: { size: 1, zero: 0, heapBytes: 0 },
  int16: { size: 2, zero: 0, heapBytes: 0 },
  uint16: { size: 2, zero: 0, heapBytes: 0 },
  int32: { size: 4, zero: 0, heapBytes: 0 },
  uint32: { size: 4, zero: 0, heapBytes: 16 },
  int64: { size: 8, zero: 0, heapBytes: 16 },
  float64: { size: 8, zero: 0, heapBytes: 16 },
  uuid: { size: 16, zero: uuidZero, heapBytes: 40 },
}

/** One version of one message: what the wire form of a type depends on. */
export interface Layout {
  readonly version: number
  /** Compact lengths and tagged sections (KIP-482). */
  readonly flexible: boolean
  /** What {@link partition} found before, so that the interpreter need not look again for every element. */
  readonly partitions: Map<Fields, Partition>
}

/** The fields of a struct as one version has them. */
interface Partition {
  readonly inPlace: readonly Entry[]
  /** By ascending tag, as they are written. */
  readonly tagged: readonly Entry[]
  readonly absent: readonly Entry[]
}

export function layoutOf(message: Message<unknown, unknown>, version: number): Layout {
  return { version, flexible: version >= message.flexible, partitions: new Map() }
}

export function isPresent(field: AnyField, { version }: Layout): boolean {
  return version >= field.attributes.first && version <= field.attributes.last
}

export function isNullable(field: AnyField, { version }: Layout): boolean {
  return version >= field.attributes.nullableFirst
}

/** Whether some version of the field may be null: then its TypeScript type cannot keep null out of this version. */
export function isEverNullable(field: AnyField): boolean {
  return field.attributes.nullableFirst !== Number.POSITIVE_INFINITY
}

/** Sorts the fields of a struct into those in place, those in the tagged section and those the version lacks. */
export function partition(fields: Fields, layout: Layout): Partition {
  const known = layout.partitions.get(fields)
  if (known !== undefined) return known
  const present = Object.entries(fields).filter(([, field]) => isPresent(field, layout))
  const result = {
    inPlace: present.filter(([, field]) => field.attributes.tag === null),
    tagged: present
      .filter(([, field]) => field.attributes.tag !== null)
      .toSorted(([, a], [, b]) => a.attributes.tag! - b.attributes.tag!),
    absent: Object.entries(fields).filter(([, field]) => !isPresent(field, layout)),
  }
  layout.partitions.set(fields, result)
  return result
}

/** A field's default where it is a plain value; arrays, structs and bytes have theirs made anew by the codecs. */
export function plainDefault(field: AnyField): string | number | boolean | null | undefined {
  const { defaultValue, type } = field.attributes
  if (defaultValue !== undefined) return defaultValue as string | number | boolean | null
  switch (type.kind) {
    case 'scalar':
      return scalars[type.scalar].zero
    case 'string':
      return ''
    case 'records':
      return null
    case 'bytes':
    case 'array':
    case 'struct':
      return undefined
  }
}

/** The fewest bytes an array element of this type takes; bounds a count before memory is spent on it. */
export function sizeMin(type: Type, layout: Layout): number {
  switch (type.kind) {
    case 'scalar':
      return scalars[type.scalar].size
    case 'string':
      return layout.flexible ? 1 : 2
    case 'bytes':
    case 'records':
    case 'array':
      return layout.flexible ? 1 : 4
    case 'struct':
      return structSizeMin(type.fields, layout)
  }
}

function structSizeMin(fields: Fields, layout: Layout): number {
  let size = layout.flexible ? 1 : 0
  for (const [, field] of partition(fields, layout).inPlace) {
    const { type } = field.attributes
    size += type.kind === 'struct' && isNullable(field, layout) ? 1 : sizeMin(type, layout)
  }
  return size
}

/** Upper estimate of the memory one element of an array takes once decoded: V8 on 64 bits, without the texts' own characters. */
export function elementHeapBytes(of: Type, layout: Layout): number {
  // An array that grows has room for half as many elements again.
  return 4 + heapBytes(of, layout)
}

const slotBytes = 8

/** The same of a value of this type in any place: its slot and what the slot points to. */
function heapBytes(type: Type, layout: Layout): number {
  switch (type.kind) {
    case 'scalar':
      return slotBytes + scalars[type.scalar].heapBytes
    case 'string':
      return slotBytes + 24
    case 'bytes':
    case 'records':
      return slotBytes + 112
    case 'array':
      return slotBytes + 48
    case 'struct':
      return Object.values(type.fields).reduce((sum, field) => sum + fieldHeapBytes(field, layout), slotBytes + 24)
  }
}

/** A version that lacks a field decodes to objects that have it all the same; but plain defaults are shared. */
function fieldHeapBytes(field: AnyField, layout: Layout): number {
  const isShared = !isPresent(field, layout) && plainDefault(field) !== undefined
  return isShared ? slotBytes : heapBytes(field.attributes.type, layout)
}
