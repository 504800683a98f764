import { parseArgs } from 'node:util'
import { suggestionFor } from '../config/nearest.ts'
import type { Flags } from './flags.ts'
import { UsageError } from './exit-code.ts'

/** What those look for who know Kafka's own tools. */
const flagsOfKafka: Readonly<Record<string, string>> = {
  '--bootstrap-server': '--broker HOST:PORT',
  '--from-beginning': '--from beginning',
  '--max-messages': '--max N',
}

/** The words and flags of one command line, checked against what the command knows. */
export class Arguments {
  /** What is not a flag. */
  readonly words: readonly string[]
  readonly #values: ReadonlyMap<string, readonly (string | true)[]>

  private constructor(words: readonly string[], values: ReadonlyMap<string, readonly (string | true)[]>) {
    this.words = words
    this.#values = values
  }

  /** @throws UsageError naming the flag or word that is wrong, with what was probably meant */
  static parse(
    line: readonly string[],
    flags: Flags,
    [least, most]: readonly [number, number],
    usage: string,
  ): Arguments {
    const options = Object.fromEntries(
      Object.entries(flags).map(([name, { type, short }]) => [name, short === undefined ? { type } : { type, short }]),
    )
    const { tokens, positionals } = parseArgs({
      args: [...line],
      options,
      strict: false,
      tokens: true,
      allowPositionals: true,
    })
    const values = new Map<string, (string | true)[]>()
    for (const token of tokens) {
      if (token.kind !== 'option') continue
      const flag = flags[token.name]
      if (flag === undefined) {
        const known = Object.keys(flags).map((name) => `--${name}`)
        const ours = flagsOfKafka[token.rawName]
        const isOurs = ours !== undefined && known.includes(ours.split(' ')[0]!)
        const hint = isOurs ? `; here it is ${ours}` : suggestionFor(token.rawName, known)
        throw new UsageError(`unknown flag ${token.rawName}${hint}`)
      }
      if (flag.type === 'boolean' && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`)
      // `--data --json` is a forgotten value; one that does start with dashes may follow an equals sign.
      const isForgotten = token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))
      if (flag.type === 'string' && isForgotten) {
        throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${flag.value ?? 'VALUE'}`)
      }
      const given = values.get(token.name) ?? []
      if (given.length > 0 && flag.multiple !== true) throw new UsageError(`${token.rawName} is given twice`)
      values.set(token.name, [...given, token.value ?? true])
    }
    if (positionals.length < least) throw new UsageError(`a word is missing; usage: ${usage}`)
    if (positionals.length > most) throw new UsageError(`"${positionals[most]}" is one word too many; usage: ${usage}`)
    return new Arguments(positionals, values)
  }

  has(flag: string): boolean {
    return this.#values.has(flag)
  }

  text(flag: string): string | undefined {
    const value = this.#values.get(flag)?.[0]
    return typeof value === 'string' ? value : undefined
  }

  all(flag: string): string[] {
    return (this.#values.get(flag) ?? []).filter((value) => typeof value === 'string')
  }

  /** @throws UsageError if it is no whole number between the limits */
  whole(flag: string, min: number, max: number): number | undefined {
    const text = this.text(flag)
    if (text === undefined) return undefined
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new UsageError(`--${flag} must be a whole number from ${min} to ${max}, not "${text}"`)
  }

  /** @throws UsageError if it is none of the words */
  oneOf<const W extends string>(flag: string, words: readonly W[]): W | undefined {
    const text = this.text(flag)
    const word = words.find((candidate) => candidate === text)
    if (text !== undefined && word === undefined) {
      throw new UsageError(`--${flag} must be one of ${words.join(', ')}, not "${text}"${suggestionFor(text, words)}`)
    }
    return word
  }

  /** `name=value` of each use of the flag. @throws UsageError */
  pairs(flag: string): { name: string; value: string }[] {
    return this.all(flag).map((text) => {
      const at = text.indexOf('=')
      if (at < 1) throw new UsageError(`--${flag} must be NAME=VALUE, not "${text}"`)
      return { name: text.slice(0, at), value: text.slice(at + 1) }
    })
  }
}
