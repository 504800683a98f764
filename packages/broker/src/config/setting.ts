import { formatAddress, parseAddress } from './address.ts'
import type { HostPort } from './address.ts'

export type SettingType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list'
export type SettingUnit = 'bytes' | 'ms' | 'minutes' | 'count' | 'ratio'

/** Kafka's largest long, written where a setting means "no limit". As a number it is rounded to 2^63. */
export const longMax = 2 ** 63
const longMaxText = '9223372036854775807'

/** What reading a text gives: the value, or what is wrong with it (a clause that follows `name: `). */
export type Parsed<T> = { value: T } | { fault: string }

/** One row of the table of settings: name, unit, default, limits and what it is for. */
export interface Setting<T> {
  /** As in the file and in Kafka, where Kafka has it: `log.retention.ms`. */
  name: string
  type: SettingType
  unit?: SettingUnit
  default: T
  min?: number
  max?: number
  choices?: readonly string[]
  documentation: string
  /** Reads the text form. */
  parse(text: string): Parsed<T>
  /** Says what is wrong with a value that came from code, undefined if nothing is. */
  findFault(value: T): string | undefined
  /** The text form; `parse` reads it again. */
  format(value: T): string
}

export interface NumberRow {
  name: string
  default: number
  min: number
  max: number
  unit: SettingUnit
  documentation: string
}

/** A whole number; with unit bytes or ms the text may carry a suffix (`64MiB`, `7d`). */
export function whole(type: 'int' | 'long', row: NumberRow): Setting<number> {
  const findFault = (value: number): string | undefined =>
    Number.isInteger(value) ? findRangeFault(value, row) : `must be a whole number, not ${value}`
  return {
    ...row,
    type,
    findFault,
    parse: (text) => {
      const value = parseWhole(text.trim(), row.unit)
      if (value === undefined) return { fault: `must be a whole number${unitHint(row.unit)}, not "${text}"` }
      const fault = findFault(value)
      return fault === undefined ? { value } : { fault }
    },
    format: formatNumber,
  }
}

/** A number with a fraction. */
export function fraction(row: NumberRow): Setting<number> {
  const findFault = (value: number): string | undefined => findRangeFault(value, row)
  return {
    ...row,
    type: 'double',
    findFault,
    parse: (text) => {
      const value = /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN
      const fault = Number.isNaN(value) ? `must be a number, not "${text}"` : findFault(value)
      return fault === undefined ? { value } : { fault }
    },
    format: formatNumber,
  }
}

export function flag(row: { name: string; default: boolean; documentation: string }): Setting<boolean> {
  return {
    ...row,
    type: 'boolean',
    findFault: (value) => (typeof value === 'boolean' ? undefined : `must be true or false, not "${String(value)}"`),
    parse: (text) => {
      const word = text.trim().toLowerCase()
      if (word !== 'true' && word !== 'false') return { fault: `must be true or false, not "${text}"` }
      return { value: word === 'true' }
    },
    format: String,
  }
}

/** One word out of a few. */
export function choice<const C extends readonly string[]>(row: {
  name: string
  default: C[number]
  choices: C
  documentation: string
}): Setting<C[number]> {
  const findFault = (value: string): string | undefined =>
    row.choices.includes(value) ? undefined : `must be one of ${row.choices.join(', ')}, not "${value}"`
  return {
    ...row,
    type: 'string',
    findFault,
    parse: (text) => {
      const value = row.choices.find((candidate) => candidate.toLowerCase() === text.trim().toLowerCase())
      return value === undefined ? { fault: findFault(text)! } : { value }
    },
    format: String,
  }
}

/** Some of a few words, with commas between; their order is kept. */
export function listOf<const C extends readonly string[]>(row: {
  name: string
  default: readonly C[number][]
  choices: C
  documentation: string
}): Setting<readonly C[number][]> {
  const findFault = (value: readonly string[]): string | undefined => {
    const strange = value.find((word) => !row.choices.includes(word))
    if (strange !== undefined) return `knows ${row.choices.join(', ')}, not "${strange}"`
    return new Set(value).size === value.length ? undefined : 'names something twice'
  }
  return {
    ...row,
    type: 'list',
    findFault,
    parse: (text) => {
      const given = text.split(',').flatMap((word) => word.trim() || [])
      const value = given.map((word) => row.choices.find((each) => each.toLowerCase() === word.toLowerCase()) ?? word)
      const fault = findFault(value)
      return fault === undefined ? { value: value as C[number][] } : { fault }
    },
    format: (value) => value.join(','),
  }
}

/** Free text with a limit of length. */
export function words(row: {
  name: string
  default: string
  max: number
  documentation: string
  empty?: boolean
}): Setting<string> {
  const findFault = (value: string): string | undefined => {
    if (value === '' && row.empty !== true) return 'must not be empty'
    return value.length > row.max ? `must have at most ${row.max} characters, not ${value.length}` : undefined
  }
  return {
    ...row,
    type: 'string',
    findFault,
    parse: (text) => {
      const fault = findFault(text)
      return fault === undefined ? { value: text } : { fault }
    },
    format: String,
  }
}

/** `HOST:PORT`. */
export function address(row: { name: string; default: HostPort; documentation: string }): Setting<HostPort> {
  const optional = addressOrNone({ ...row, default: row.default })
  const missing = `must be HOST:PORT, such as ${formatAddress(row.default)}`
  return {
    ...row,
    type: 'string',
    findFault: (value) => (value === undefined ? missing : optional.findFault(value)),
    parse: (text) => {
      const parsed = optional.parse(text)
      if ('fault' in parsed) return parsed
      return parsed.value === undefined ? { fault: missing } : { value: parsed.value }
    },
    format: formatAddress,
  }
}

/** `HOST:PORT`, or `none`. */
export function addressOrNone(row: {
  name: string
  default: HostPort | undefined
  documentation: string
}): Setting<HostPort | undefined> {
  return {
    ...row,
    type: 'string',
    findFault: (value) => {
      if (value === undefined || parseAddress(formatAddress(value)) !== undefined) return undefined
      return `has an impossible host or port: ${formatAddress(value)}`
    },
    parse: (text) => {
      if (text.trim() === '' || text.trim() === 'none') return { value: undefined }
      const value = parseAddress(text)
      if (value !== undefined) return { value }
      return { fault: `must be HOST:PORT, such as 127.0.0.1:9092 or [::1]:9092, not "${text}"` }
    },
    format: (value) => (value === undefined ? 'none' : formatAddress(value)),
  }
}

/** Decimal text without exponent; the rounded form of Kafka's largest long is written as Kafka writes it. */
export function formatNumber(value: number): string {
  return value >= longMax ? longMaxText : String(value)
}

function findRangeFault(value: number, row: NumberRow): string | undefined {
  if (value >= row.min && value <= row.max) return undefined
  const bound = value < row.min ? `at least ${formatNumber(row.min)}` : `at most ${formatNumber(row.max)}`
  return `must be ${bound}, not ${formatNumber(value)}`
}

const byteFactors: Record<string, number> = { B: 1, KiB: 1024, MiB: 1048576, GiB: 1073741824, TiB: 1099511627776 }
const msFactors: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function parseWhole(text: string, unit: SettingUnit): number | undefined {
  const match = /^(-?\d{1,19}) ?([a-zA-Z]{0,3})$/.exec(text)
  if (!match) return undefined
  const suffix = match[2]!
  if (suffix === '') return Number(match[1])
  const factors = unit === 'bytes' ? byteFactors : unit === 'ms' ? msFactors : {}
  const factor = Object.hasOwn(factors, suffix) ? factors[suffix] : undefined
  return factor === undefined ? undefined : Number(match[1]) * factor
}

function unitHint(unit: SettingUnit): string {
  if (unit === 'bytes') return ' of bytes (or with KiB, MiB, GiB)'
  if (unit === 'ms') return ' of milliseconds (or with s, m, h, d)'
  return unit === 'minutes' ? ' of minutes' : ''
}
