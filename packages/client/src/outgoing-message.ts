import { ClientError } from './client-error.ts'
import { headerNames } from './header-names.ts'
import type { Bytes, OutgoingRecord } from './records/record.ts'

/** A message to be sent. */
export interface OutgoingMessage<T = Bytes> {
  value: T
  /** Sharding key: messages of one key go to one partition, in order. */
  key?: Bytes
  headers?: Readonly<Record<string, Bytes>>
  /** Words that consumers can choose by; no commas. */
  tags?: readonly string[]
  /** A UUID (version 7) if it is left out. */
  id?: string
  /** After so many milliseconds nobody wants it any more: consumers of this SDK do not hand it to a handler then. */
  ttlMs?: number
  /** Chosen by the partitioner if it is left out. */
  partition?: number
  /** Milliseconds since 1970; now, if it is left out. */
  timestampMs?: number
}

/** A message, or the value alone where it is text or bytes. */
export type Sendable<T> = OutgoingMessage<T> | Extract<T, string | Uint8Array>

export function messageOf<T>(sendable: Sendable<T>): OutgoingMessage<T> {
  if (typeof sendable === 'string' || sendable instanceof Uint8Array) return { value: sendable as T }
  if (typeof sendable !== 'object' || sendable === null || !('value' in sendable)) {
    throw new ClientError('invalid', 'a message is text, bytes, or an object with a value')
  }
  return sendable
}

const noHeaders: NonNullable<OutgoingMessage['headers']> = {}

/** The record that carries a message. @throws ClientError 'invalid' */
export function recordOf<T>(message: OutgoingMessage<T>, value: Uint8Array | null, id: string): OutgoingRecord {
  if (typeof id !== 'string') throw new ClientError('invalid', `a message's id is a text, not ${String(id)}`)
  expectBytes('key', message.key)
  const headers: { key: string; value: Bytes }[] = [{ key: headerNames.id, value: id }]
  const { tags, ttlMs, headers: own } = message
  if (tags !== undefined && tags.length > 0) headers.push({ key: headerNames.tags, value: tagList(tags) })
  if (ttlMs !== undefined) {
    if (!Number.isSafeInteger(ttlMs) || ttlMs < 0) throw new ClientError('invalid', `ttlMs cannot be ${ttlMs}`)
    headers.push({ key: headerNames.ttlMs, value: String(ttlMs) })
  }
  for (const [key, header] of Object.entries(own ?? noHeaders)) {
    expectBytes(`header "${key}"`, header)
    headers.push({ key, value: header })
  }
  const record: OutgoingRecord = { value, key: message.key ?? null, headers }
  if (message.partition !== undefined) record.partition = message.partition
  if (message.timestampMs !== undefined) {
    const { timestampMs } = message
    if (!Number.isSafeInteger(timestampMs)) {
      throw new ClientError('invalid', `timestampMs is a whole number of milliseconds since 1970, not ${timestampMs}`)
    }
    record.timestampMs = timestampMs
  }
  return record
}

function expectBytes(what: string, value: unknown): void {
  if (value === undefined || value === null || typeof value === 'string' || value instanceof Uint8Array) return
  throw new ClientError('invalid', `the ${what} of a message is text, bytes or null, not a ${typeof value}`)
}

function tagList(tags: readonly string[]): string {
  if (!Array.isArray(tags)) throw new ClientError('invalid', 'the tags of a message are an array of words')
  for (const tag of tags) {
    if (tag === '' || tag.includes(','))
      throw new ClientError('invalid', `"${tag}" cannot be a tag: empty, or with a comma`)
  }
  return tags.join(',')
}
