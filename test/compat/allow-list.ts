import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const header = `# Tests of this suite that pass against Polylog; the list only grows. One name a line, sorted.
# "node test/compat/SUITE/run.ts --all --update" adds what newly passes. FINDINGS.md says why the others are not here.
`

/** The pass-list of a suite, in the order of the file. */
export function readAllowList(directory: string): string[] {
  return lines(join(directory, 'tests.allow'))
}

/** What is wrong with the lists of a suite themselves: order, repetitions, tests that are both listed and excluded. */
export function faultsOf(directory: string): string[] {
  const allowed = readAllowList(directory)
  const exclusions = readExclusions(directory)
  const faults = allowed.length === 0 ? ['tests.allow names no test'] : []
  for (const [index, name] of allowed.entries()) {
    if (index > 0 && name <= allowed[index - 1]!) faults.push(`${name} is not in its place`)
    const exclusion = exclusionOf(exclusions, name)
    if (exclusion !== undefined) faults.push(`${name} is excluded by ${exclusion.pattern}`)
  }
  return faults
}

/** Adds names to the pass-list, except what is excluded, of which some pass by chance; never takes one away. */
export function growAllowList(directory: string, names: readonly string[]): void {
  const exclusions = readExclusions(directory)
  const gained = names.filter((name) => exclusionOf(exclusions, name) === undefined)
  const all = [...new Set([...readAllowList(directory), ...gained])].toSorted()
  writeFileSync(join(directory, 'tests.allow'), `${header}${all.map((name) => `${name}\n`).join('')}`)
}

/**
 * Tests that are not run, with the reason: lines "PATTERN  # reason" of tests.exclude, where PATTERN is a test name or,
 * ending in `*`, the beginning of names.
 */
export function readExclusions(directory: string): Exclusion[] {
  return lines(join(directory, 'tests.exclude')).map((line) => {
    const [pattern, reason] = line.split(/\s+# /)
    if (reason === undefined) throw new Error(`tests.exclude of ${directory}: "${line}" gives no reason`)
    return { pattern: pattern!, reason }
  })
}

export interface Exclusion {
  readonly pattern: string
  readonly reason: string
}

export function exclusionOf(exclusions: readonly Exclusion[], name: string): Exclusion | undefined {
  return exclusions.find(({ pattern }) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  )
}

function lines(file: string): string[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}
