// Runs librdkafka's own C tests against Polylog.
//   node test/compat/librdkafka/run.ts                 the pass-list (tests.allow)
//   node test/compat/librdkafka/run.ts 0012 0030       these numbers
//   node test/compat/librdkafka/run.ts --all --update  every test that needs a broker; adds what newly passes
//   … --broker 127.0.0.1:9092   against a broker that runs already, with 4 partitions by default
//   … --log FILE                keeps all output
import { BrokerProcess } from '../../system/broker-process.ts'
import { exclusionOf, growAllowList, readAllowList, readExclusions } from '../allow-list.ts'
import { printOutcome, printSummary } from '../outcome.ts'
import type { Outcome } from '../outcome.ts'
import { readRequest } from '../request.ts'
import type { CompatRequest } from '../request.ts'
import { build, isBuilt } from './build.ts'
import { allNumbers, countingNumbers, noAutoCreateNumbers, numberOf, runNumber } from './suite.ts'
import type { Scenario } from './suite.ts'

export const directory = import.meta.dirname

/** A broker as some of the tests expect it. */
interface Setup {
  readonly scenario: Scenario
  readonly flags: readonly string[]
  readonly runs: (number: string) => boolean
}

const setups: readonly Setup[] = [
  { scenario: 'default', flags: [], runs: (number) => !countingNumbers.includes(number) },
  {
    scenario: 'default',
    flags: ['--set', 'group.initial.rebalance.delay.ms=3000'],
    runs: (number) => countingNumbers.includes(number),
  },
  {
    scenario: 'noautocreate',
    flags: ['--set', 'auto.create.topics.enable=false'],
    runs: (number) => noAutoCreateNumbers.includes(number),
  },
]

/** Runs the tests with these numbers, one after the other, each setup on a broker of its own. */
export async function runLibrdkafka(
  numbers: readonly string[],
  request: Pick<CompatRequest, 'broker' | 'log'>,
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const { scenario, flags, runs } of setups) {
    const own = numbers.filter(runs)
    if (own.length === 0) continue
    await using started =
      request.broker === undefined
        ? await BrokerProcess.start({ flags: ['--set', 'num.partitions=4', ...flags] })
        : undefined
    const broker = started?.address ?? request.broker!
    for (const number of own) {
      for (const outcome of await runNumber(number, { broker, scenario, log: request.log })) {
        report(outcome)
        outcomes.push(outcome)
      }
    }
  }
  return outcomes
}

async function main(): Promise<void> {
  const request = readRequest(process.argv.slice(2))
  if (!isBuilt()) {
    try {
      await build()
    } catch (error) {
      console.error(`SKIPPED: librdkafka's tests cannot be built here. ${(error as Error).message}`)
      return
    }
  }
  const allowed = new Set(readAllowList(directory))
  const exclusions = readExclusions(directory)
  const wanted = request.tests.length > 0 ? request.tests : request.all ? allNumbers() : [...allowed]
  const numbers = [...new Set(wanted.map(numberOf))].filter(
    (number) => request.tests.length > 0 || exclusionOf(exclusions, number) === undefined,
  )
  const outcomes = await runLibrdkafka(numbers, request, printOutcome)
  const passed = outcomes.filter(({ state }) => state === 'passed').map(({ name }) => name)
  if (request.update) growAllowList(directory, passed)
  const complete = printSummary(outcomes, allowed)
  process.exitCode = complete ? 0 : 1
}

if (import.meta.main) await main()
