import { ClientError } from './client-error.ts'

/**
 * Refuses options that do not exist, which TypeScript cannot do for objects from elsewhere, and numbers that are none.
 * @param counts names of those that are numbers, 0 or more
 * @throws ClientError 'invalid-options'
 */
export function expectOptions(
  owner: string,
  options: object,
  names: readonly string[],
  counts: readonly string[] = [],
): void {
  if (typeof options !== 'object' || options === null) {
    throw new ClientError('invalid-options', `the options of a ${owner} are an object`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name)) {
      const message = `a ${owner} has no option "${name}"; it has ${names.join(', ')}`
      throw new ClientError('invalid-options', message)
    }
    if (value === undefined || !counts.includes(name)) continue
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw new ClientError(
        'invalid-options',
        `option "${name}" of a ${owner} is a number, 0 or more, not ${shown(value)}`,
      )
    }
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
