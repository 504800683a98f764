// `npm test`: the checks, the unit tests in one process, then each slow suite in a process of its own with a time limit.
//   npm test                       everything
//   npm test -- --fast             checks and unit tests only
//   npm test -- system package     only these suites
// Output is the failures, one line per suite, and as the last line how many tests passed and failed.
import { runCommand } from './run-command.ts'
import type { Counts } from './test/failure-reporter.ts'
import type { Suite } from './test/suites.ts'
import { isSick, StallWatch } from './test/stall-watch.ts'
import { findSuites } from './test/suites.ts'
import { testCommand } from './test/test-command.ts'
import { countsIn, troubleOf } from './test/verdict.ts'

const checkTimeLimitSeconds = 300
/** CI ends a run after 90 minutes without a word; this one says what it did not get to. */
const totalTimeLimitSeconds = 75 * 60

interface Outcome {
  readonly name: string
  readonly counts: Counts
  readonly seconds: number
  readonly passed: boolean
}

/** Checks count as one test each: a step of scripts/check.ts passed or it did not. */
async function runChecks(): Promise<Outcome> {
  const result = await runCommand([process.execPath, 'scripts/check.ts'], checkTimeLimitSeconds)
  process.stdout.write(result.output)
  const passed = result.output.match(/^ok /gm)?.length ?? 0
  const failed = result.output.match(/^FAIL /gm)?.length ?? 0
  const counts = { tests: passed + failed, passed, failed, skipped: 0 }
  return { name: 'check', counts, seconds: result.seconds, passed: result.code === 0 && failed === 0 && passed > 0 }
}

async function runSuite(suite: Suite): Promise<Outcome> {
  const timeLimitSeconds = Math.min(suite.timeLimitSeconds, totalTimeLimitSeconds - process.uptime())
  if (timeLimitSeconds < 1) {
    console.log(`\n── ${suite.name}: not run, the time for all suites is over`)
    return { name: suite.name, counts: { tests: 0, passed: 0, failed: 0, skipped: 0 }, seconds: 0, passed: false }
  }
  // A test that hangs is ended by name before its whole suite is.
  const testTimeoutMs = Math.ceil((timeLimitSeconds * 1000) / 3)
  const command = testCommand(suite.files, { isolated: suite.isolated, testTimeoutMs })
  const result = await runCommand(command, timeLimitSeconds)
  const counts = countsIn(result.output)
  const trouble = troubleOf(timeLimitSeconds, result, counts)
  if (trouble !== undefined) {
    console.log(`\n── ${suite.name}: ${trouble}`)
    console.log(result.output.replace(/^polylog-test-counts .*\n?/gm, '').trimEnd())
  }
  return { name: suite.name, counts, seconds: result.seconds, passed: trouble === undefined }
}

function printSummary(outcomes: readonly Outcome[]): void {
  console.log('\nsuite                 tests  skipped  seconds')
  for (const { name, counts, seconds, passed } of outcomes) {
    const figures = [
      String(counts.tests).padStart(5),
      String(counts.skipped).padStart(7),
      seconds.toFixed(1).padStart(7),
    ]
    console.log(`${name.padEnd(21)} ${figures.join('  ')}${passed ? '' : '  FAILED'}`)
  }
  const sum = (count: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0)
  // A suite can fail without a failed test: it timed out, crashed or was empty. That is one failure.
  const failed = sum(({ counts, passed }) => (passed ? 0 : Math.max(1, counts.failed)))
  console.log(`\n${sum(({ counts }) => counts.passed)} passed, ${failed} failed`)
}

/**
 * Runs a suite and says how it went as soon as it has ended. One that depends on real time gets a second chance if it failed
 * while the machine stood still: what failed first stays in the output.
 */
async function runAndReport(suite: Suite): Promise<Outcome> {
  const watch = new StallWatch()
  let outcome = await runSuite(suite)
  const stalls = watch.end()
  if (!outcome.passed && suite.inRealTime && isSick(stalls)) {
    const { worstMs, withheldShare } = stalls
    const figures = `${worstMs.toFixed(0)} ms at worst, ${(withheldShare * 100).toFixed(0)} % of its time withheld`
    console.log(`\n── ${suite.name}: the machine stood still meanwhile (${figures}): once more`)
    outcome = await runSuite(suite)
  }
  const { name, counts, passed, seconds } = outcome
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name}: ${counts.passed} tests in ${seconds.toFixed(1)} s`)
  return outcome
}

const words = process.argv.slice(2)
const names = words.filter((word) => !word.startsWith('--'))
const { fast, slow } = findSuites()
const known = ['check', ...[...fast, ...slow].map(({ name }) => name)]
const unknown = words.filter((word) => word !== '--fast' && !known.includes(word))
if (unknown.length > 0) {
  console.error(`test: no suite ${unknown.join(', ')}; there are ${known.join(', ')}, and --fast for the first three`)
  process.exit(2)
}
const isWanted = ({ name }: { name: string }): boolean => names.length === 0 || names.includes(name)
const outcomes: Outcome[] = []
if (isWanted({ name: 'check' })) outcomes.push(await runChecks())
outcomes.push(...(await Promise.all(fast.filter(isWanted).map(runAndReport))))
if (!words.includes('--fast')) {
  // One by one: they measure time, start processes of their own and use both cores.
  for (const suite of slow.filter(isWanted)) outcomes.push(await runAndReport(suite))
}
printSummary(outcomes)
process.exitCode = outcomes.every(({ passed }) => passed) ? 0 : 1
