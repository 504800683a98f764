import type { Reader } from '../bytes/reader.ts'
import type { ByteParts, Writer } from '../bytes/writer.ts'

/** Reads and writes one version of one message. */
export interface Codec<Output, Input> {
  /** Throws WireError on bytes that are not this message; byte fields of the result are views of the buffer read. */
  decode(reader: Reader): Output
  /** Throws WireError on a value that this version cannot carry; the writer then holds a part of the message. */
  encode(value: Input, writer: Writer): void
}

/** Kafka's zero uuid, the default of every uuid field. */
export const uuidZero = 'AAAAAAAAAAAAAAAAAAAAAA'

/** The double nearest to the largest int64; Kafka uses that integer as "not supported". */
export const int64Max: number = 2 ** 63

/** Types of fixed size; each is also the name of the reader's and the writer's method for it. */
export type Scalar = 'bool' | 'int8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64' | 'float64' | 'uuid'

export type Type =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'string' | 'bytes' | 'records' }
  | { readonly kind: 'array'; readonly of: Type }
  | { readonly kind: 'struct'; readonly fields: Fields }

export type Fields = { readonly [name: string]: Field<unknown, unknown> }

interface Attributes {
  readonly type: Type
  /** First and last version that has the field; the message's own range cuts it further. */
  readonly first: number
  readonly last: number
  /** First version in which the field may be null; infinity for a field that never may. */
  readonly nullableFirst: number
  /** Number in the tagged-field section (KIP-482), or null for a field in its place in the struct. */
  readonly tag: number | null
  /** Value of a field that the version lacks or the encoder was not given; undefined means the type's own zero. */
  readonly defaultValue: unknown
  /** Whether a value may be silently dropped when the chosen version cannot carry it. */
  readonly droppable: boolean
}

/**
 * One field of a message: its type and the versions that have it. Fields are immutable; each method returns a changed
 * copy, so that a declaration reads `int32.since(3).default(-1).ignorable()`.
 *
 * `Output` is what decoding yields, `Input` what encoding accepts.
 */
export class Field<Output, Input> {
  declare readonly output: Output
  declare readonly input: Input
  readonly attributes: Attributes

  constructor(attributes: Attributes) {
    this.attributes = attributes
  }

  /** First version that has the field. */
  since(version: number): Field<Output, Input> {
    return new Field({ ...this.attributes, first: version })
  }

  /** Last version that has the field. */
  until(version: number): Field<Output, Input> {
    return new Field({ ...this.attributes, last: version })
  }

  /** May be null from `version` on. Its default stays the type's zero unless {@link default} says null. */
  nullable(version = 0): Field<Output | null, Input | null> {
    return new Field({ ...this.attributes, nullableFirst: version })
  }

  /** Value where the version lacks the field or the encoder was given none. */
  default(value: Output & (string | number | boolean | null)): Field<Output, Input> {
    return new Field({ ...this.attributes, defaultValue: value })
  }

  /** A value other than the default is dropped, not refused, when the version lacks the field. */
  ignorable(): Field<Output, Input> {
    return new Field({ ...this.attributes, droppable: true })
  }

  /** Travels in the tagged section from `version` on, and only when it differs from its default. */
  tagged(tag: number, version: number): Field<Output, Input> {
    return new Field({ ...this.attributes, tag, first: version })
  }
}

function field<Output, Input = Output>(type: Type): Field<Output, Input> {
  return new Field({
    type,
    first: 0,
    last: Number.POSITIVE_INFINITY,
    nullableFirst: Number.POSITIVE_INFINITY,
    tag: null,
    defaultValue: undefined,
    droppable: false,
  })
}

export const bool: Field<boolean, boolean> = field({ kind: 'scalar', scalar: 'bool' })
export const int8: Field<number, number> = field({ kind: 'scalar', scalar: 'int8' })
export const int16: Field<number, number> = field({ kind: 'scalar', scalar: 'int16' })
export const uint16: Field<number, number> = field({ kind: 'scalar', scalar: 'uint16' })
export const int32: Field<number, number> = field({ kind: 'scalar', scalar: 'int32' })
export const uint32: Field<number, number> = field({ kind: 'scalar', scalar: 'uint32' })
/** A `number`: exact up to 2^53, which offsets, timestamps and producer ids do not reach. */
export const int64: Field<number, number> = field({ kind: 'scalar', scalar: 'int64' })
export const float64: Field<number, number> = field({ kind: 'scalar', scalar: 'float64' })
/** 22 characters of unpadded base64url, as Kafka prints it. */
export const uuid: Field<string, string> = field({ kind: 'scalar', scalar: 'uuid' })
export const string: Field<string, string> = field({ kind: 'string' })
export const bytes: Field<Buffer, Uint8Array> = field({ kind: 'bytes' })
/** Record batches, opaque here: a view of the received buffer, or pieces sent by reference, back to back. */
export const records: Field<Buffer, ByteParts> = field({ kind: 'records' })

export function array<Output, Input>(of: Field<Output, Input>): Field<Output[], readonly Input[]> {
  return field({ kind: 'array', of: of.attributes.type })
}

type OutputOf<F extends Fields> = { -readonly [Name in keyof F]: F[Name]['output'] }
type InputOf<F extends Fields> = { readonly [Name in keyof F]?: F[Name]['input'] | undefined }

export function struct<F extends Fields>(fields: F): Field<OutputOf<F>, InputOf<F>> {
  return field({ kind: 'struct', fields })
}

/** Identity and version range of a message. */
interface MessageOptions {
  /** API key of a request or response, record type of a stored key or value; absent for embedded data. */
  readonly apiKey?: number
  /** First and last version. */
  readonly versions: readonly [first: number, last: number]
  /** First flexible version (compact lengths, tagged fields; KIP-482); absent if none is. */
  readonly flexible?: number
}

/** A declared message. One object type serves all versions, as in Kafka. */
export class Message<Output, Input> {
  declare readonly output: Output
  declare readonly input: Input
  readonly name: string
  readonly apiKey: number | null
  readonly versions: readonly [first: number, last: number]
  readonly flexible: number
  readonly fields: Fields
  /** Codecs built so far, by version. Owned by `codec.ts`. */
  readonly codecs: Codec<Output, Input>[] = []

  constructor(name: string, options: MessageOptions, fields: Fields) {
    this.name = name
    this.apiKey = options.apiKey ?? null
    this.versions = options.versions
    this.flexible = options.flexible ?? Number.POSITIVE_INFINITY
    this.fields = fields
  }
}

/**
 * Declares a message. Fields stand in wire order, under Kafka's names with the first letter in lower case.
 *
 * ```ts
 * export const HeartbeatRequest = message('HeartbeatRequest', { apiKey: 12, versions: [0, 4], flexible: 4 }, {
 *   groupId: string,
 *   generationId: int32,
 *   memberId: string,
 *   groupInstanceId: string.since(3).nullable(3).default(null),
 * })
 * export type HeartbeatRequest = Infer<typeof HeartbeatRequest>
 * ```
 */
export function message<F extends Fields>(
  name: string,
  options: MessageOptions,
  fields: F,
): Message<OutputOf<F>, InputOf<F>> {
  return new Message(name, options, fields)
}

/** The object that decoding a message yields: every field present, in any version. */
export type Infer<M extends { readonly output: unknown }> = M['output']

/** The object that encoding a message accepts: any field may be left out and then takes its default. */
export type InferInput<M extends { readonly input: unknown }> = M['input']
