import { stripVTControlCharacters } from 'node:util'

/** What one foreign test did. `skipped` means the test itself, or its suite, chose not to run here. */
export interface Outcome {
  readonly name: string
  readonly state: 'passed' | 'failed' | 'skipped'
  /** Why it failed or was skipped, one line; empty for a pass. */
  readonly reason: string
  readonly seconds: number
}

const reasonLengthMax = 300

/** One line, for a table. The suites colour what they print. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(/\s+/g, ' ').trim().slice(0, reasonLengthMax)
}

export function printOutcome({ name, state, reason, seconds }: Outcome): void {
  console.log(
    `${state.padEnd(7)} ${seconds.toFixed(1).padStart(6)} s  ${name}${reason === '' ? '' : `\n    ${reason}`}`,
  )
}

/**
 * Prints the counts and every test of the pass-list that did not pass.
 * @returns whether every test of the pass-list that was asked for passed.
 */
export function printSummary(outcomes: readonly Outcome[], allowed: ReadonlySet<string>): boolean {
  const count = (state: Outcome['state']): number => outcomes.filter((outcome) => outcome.state === state).length
  const lost = outcomes.filter(({ name, state }) => allowed.has(name) && state !== 'passed')
  const gained = outcomes.filter(({ name, state }) => !allowed.has(name) && state === 'passed')
  console.log(`\n${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`)
  if (gained.length > 0) console.log(`${gained.length} passed that are not in tests.allow; --update adds them`)
  for (const { name, state, reason } of lost) console.log(`IN tests.allow BUT ${state}: ${name} ${reason}`)
  return lost.length === 0
}
