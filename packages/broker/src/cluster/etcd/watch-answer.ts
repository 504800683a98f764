import type { WatchEvent } from '../metadata-store.ts'
import { EtcdFailure, messageOf } from './failure.ts'
import { integerAt, isObject, isTrue, listAt, objectAt, parseObject, textAt } from './json.ts'
import type { JsonObject } from './json.ts'
import type { KeyCodec } from './key-codec.ts'

/** What one line of a watch stream says. */
export type WatchAnswer =
  | { readonly kind: 'created' }
  | { readonly kind: 'compacted'; readonly compactRevision: number }
  | { readonly kind: 'cancelled'; readonly reason: string }
  | { readonly kind: 'events'; readonly events: readonly WatchEvent[]; readonly isFragment: boolean }
  /** Everything up to the revision has been told on this stream. */
  | { readonly kind: 'progress'; readonly revision: number }
  | { readonly kind: 'nothing' }

export interface WatchLine {
  /** The answer with its header, for the check of the cluster. */
  readonly message: JsonObject
  readonly answer: WatchAnswer
}

/** Reads a line. Throws EtcdFailure for an error, and MetadataError for what etcd would not say. */
export function readWatchLine(line: string, keys: KeyCodec): WatchLine {
  const parsed = parseObject(line)
  if (parsed['error'] !== undefined) throw new EtcdFailure('unknown', 'unavailable', messageOf(parsed['error']))
  const message = objectAt(parsed, 'result')
  return { message, answer: answerOf(message, keys) }
}

function answerOf(message: JsonObject, keys: KeyCodec): WatchAnswer {
  const compactRevision = integerAt(message, 'compact_revision')
  if (compactRevision > 0) return { kind: 'compacted', compactRevision }
  if (isTrue(message, 'canceled')) return { kind: 'cancelled', reason: textAt(message, 'cancel_reason') }
  if (isTrue(message, 'created')) return { kind: 'created' }
  const events = listAt(message, 'events')
  if (events.length > 0) {
    return {
      kind: 'events',
      events: events.map((event) => eventOf(event, keys)),
      isFragment: isTrue(message, 'fragment'),
    }
  }
  // Only a notice to this very watch, which has id 0, is in line with its events; one to all of a stream is not (15220).
  if (isObject(message['header']) && textAt(message, 'watch_id') === '') {
    return { kind: 'progress', revision: integerAt(message['header'], 'revision') }
  }
  return { kind: 'nothing' }
}

function eventOf(event: JsonObject, keys: KeyCodec): WatchEvent {
  const keyValue = objectAt(event, 'kv')
  if (event['type'] === 'DELETE') {
    return { kind: 'delete', key: keys.keyOf(keyValue), modRevision: integerAt(keyValue, 'mod_revision') }
  }
  return { kind: 'put', keyValue: keys.decode(keyValue) }
}
