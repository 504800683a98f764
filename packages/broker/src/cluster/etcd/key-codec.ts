import { noLease } from '../metadata-store.ts'
import type { KeyValue, LeaseId } from '../metadata-store.ts'
import { base64Of, integerAt, strange, textAt, utf8At } from './json.ts'
import type { JsonObject } from './json.ts'

/** A range of etcd keys: `key` and those after it, before `range_end`. */
export interface KeyRange {
  readonly key: string
  readonly range_end: string
}

/** Puts keys under the prefix that this store has in etcd, and takes it off again. */
export class KeyCodec {
  readonly #prefix: string

  /** @param prefix starts and ends with a slash; for the ends of ranges there is always a last byte */
  constructor(prefix: string) {
    if (!prefix.startsWith('/') || !prefix.endsWith('/'))
      throw new RangeError(`${prefix} does not start and end with a slash`)
    this.#prefix = prefix
  }

  encode(key: string): string {
    return base64Of(this.#prefix + key)
  }

  /** All keys under `prefix` ('' for every key of this store). */
  rangeOf(prefix: string): KeyRange {
    const bytes = Buffer.from(this.#prefix + prefix)
    const end = Buffer.from(bytes)
    // The bytes of UTF-8 never reach 0xff, so the successor of the last one needs no carry.
    end[end.length - 1]!++
    return { key: bytes.toString('base64'), range_end: end.toString('base64') }
  }

  /** The keys under `prefix` that come after `key`, which is one of them. */
  rangeAfter(prefix: string, key: string): KeyRange {
    const bytes = Buffer.from(`${this.#prefix}${key}\u0000`)
    return { key: bytes.toString('base64'), range_end: this.rangeOf(prefix).range_end }
  }

  keyOf(keyValue: JsonObject): string {
    const key = utf8At(keyValue, 'key')
    if (!key.startsWith(this.#prefix)) throw strange('it holds a key that was not asked for')
    return key.slice(this.#prefix.length)
  }

  decode(keyValue: JsonObject): KeyValue {
    return {
      key: this.keyOf(keyValue),
      value: utf8At(keyValue, 'value'),
      createRevision: integerAt(keyValue, 'create_revision'),
      modRevision: integerAt(keyValue, 'mod_revision'),
      version: integerAt(keyValue, 'version'),
      lease: leaseAt(keyValue, 'lease'),
    }
  }
}

export function leaseAt(object: JsonObject, name: string): LeaseId {
  const id = textAt(object, name)
  if (id === '') return noLease
  if (!/^[0-9]{1,19}$/.test(id)) throw strange(`${name} is not a lease id`)
  return id as LeaseId
}
