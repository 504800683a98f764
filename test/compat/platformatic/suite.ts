import { appendFileSync, existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { oneLine } from '../outcome.ts'
import type { Outcome } from '../outcome.ts'
import { runProgram } from '../program.ts'
import { linePrefix } from './json-reporter.ts'
import type { TestLine } from './json-reporter.ts'

const testPatterns = ['test/clients/**/*.test.ts', 'test/issues/**/*.test.ts', 'regression/integrity/*.test.ts']
const reporter = fileURLToPath(new URL('json-reporter.ts', import.meta.url))
const timeLimitSeconds = 420
/** So that a test that waits for what never comes costs itself only. */
const testTimeLimitMs = 60_000

export interface Target {
  /** Folder with the repository of @platformatic/kafka, its packages installed. */
  readonly checkout: string
  readonly log: string | undefined
}

/** What a checkout lacks to be run, or undefined. */
export function troubleOf(checkout: string): string | undefined {
  if (!existsSync(join(checkout, 'test', 'clients'))) return `${checkout} is no checkout of @platformatic/kafka`
  if (!existsSync(join(checkout, 'node_modules'))) return `${checkout} has no packages installed`
  return undefined
}

/** The test files that can meet a broker, relative to the checkout. */
export function testFiles(checkout: string): string[] {
  return globSync(testPatterns, { cwd: checkout }).toSorted()
}

/**
 * Runs one test file in a process of its own. A test is called `FILE > NAME`; a second one of the same name gets ` (2)`.
 * @param pattern a regular expression of node:test for the names of the tests to run
 */
export async function runFile(file: string, target: Target, pattern?: string): Promise<Outcome[]> {
  const only = pattern === undefined ? [] : [`--test-name-pattern=${pattern}`]
  const result = await runProgram({
    command: [
      process.execPath,
      '--test',
      `--test-reporter=${reporter}`,
      '--test-reporter-destination=stdout',
      `--test-timeout=${testTimeLimitMs}`,
      '--test-force-exit',
      ...only,
      file,
    ],
    directory: target.checkout,
    // Confluent's number of the Kafka release whose behaviour the tests are to expect.
    environment: { KAFKA_VERSION: '8.1.0' },
    timeLimitSeconds,
  })
  if (target.log !== undefined) appendFileSync(target.log, `\n##### ${file}\n${result.output}`)
  const lines = result.output
    .split('\n')
    .filter((line) => line.startsWith(linePrefix))
    .map((line) => JSON.parse(line.slice(linePrefix.length)) as TestLine)
    .filter(({ nesting, name }) => nesting === 0 && !name.endsWith(file))
  const outcomes = named(file, lines)
  if (result.timedOut || outcomes.length === 0) {
    const reason = result.timedOut ? `not finished after ${timeLimitSeconds} s` : oneLine(result.output.slice(-300))
    outcomes.push({ name: `${file} > (whole file)`, state: 'failed', reason, seconds: result.seconds })
  }
  return outcomes
}

function named(file: string, lines: readonly TestLine[]): Outcome[] {
  const seen = new Map<string, number>()
  return lines.map(({ name, passed, skipped, durationMs, error }) => {
    const count = (seen.get(name) ?? 0) + 1
    seen.set(name, count)
    return {
      name: `${file} > ${oneLine(name)}${count > 1 ? ` (${count})` : ''}`,
      state: skipped ? ('skipped' as const) : passed ? ('passed' as const) : ('failed' as const),
      reason: oneLine(error),
      seconds: durationMs / 1000,
    }
  })
}
