import { BrokerError } from '../errors/errors.ts'
import { parseHeaderFilter, parseTagFilter } from './filter-terms.ts'
import type { TextTest } from './filter-terms.ts'

/** The header that holds a message's tags, separated by commas. */
const tagsHeader = 'polylog-tags'

/** Headers of a record, in their order; a name may come several times. */
export type RecordHeaders = readonly { readonly key: string; readonly value: Uint8Array | null }[]

/** Says whether a text is what was asked for, in time linear in its length. */
type Matcher = (text: string) => boolean

interface HeaderMatcher {
  readonly name: string
  readonly matches: Matcher
}

/** Longer texts match nothing: the time of a test grows with them. */
const textCharactersMax = 4096

/**
 * Which messages a group wants, by tags and headers. Regular expressions are run by an engine without backtracking (RE2), so
 * that no group can stall the broker; it is loaded when the first one is used.
 */
export class RecordFilter {
  readonly #tags: Matcher | undefined
  readonly #headers: readonly HeaderMatcher[]

  private constructor(tags: Matcher | undefined, headers: readonly HeaderMatcher[]) {
    this.#tags = tags
    this.#headers = headers
  }

  /**
   * @param tagFilter as `parseTagFilter` reads it @param headerFilter as `parseHeaderFilter` reads it
   * @returns undefined if every message is wanted
   * @throws BrokerError 'invalid-config'
   */
  static async make(tagFilter: string, headerFilter: string): Promise<RecordFilter | undefined> {
    const tags = parseTagFilter(tagFilter)
    const terms = parseHeaderFilter(headerFilter)
    if (tags === undefined && terms.length === 0) return undefined
    const headers = terms.map(async ({ name, test }) => ({ name, matches: await matcherOf(test) }))
    return new RecordFilter(tags && (await matcherOf(tags)), await Promise.all(headers))
  }

  /** A message without tags has none that a filter on tags could want. */
  wants(headers: RecordHeaders): boolean {
    if (this.#tags !== undefined && !tagsOf(headers).some(this.#tags)) return false
    return this.#headers.every(({ name, matches }) =>
      headers.some(({ key, value }) => key === name && matches(textOf(value))),
    )
  }
}

function tagsOf(headers: RecordHeaders): string[] {
  return headers
    .filter(({ key }) => key === tagsHeader)
    .flatMap(({ value }) => textOf(value).split(','))
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '')
}

function textOf(value: Uint8Array | null): string {
  return value === null ? '' : Buffer.from(value.buffer, value.byteOffset, value.length).toString()
}

async function matcherOf(test: TextTest): Promise<Matcher> {
  if (test.kind === 'any') return () => true
  if (test.kind === 'one-of') return (text) => test.values.has(text)
  const { RE2JS } = await import('re2js')
  try {
    const pattern = RE2JS.compile(test.source)
    return (text) => text.length <= textCharactersMax && pattern.matcher(text).find()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new BrokerError('invalid-config', `/${test.source}/ is no regular expression of RE2: ${reason}.`)
  }
}
