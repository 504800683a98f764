import { BrokerError } from '../errors/errors.ts'

/** What one text must be like. */
export type TextTest =
  | { readonly kind: 'any' }
  | { readonly kind: 'one-of'; readonly values: ReadonlySet<string> }
  /** Found anywhere in the text, unless it says ^ and $ itself. */
  | { readonly kind: 'pattern'; readonly source: string }

/** What one header must be like: at least one of that name. */
export interface HeaderTerm {
  readonly name: string
  readonly test: TextTest
}

const termCountMax = 32
const valueCountMax = 256

/**
 * Reads `polylog.filter.tags`: tags in a list (`a,b,c`), or one regular expression between slashes.
 * @throws BrokerError 'invalid-config'
 */
export function parseTagFilter(text: string): TextTest | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  return parseTest(trimmed, ',', 'polylog.filter.tags')
}

/**
 * Reads `polylog.filter.headers`: conditions separated by semicolons, each a name alone or `name=` and a value, values
 * separated by `|`, or a regular expression between slashes. @throws BrokerError 'invalid-config'
 */
export function parseHeaderFilter(text: string): readonly HeaderTerm[] {
  const setting = 'polylog.filter.headers'
  const terms = splitTerms(text).map((term): HeaderTerm => {
    const equals = term.indexOf('=')
    const name = (equals < 0 ? term : term.slice(0, equals)).trim()
    if (name === '') throw fault(setting, `"${term}" names no header`)
    if (equals < 0) return { name, test: { kind: 'any' } }
    return { name, test: parseTest(term.slice(equals + 1).trim(), '|', setting) }
  })
  if (terms.length > termCountMax) throw fault(setting, `there are more than ${termCountMax} conditions`)
  return terms
}

/** A semicolon within a regular expression does not end the condition. */
function splitTerms(text: string): string[] {
  const terms: string[] = []
  let term = ''
  let isPattern = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    const isStart = !isPattern && character === '/' && /=\s*$/.test(term)
    const isEnd = isPattern && character === '/' && text.slice(at + 1).match(/^\s*(;|$)/) !== null
    if (isStart) isPattern = true
    else if (isEnd) isPattern = false
    if (character === ';' && !isPattern) {
      terms.push(term)
      term = ''
    } else term += character
  }
  return [...terms, term].map((each) => each.trim()).filter((each) => each !== '')
}

function parseTest(text: string, separator: string, setting: string): TextTest {
  if (text.length >= 2 && text.startsWith('/') && text.endsWith('/')) {
    if (text.length === 2) throw fault(setting, 'a regular expression is empty')
    return { kind: 'pattern', source: text.slice(1, -1) }
  }
  const values = text.split(separator).map((value) => value.trim())
  if (values.includes('')) throw fault(setting, `"${text}" has an empty value in it`)
  if (values.length > valueCountMax) throw fault(setting, `there are more than ${valueCountMax} values`)
  return { kind: 'one-of', values: new Set(values) }
}

function fault(setting: string, what: string): BrokerError {
  return new BrokerError('invalid-config', `${setting}: ${what}.`)
}
