import { ClientError } from '../client-error.ts'
import type { Bytes } from '../records/record.ts'
import { bytesOf } from '../records/record.ts'
import type { SchemaInput, SchemaIssue, SchemaOutput, SchemaResult, StandardSchemaV1 } from './standard-schema.ts'

/** Turns values into a record's bytes and back. Both may be asynchronous; what they throw is the message's failure. */
export interface Serializer<Output, Input = Output> {
  serialize(value: Input): Bytes | Promise<Bytes>
  deserialize(bytes: Buffer | null): Output | Promise<Output>
}

/** A topic together with what its values are. `Input` is what is sent, `Output` what is received. */
export interface Topic<Output = Buffer | null, Input = Output> {
  readonly name: string
  readonly serializer: Serializer<Output, Input>
}

/** A topic's name, whose values are bytes, or a topic with a type. */
export type TopicLike<Output, Input> = string | Topic<Output, Input>

/**
 * What may be sent to a topic: what its description says, and bytes where it is a name. As a type of the one signature of
 * `send` and its like; with an overload for each the compiler blamed the topic for a wrong value.
 */
export type InputOf<L> = L extends Topic<unknown, infer Input> ? Input : Bytes

const bytesSerializer: Serializer<Buffer | null, Bytes> = { serialize: (value) => value, deserialize: (bytes) => bytes }

/**
 * Describes a topic: of bytes, of what a schema (Standard Schema: zod, valibot, arktype …) accepts, as JSON, or of what a
 * serializer makes. Values are checked when they are sent and when they are received.
 */
export function topic(name: string): Topic<Buffer | null, Bytes>
export function topic<S extends StandardSchemaV1>(name: string, schema: S): Topic<SchemaOutput<S>, SchemaInput<S>>
export function topic<Output, Input>(name: string, serializer: Serializer<Output, Input>): Topic<Output, Input>
export function topic(name: string, form?: StandardSchemaV1 | Serializer<unknown>): Topic<unknown, never> {
  if (typeof name !== 'string' || name === '') throw new ClientError('invalid-options', 'a topic needs a name')
  if (form === undefined) return { name, serializer: bytesSerializer }
  const serializer = '~standard' in form ? schemaSerializer(name, form) : form
  return { name, serializer }
}

/** Values as JSON, unchecked: the type is what the caller says. */
export function json<T>(): Serializer<T> {
  return { serialize: (value) => JSON.stringify(value), deserialize: (bytes) => parseJson(bytes) as T }
}

/** Values as UTF-8 text. */
export function text(): Serializer<string> {
  return { serialize: (value) => value, deserialize: (bytes) => bytes?.toString() ?? '' }
}

/** A topic as it was given, or one of bytes for a name. */
export function topicOf<Output, Input>(like: TopicLike<Output, Input>): Topic<Output, Input> {
  // A name stands for bytes, which is what the overloads of the callers say.
  if (typeof like === 'string') return topic(like) as unknown as Topic<Output, Input>
  const { name, serializer } = (like ?? {}) as Partial<Topic<Output, Input>>
  if (name !== undefined && serializer !== undefined) return like
  throw new ClientError('invalid-options', 'a topic is a name, or what topic() describes')
}

/** What `topic(…)` of a builder was called with. */
export function describedTopic<O>(
  like: TopicLike<O, never>,
  form: StandardSchemaV1 | Serializer<O, never> | undefined,
): TopicLike<O, never> {
  if (typeof like !== 'string' || form === undefined) return like
  // What a schema accepts is what the overloads of the callers say.
  return topic(like, form as Serializer<O, never>)
}

/** @throws ClientError 'invalid-value' */
export function serialized(value: Bytes): Uint8Array | null {
  if (value === null || typeof value === 'string' || value instanceof Uint8Array) return bytesOf(value)
  throw new ClientError('invalid-value', 'a value must be a string, bytes or null; give the topic a schema or json()')
}

function schemaSerializer(name: string, schema: StandardSchemaV1): Serializer<unknown> {
  const check = (value: unknown): unknown => {
    const result = schema['~standard'].validate(value)
    return result instanceof Promise ? result.then((done) => accepted(name, done)) : accepted(name, result)
  }
  return {
    // What is sent is what the caller gave: the schema may transform it, and does so where it is received.
    serialize(value) {
      const checked = check(value)
      return checked instanceof Promise ? checked.then(() => JSON.stringify(value)) : JSON.stringify(value)
    },
    deserialize: (bytes) => check(parseJson(bytes)),
  }
}

function accepted(name: string, result: SchemaResult<unknown>): unknown {
  if (result.issues === undefined) return result.value
  const problems = result.issues.map(described).join('; ')
  throw new ClientError('invalid-value', `the value does not fit topic "${name}": ${problems}`)
}

function described({ message, path }: SchemaIssue): string {
  const keys = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))
  return keys.length === 0 ? message : `${keys.join('.')}: ${message}`
}

function parseJson(bytes: Buffer | null): unknown {
  if (bytes === null) return null
  try {
    return JSON.parse(bytes.toString())
  } catch (error) {
    throw new ClientError('invalid-value', 'the value is not JSON', { cause: error })
  }
}
