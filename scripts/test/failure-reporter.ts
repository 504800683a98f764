import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

/** How the last line of a run begins; the counts follow as JSON. */
export const countsPrefix = 'polylog-test-counts '

/** Tests of a run, suites not counted. */
export interface Counts {
  readonly tests: number
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

type Failure = Extract<TestEvent, { type: 'test:fail' }>['data']
type Pass = Extract<TestEvent, { type: 'test:pass' }>['data']

/** A reporter for node:test that is silent about what passes: each failure in full, and the counts at the end. */
export default async function* reportFailures(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let emptyCount = 0
  for await (const event of source) {
    if (event.type === 'test:fail') {
      if (!isBecauseOfSubtests(event.data)) yield describeFailure(event.data)
    } else if (event.type === 'test:pass' && isEmptyFile(event.data)) {
      emptyCount++
      yield `\n✖ ${event.data.name} has no test\n`
    } else if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      yield event.data.message
    } else if (event.type === 'test:summary' && event.data.file === undefined) {
      // In a run of several processes each file has a summary too; the one without a file is of the whole run.
      yield `\n${countsPrefix}${countsOf(event.data.counts, emptyCount)}\n`
    }
  }
}

/** A suite fails because a test in it failed, which is reported by itself. */
function isBecauseOfSubtests({ details }: Failure): boolean {
  return (details.error as { failureType?: string }).failureType === 'subtestsFailed'
}

function describeFailure({ name, file, line, details }: Failure): string {
  const text = inspect(details.error.cause ?? details.error, { depth: 5 })
  return `\n✖ ${name}\n  ${file ?? ''}:${line ?? 1}\n${text.replaceAll(/^/gm, '  ')}\n`
}

/** node:test lets a file without tests pass as one test, named after the file. */
function isEmptyFile({ name, file, line, column }: Pass): boolean {
  return line === 1 && column === 1 && file !== undefined && file.endsWith(name)
}

function countsOf(
  counts: { tests: number; passed: number; skipped: number; todo: number },
  emptyCount: number,
): string {
  const skipped = counts.skipped + counts.todo
  const passed = counts.passed - emptyCount
  // Cancelled ones are failures to whoever reads this.
  const failed = counts.tests - passed - skipped
  return JSON.stringify({ tests: counts.tests, passed, failed, skipped } satisfies Counts)
}
