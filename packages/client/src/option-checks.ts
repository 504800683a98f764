import { ClientError } from './client-error.ts'

/** Timers fire at once if they are given more. */
const timeMsMax = 2 ** 31 - 1

/**
 * What a number must be. Times that only this client looks at may have a fraction, as differences of clocks have; those that a
 * broker or a store is told are whole.
 */
const numberKinds = {
  time: { least: 0, most: timeMsMax, whole: false, text: `a number of milliseconds, 0 to ${timeMsMax}` },
  wholeTime: { least: 0, most: timeMsMax, whole: true, text: `a whole number of milliseconds, 0 to ${timeMsMax}` },
  interval: { least: 1, most: timeMsMax, whole: true, text: `a whole number of milliseconds, 1 to ${timeMsMax}` },
  /** Not for timers: an age may be of months. */
  age: { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true, text: 'a whole number of milliseconds, 1 or more' },
  count: { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true, text: 'a whole number, 1 or more' },
} as const

export type NumberKind = keyof typeof numberKinds

/**
 * Refuses options that do not exist, which TypeScript cannot do for objects from elsewhere, and numbers that are none or not
 * such as they must be.
 * @throws ClientError 'invalid-options'
 */
export function expectOptions(
  owner: string,
  options: object,
  names: readonly string[],
  numbers: Readonly<Record<string, NumberKind>> = {},
): void {
  if (typeof options !== 'object' || options === null) {
    throw new ClientError('invalid-options', `the options of a ${owner} are an object`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name)) {
      const message = `a ${owner} has no option "${name}"; it has ${names.join(', ')}`
      throw new ClientError('invalid-options', message)
    }
    const kind = Object.hasOwn(numbers, name) ? numbers[name] : undefined
    if (kind !== undefined) expectNumber(`option "${name}" of a ${owner}`, value, kind)
  }
}

/** Refuses what is no such number; one that is left out is fine. @throws ClientError 'invalid-options' */
export function expectNumber(what: string, value: unknown, kind: NumberKind): void {
  if (value === undefined) return
  const { least, most, whole, text } = numberKinds[kind]
  const isIt = typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value))
  if (!isIt) throw new ClientError('invalid-options', `${what} is ${text}, not ${shown(value)}`)
}

/** How long closing may take. @throws ClientError 'invalid-options' */
export function closeTimeoutOf({ timeoutMs }: { timeoutMs?: number }, defaultMs: number): number {
  expectNumber('"timeoutMs" of close()', timeoutMs, 'time')
  return timeoutMs ?? defaultMs
}

/** A step of a chain that was called without what it is about would quietly do nothing. @throws ClientError 'invalid-options' */
export function expectGiven(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined)
      throw new ClientError('invalid-options', `the step for "${name}" was called without a value`)
  }
}

/** What an option must be: a text that is not empty, an array, one of some words, or a value of that type. */
export type OptionKind = 'text' | 'function' | 'boolean' | 'array' | readonly string[]

/**
 * Refuses options of another kind than theirs; those that are left out are fine.
 * @throws ClientError 'invalid-options'
 */
export function expectKinds(owner: string, options: object, kinds: Readonly<Record<string, OptionKind>>): void {
  for (const [name, value] of Object.entries(options)) {
    const kind = kinds[name]
    if (kind === undefined || value === undefined || isOfKind(value, kind)) continue
    const wanted = typeof kind === 'object' ? kind.join(' or ') : kindNames[kind]
    throw new ClientError('invalid-options', `option "${name}" of a ${owner} is ${wanted}, not ${shown(value)}`)
  }
}

/** @throws ClientError 'invalid-options' */
export function expectHandler(handler: unknown): void {
  if (typeof handler !== 'function') {
    throw new ClientError('invalid-options', `a handler is a function, not ${shown(handler)}`)
  }
}

const kindNames = {
  text: 'a text that is not empty',
  function: 'a function',
  boolean: 'true or false',
  array: 'an array',
}

function isOfKind(value: unknown, kind: OptionKind): boolean {
  if (typeof kind === 'object') return typeof value === 'string' && kind.includes(value)
  if (kind === 'array') return Array.isArray(value)
  return kind === 'text' ? typeof value === 'string' && value !== '' : typeof value === kind
}

/** A value in an error message: texts in quotes, so that "3" is not taken for 3. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
