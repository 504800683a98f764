import { Transform } from 'node:stream'
import type { TestEvent } from 'node:test/reporters'

/** One line of JSON a test, for `node --test --test-reporter=…`. */
export interface TestLine {
  readonly name: string
  readonly nesting: number
  readonly passed: boolean
  readonly skipped: boolean
  readonly durationMs: number
  readonly error: string
}

/** What marks the lines of this reporter among what tests print. */
export const linePrefix = 'polylog-compat-test '

export default new Transform({
  writableObjectMode: true,
  transform(event: TestEvent, _encoding, done) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') return done()
    const { name, nesting, details, skip, todo } = event.data
    const failure = event.type === 'test:fail' ? event.data.details.error : undefined
    // node:test wraps what a test threw.
    const thrown = failure?.cause instanceof Error ? failure.cause : failure
    const line: TestLine = {
      name,
      nesting,
      passed: event.type === 'test:pass',
      skipped: skip !== undefined || todo !== undefined,
      durationMs: details.duration_ms,
      error: thrown === undefined ? '' : `${thrown.name}: ${thrown.message}`,
    }
    done(null, `${linePrefix}${JSON.stringify(line)}\n`)
  },
})
