import { createHash } from 'node:crypto'
import { ClientError } from '../client-error.ts'
import { headerOf } from '../consumer/queue-message.ts'
import type { Environment } from '../environment.ts'
import { headerNames } from '../header-names.ts'
import type { ReceivedRecord } from '../records/record.ts'
import type { Deferred } from '../waiting.ts'
import { deferred, isThenable, within } from '../waiting.ts'
import type { DeduplicationOptions, DeduplicationStore, DeduplicationKey } from './deduplication-options.ts'
import { MemoryStore } from './memory-store.ts'

const entriesMaxDefault = 100_000
const idLengthMax = 256
/** A store that does not answer must not stop the consumer. */
const storeTimeoutMs = 5000

/** What became of the message of an id. */
export interface Outcome {
  readonly handled: boolean
  /** If it was not: how long it waits before it is delivered again; undefined leaves it to the group. */
  readonly retryDelayMs?: number | undefined
}

/** Work on a message; while it lasts no other of its id is handled here. */
export interface Work {
  readonly key: DeduplicationKey
  readonly outcome: Deferred<Outcome>
  /** Its handler has succeeded: nothing else can become of it. */
  isDone: boolean
}

/** `mine` is for the caller, who must end it; `others` is under way, and tells when it is over. */
export type Admission = { readonly mine: Work } | { readonly others: Promise<Outcome> }

/**
 * Tells messages whose id was handled within some time from others. An id is remembered when its handler has succeeded, not
 * before: what fails comes again. Of two messages of one id that are here at once, the second waits for the first.
 *
 * A store that fails, or does not answer in 5 s, lets messages pass: delivery stays "at least once".
 */
export class RepeatFilter {
  readonly #environment: Environment
  readonly #group: string
  readonly #windowMs: number
  readonly #header: string
  readonly #store: DeduplicationStore
  readonly #report: (error: unknown) => void
  readonly #underWay = new Map<string, Work>()

  /** @param report told of what goes wrong with the store */
  constructor(
    environment: Environment,
    group: string,
    options: DeduplicationOptions,
    report: (error: unknown) => void,
  ) {
    this.#environment = environment
    this.#group = group
    this.#windowMs = options.windowMs
    this.#header = options.header ?? headerNames.id
    this.#store = options.store ?? new MemoryStore(options.entriesMax ?? entriesMaxDefault, environment)
    this.#report = report
  }

  /** Takes up the work on a message, unless another of its id is at work here. Undefined for a message without an id. */
  admit(record: ReceivedRecord): Admission | undefined {
    const id = headerOf(record.headers, this.#header)
    if (id === undefined || id === '') return undefined
    const key = { group: this.#group, topic: record.topic, id: boundedId(id) }
    const others = this.#underWay.get(textOf(key))
    if (others !== undefined) return { others: others.outcome.promise }
    const mine = { key, outcome: deferred<Outcome>(), isDone: false }
    this.#underWay.set(textOf(key), mine)
    return { mine }
  }

  /** Whether the message of this work was handled before; if so, the work is over. */
  async wasHandled(work: Work): Promise<boolean> {
    const seen: unknown = await this.#ask(() => this.#store.seen(work.key), expectBoolean)
    work.isDone = seen === true
    if (work.isDone) this.#end(work, { handled: true })
    return work.isDone
  }

  /** The handler has succeeded. Resolves when that is remembered. */
  async done(work: Work): Promise<void> {
    work.isDone = true
    await this.#ask(() => this.#store.mark(work.key, this.#windowMs))
    this.#end(work, { handled: true })
  }

  /** The work is over, and the message is not handled, unless it is done. */
  leave(work: Work, retryDelayMs?: number): void {
    if (!work.isDone) this.#end(work, { handled: false, retryDelayMs })
  }

  /**
   * Calls `handle`, unless the message is a repeat: for consumers whose messages can wait here. What it is given says that the
   * handler has succeeded.
   *
   * @param isWanted asked after each wait: whether the message is still this consumer's
   * @returns what `handle` returns; false if the message is not wanted any more
   */
  async once(
    record: ReceivedRecord,
    isWanted: () => boolean,
    handle: (onHandled: () => Promise<void>) => Promise<boolean>,
  ): Promise<boolean | 'repeat'> {
    for (;;) {
      const admission = this.admit(record)
      if (admission === undefined) return handle(async () => undefined)
      if ('others' in admission) {
        if ((await admission.others).handled) return 'repeat'
      } else {
        const { mine } = admission
        try {
          if (await this.wasHandled(mine)) return 'repeat'
          if (isWanted()) return await handle(() => this.done(mine))
        } finally {
          this.leave(mine)
        }
      }
      if (!isWanted()) return false
    }
  }

  #end(work: Work, outcome: Outcome): void {
    const text = textOf(work.key)
    // Somebody else's, if this work was left before.
    if (this.#underWay.get(text) === work) this.#underWay.delete(text)
    work.outcome.resolve(outcome)
  }

  /**
   * What the store answers; undefined, told to the consumer, if it does not.
   * @param check throws what is wrong with an answer
   */
  async #ask<T>(
    question: () => T | PromiseLike<T>,
    check: (answer: T) => void = () => undefined,
  ): Promise<T | undefined> {
    const late = (): ClientError =>
      new ClientError('timed-out', `the store for de-duplication did not answer within ${storeTimeoutMs} ms`)
    try {
      const given = question()
      // Query builders and older libraries answer with what has `then`, but is no Promise.
      const answer = isThenable(given)
        ? await within(this.#environment, Promise.resolve(given), storeTimeoutMs, late)
        : given
      check(answer)
      return answer
    } catch (error) {
      this.#report(error)
      return undefined
    }
  }
}

/** A store that says 1 or nothing would else never know a repeat, and nobody would be told. */
function expectBoolean(answer: unknown): void {
  if (typeof answer === 'boolean') return
  throw new ClientError('invalid', `"seen" of the store for de-duplication says true or false, not ${String(answer)}`)
}

/** Ids come from outside: what is kept of one has a limit. */
function boundedId(id: string): string {
  return id.length <= idLengthMax ? id : createHash('sha256').update(id).digest('hex')
}

/** A topic's name has no slash. */
function textOf({ topic, id }: DeduplicationKey): string {
  return `${topic}/${id}`
}
