import { findEtcd } from '../world/etcd.ts'
import { exclusionOf, growAllowList, readAllowList, readExclusions } from './allow-list.ts'
import { printOutcome, printSummary } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { readRequest } from './request.ts'

export interface SuiteTarget {
  readonly checkout: string
  readonly broker?: string | undefined
  readonly log: string | undefined
}

/** A suite that runs file by file from a checkout of its repository, which the machine must have already. */
export interface CheckoutSuite {
  /** Where its lists are. */
  readonly directory: string
  /** Variable of the environment that names the checkout. */
  readonly variable: string
  /** Why the checkout cannot be used; undefined if it can. */
  readonly troubleOf: (checkout: string) => string | undefined
  /** All test files, relative to the checkout. */
  readonly filesOf: (checkout: string) => readonly string[]
  readonly run: (
    files: readonly string[],
    target: SuiteTarget,
    report: (outcome: Outcome) => void,
  ) => Promise<readonly Outcome[]>
}

/**
 * The checkout the environment names, or why the suite cannot be run.
 * @param broker one that runs already; without it the suite's own are started, several on an etcd
 */
export function findCheckout(
  suite: Pick<CheckoutSuite, 'variable' | 'troubleOf'>,
  broker?: string,
): {
  checkout: string
  trouble: string | undefined
} {
  const checkout = process.env[suite.variable]
  if (checkout === undefined) return { checkout: '', trouble: `${suite.variable} names no checkout` }
  const lacksEtcd = broker === undefined && findEtcd().length === 0
  return {
    checkout,
    trouble: suite.troubleOf(checkout) ?? (lacksEtcd ? 'there is no etcd on this machine' : undefined),
  }
}

/** The command line of such a suite: what was asked for is run, printed, and compared with the pass-list. */
export async function runCheckoutSuite(suite: CheckoutSuite): Promise<void> {
  const { directory } = suite
  const request = readRequest(process.argv.slice(2))
  const { checkout, trouble } = findCheckout(suite, request.broker)
  if (trouble !== undefined) {
    console.error(`SKIPPED: ${trouble}`)
    return
  }
  const allowed = new Set(readAllowList(directory))
  const listed = [...new Set([...allowed].map((name) => name.split(' > ')[0]!))]
  const exclusions = readExclusions(directory)
  const all = suite.filesOf(checkout).filter((file) => exclusionOf(exclusions, file) === undefined)
  const files = request.tests.length > 0 ? request.tests : request.all ? all : listed
  const outcomes = await suite.run(files, { checkout, broker: request.broker, log: request.log }, printOutcome)
  const passed = outcomes.filter(({ state }) => state === 'passed').map(({ name }) => name)
  if (request.update) growAllowList(directory, passed)
  process.exitCode = printSummary(outcomes, allowed) ? 0 : 1
}

/** Runs files one after the other and reports what counts: what is excluded does so only when it passes. */
export async function runFiles(
  directory: string,
  files: readonly string[],
  runFile: (file: string) => Promise<readonly Outcome[]>,
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const exclusions = readExclusions(directory)
  const outcomes: Outcome[] = []
  for (const file of files) {
    for (const outcome of await runFile(file)) {
      if (outcome.state !== 'passed' && exclusionOf(exclusions, outcome.name) !== undefined) continue
      report(outcome)
      outcomes.push(outcome)
    }
  }
  return outcomes
}

/** What a sample of the suite should have passed and did not. @throws Error if the pass-list has nothing of the sample */
export async function missingOf(suite: CheckoutSuite, sample: readonly string[], checkout: string): Promise<string[]> {
  const outcomes = await suite.run(sample, { checkout, log: undefined }, () => {})
  const passed = new Set(outcomes.filter(({ state }) => state === 'passed').map(({ name }) => name))
  const allowed = readAllowList(suite.directory).filter((name) => sample.some((file) => name.startsWith(`${file} > `)))
  if (allowed.length === 0) throw new Error(`tests.allow of ${suite.directory} has nothing of the sample`)
  return allowed.filter((name) => !passed.has(name))
}
