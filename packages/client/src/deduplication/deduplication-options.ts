import { ClientError } from '../client-error.ts'
import { expectOptions } from '../option-checks.ts'

/** What a handled message is remembered by. Groups do not know of each other; an id counts within its topic. */
export interface DeduplicationKey {
  readonly group: string
  readonly topic: string
  /** At most 256 characters: longer ones are replaced by their SHA-256. */
  readonly id: string
}

/**
 * Remembers which messages were handled. One behind which is a database that all members share makes the window hold over
 * all of them and over restarts. Redis: `EXISTS key`, and `SET key 1 PX windowMs`.
 */
export interface DeduplicationStore {
  /** Whether the message was marked, and its time is not over. Asked before a handler is called. */
  seen(message: DeduplicationKey): boolean | Promise<boolean>
  /** The message was handled: remember it for so long. Called after the handler, before the group is told. */
  mark(message: DeduplicationKey, windowMs: number): void | Promise<void>
}

interface WindowOptions {
  /** For how long after a message was handled others of its id are taken as done. */
  windowMs: number
  /** Header that holds the id. Default `polylog-id`, which producers of this SDK write. Messages without it always count as new. */
  header?: string
}

export type DeduplicationOptions = WindowOptions &
  (
    | {
        /** Most ids that are remembered, in the memory of this consumer; the oldest are forgotten first. Default 100,000. */
        entriesMax?: number
        store?: undefined
      }
    | {
        /** Where the ids are remembered instead. */
        store: DeduplicationStore
        entriesMax?: undefined
      }
  )

const names = ['windowMs', 'header', 'entriesMax', 'store']

/** @throws ClientError 'invalid-options' */
export function expectDeduplicationOptions(options: object | undefined): void {
  // There is no length that would be right by default: it is how late whoever sends may try again.
  if (options === undefined) throw invalid('it needs { windowMs }: how long ids are remembered')
  expectOptions('deduplication', options, names, { windowMs: 'age', entriesMax: 'count' })
  const { windowMs, entriesMax, header, store } = options as {
    windowMs?: number
    entriesMax?: number
    header?: unknown
    store?: Partial<DeduplicationStore>
  }
  if (windowMs === undefined) throw invalid('"windowMs" is missing: how long ids are remembered')
  if (header !== undefined && (typeof header !== 'string' || header === '')) throw invalid('"header" is a name')
  if (store === undefined) return
  if (entriesMax !== undefined) throw invalid('"entriesMax" and "store" contradict each other')
  if (typeof store.seen !== 'function' || typeof store.mark !== 'function') {
    throw invalid('a store has the functions "seen" and "mark"')
  }
}

function invalid(message: string): ClientError {
  return new ClientError('invalid-options', `deduplication: ${message}`)
}
