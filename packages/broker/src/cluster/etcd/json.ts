import { MetadataError } from '../metadata-error.ts'

/** An object of etcd's JSON, nothing known of its fields. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Reads an object. Throws MetadataError 'unavailable' when it is not one: then whoever answers is not etcd. */
export function parseObject(text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw strange(`${JSON.stringify(text.slice(0, 100))} is not JSON`, error)
  }
  if (!isObject(value)) throw strange('it is not a JSON object')
  return value
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A field that holds an object; an empty one when the field is missing, as protobuf's JSON leaves out what is empty. */
export function objectAt(object: JsonObject, name: string): JsonObject {
  const value = object[name] ?? {}
  if (!isObject(value)) throw strange(`${name} is not an object`)
  return value
}

/** A field that holds a list of objects; empty when the field is missing. */
export function listAt(object: JsonObject, name: string): readonly JsonObject[] {
  const value = object[name] ?? []
  if (!Array.isArray(value) || !value.every(isObject)) throw strange(`${name} is not a list of objects`)
  return value
}

export function textAt(object: JsonObject, name: string): string {
  const value = object[name] ?? ''
  if (typeof value !== 'string') throw strange(`${name} is not a string`)
  return value
}

export function isTrue(object: JsonObject, name: string): boolean {
  return object[name] === true
}

/** A 64-bit integer, written as a string, that must be within JavaScript's safe ones; 0 when the field is missing. */
export function integerAt(object: JsonObject, name: string): number {
  const value = object[name] ?? '0'
  const number = typeof value === 'string' && /^-?[0-9]{1,19}$/.test(value) ? Number(value) : value
  if (!Number.isSafeInteger(number)) throw strange(`${name} is not an integer`)
  return number as number
}

/** The revision of the store in the header of an answer. */
export function revisionIn(answer: JsonObject): number {
  const revision = integerAt(objectAt(answer, 'header'), 'revision')
  if (revision < 1) throw strange('it has no revision')
  return revision
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A field of bytes, written in base64, that hold UTF-8. */
export function utf8At(object: JsonObject, name: string): string {
  const bytes = Buffer.from(textAt(object, name), 'base64')
  try {
    return utf8.decode(bytes)
  } catch (error) {
    throw new MetadataError('corrupt', `etcd holds a ${name} that is not UTF-8, which Polylog never writes`, {
      cause: error,
    })
  }
}

export function base64Of(text: string): string {
  return Buffer.from(text).toString('base64')
}

export function strange(what: string, cause?: unknown): MetadataError {
  return new MetadataError('unavailable', `the answer is not one of etcd: ${what}`, { cause })
}
