/** A part of a pattern of names. */
export type PatternNode =
  | { readonly kind: 'characters'; readonly set: CharacterSet }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly options: readonly PatternNode[] }
  /** `max` may be Infinity. */
  | { readonly kind: 'repeat'; readonly part: PatternNode; readonly min: number; readonly max: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  /** Directly behind `^` only, so that it is looked at once for each name. */
  | { readonly kind: 'lookahead'; readonly part: PatternNode; readonly negative: boolean }

export interface CharacterSet {
  readonly negative: boolean
  /** Code points, both ends included. */
  readonly ranges: readonly (readonly [number, number])[]
}

/** Longest pattern in UTF-16 code units. */
const patternCharactersMax = 256
const depthMax = 20
const repeatCountMax = 250

const digit: readonly (readonly [number, number])[] = [[0x30, 0x39]]
const word: readonly (readonly [number, number])[] = [...digit, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]
const space: readonly (readonly [number, number])[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
]
const classes: Readonly<Record<string, readonly (readonly [number, number])[]>> = { d: digit, w: word, s: space }
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 }

/** Why a text is no pattern; `message` is a clause for people. */
export class PatternSyntaxError extends Error {}

/**
 * Reads a regular expression in the dialect that policies are written in: JavaScript's without what needs backtracking
 * (back references, lookbehind, lookahead except right behind `^`) and without lazy quantifiers, which make no difference
 * to whether a name matches.
 * @throws PatternSyntaxError
 */
export function parsePattern(text: string): PatternNode {
  if (text.length > patternCharactersMax)
    throw new PatternSyntaxError(`has more than ${patternCharactersMax} characters`)
  return new Parser(text).parse()
}

class Parser {
  readonly #characters: readonly string[]
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#characters = Array.from(text)
  }

  parse(): PatternNode {
    const node = this.#choice()
    if (this.#at < this.#characters.length) throw this.#fault('has a ")" too many')
    return node
  }

  #choice(): PatternNode {
    if (++this.#depth > depthMax) throw this.#fault(`nests groups deeper than ${depthMax}`)
    const options = [this.#sequence()]
    while (this.#take('|')) options.push(this.#sequence())
    this.#depth--
    return options.length === 1 ? options[0]! : { kind: 'choice', options }
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = []
    while (this.#at < this.#characters.length && this.#peek() !== '|' && this.#peek() !== ')') {
      parts.push(this.#quantified(parts.at(-1)))
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  #quantified(before: PatternNode | undefined): PatternNode {
    const part = this.#atom(before)
    const [min, max] = this.#quantifier() ?? [1, 1]
    if (min === 1 && max === 1) return part
    if (part.kind === 'start' || part.kind === 'end' || part.kind === 'lookahead') {
      throw this.#fault('repeats something that is no character')
    }
    if (this.#peek() === '?') this.#at++
    if (this.#quantifier() !== undefined) throw this.#fault('has two quantifiers in a row')
    return { kind: 'repeat', part, min, max }
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY]
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY]
    if (this.#take('?')) return [0, 1]
    if (!this.#take('{')) return undefined
    const min = this.#count()
    let max = min
    if (this.#take(',')) max = this.#peek() === '}' ? Number.POSITIVE_INFINITY : this.#count()
    if (!this.#take('}')) throw this.#fault('has a "{" that is not a count; write "\\{" for the character')
    if (max < min) throw this.#fault('has a count whose end is before its start')
    return [min, max]
  }

  #count(): number {
    let digits = ''
    while (digits.length < 4 && /^[0-9]$/.test(this.#peek())) digits += this.#next()
    const count = Number(digits)
    if (digits === '') throw this.#fault('has a "{" that is not a count; write "\\{" for the character')
    if (count > repeatCountMax) throw this.#fault(`repeats more than ${repeatCountMax} times`)
    return count
  }

  #atom(before: PatternNode | undefined): PatternNode {
    const character = this.#next()
    switch (character) {
      case '^':
        return { kind: 'start' }
      case '$':
        return { kind: 'end' }
      case '.':
        return {
          kind: 'characters',
          set: {
            negative: true,
            ranges: [
              [10, 10],
              [13, 13],
            ],
          },
        }
      case '(':
        return this.#group(before)
      case '[':
        return { kind: 'characters', set: this.#set() }
      case '\\':
        return { kind: 'characters', set: this.#escape() }
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.#fault(`has a "${character}" with nothing to repeat`)
      case ']':
      case '}':
        throw this.#fault(`has a "${character}" that closes nothing`)
      default:
        return { kind: 'characters', set: single(character) }
    }
  }

  #group(before: PatternNode | undefined): PatternNode {
    let lookahead: '=' | '!' | undefined
    if (this.#take('?')) {
      const kind = this.#next()
      if (kind === '=' || kind === '!') lookahead = kind
      else if (kind !== ':')
        throw this.#fault('has a group of a kind that is not supported: only (…), (?:…), ^(?!…) and ^(?=…) are')
    }
    if (lookahead !== undefined && before?.kind !== 'start')
      throw this.#fault('looks ahead elsewhere than right behind "^"')
    const part = this.#choice()
    if (!this.#take(')')) throw this.#fault('lacks a ")"')
    return lookahead === undefined ? part : { kind: 'lookahead', part, negative: lookahead === '!' }
  }

  #escape(): CharacterSet {
    const character = this.#next()
    const lower = character.toLowerCase()
    if (Object.hasOwn(classes, lower)) return { negative: lower !== character, ranges: classes[lower]! }
    return single(this.#escaped(character))
  }

  #escaped(character: string): string {
    if (character === '') throw this.#fault('ends with a "\\"')
    if (Object.hasOwn(controls, character)) return String.fromCodePoint(controls[character]!)
    if (/^[A-Za-z0-9]$/.test(character)) throw this.#fault(`has "\\${character}", which is not supported`)
    return character
  }

  #set(): CharacterSet {
    const negative = this.#take('^')
    const ranges: (readonly [number, number])[] = []
    while (this.#peek() !== ']') {
      if (this.#at >= this.#characters.length) throw this.#fault('lacks a "]"')
      const low = this.#setMember(ranges)
      if (low === undefined) continue
      if (this.#peek() !== '-' || this.#characters[this.#at + 1] === ']') {
        ranges.push([low, low])
        continue
      }
      this.#at++
      const high = this.#setMember(ranges)
      if (high === undefined || high < low) throw this.#fault('has a range of characters without a proper end')
      ranges.push([low, high])
    }
    this.#at++
    return { negative, ranges }
  }

  /** One code point; undefined after a class such as `\d`, which has been added to `ranges`. */
  #setMember(ranges: (readonly [number, number])[]): number | undefined {
    const character = this.#next()
    if (character === '') throw this.#fault('lacks a "]"')
    if (character !== '\\') return character.codePointAt(0)!
    const escaped = this.#next()
    if (Object.hasOwn(classes, escaped)) {
      ranges.push(...classes[escaped]!)
      return undefined
    }
    return this.#escaped(escaped).codePointAt(0)!
  }

  #peek(): string {
    return this.#characters[this.#at] ?? ''
  }

  #next(): string {
    return this.#characters[this.#at++] ?? ''
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false
    this.#at++
    return true
  }

  #fault(clause: string): PatternSyntaxError {
    return new PatternSyntaxError(`${clause} (near character ${Math.min(this.#at, this.#characters.length)})`)
  }
}

function single(character: string): CharacterSet {
  const code = character.codePointAt(0)!
  return { negative: false, ranges: [[code, code]] }
}
