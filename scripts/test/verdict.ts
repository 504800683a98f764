import type { CommandResult } from '../run-command.ts'
import type { Counts } from './failure-reporter.ts'
import { countsPrefix } from './failure-reporter.ts'

/** The counts in what a run of tests wrote; all zero if it did not get as far as its summary. */
export function countsIn(output: string): Counts {
  const line = output.split('\n').findLast((candidate) => candidate.startsWith(countsPrefix))
  if (line === undefined) return { tests: 0, passed: 0, failed: 0, skipped: 0 }
  return JSON.parse(line.slice(countsPrefix.length)) as Counts
}

/**
 * Why a suite did not pass, or undefined if it did. Exit code 0 is not enough: a suite that ran nothing has shown
 * nothing. Neither are the counts: the process may end badly after its last test.
 */
export function troubleOf(
  timeLimitSeconds: number,
  { code, timedOut }: Pick<CommandResult, 'code' | 'timedOut'>,
  counts: Counts,
): string | undefined {
  if (timedOut) return `ended after its time limit of ${Math.round(timeLimitSeconds)} s`
  if (counts.failed > 0) return `${counts.failed} of ${counts.tests} tests failed`
  if (code !== 0) return `ended with ${code === undefined ? 'a signal' : `code ${code}`}`
  if (counts.passed === 0) return 'ran no test'
  return undefined
}
