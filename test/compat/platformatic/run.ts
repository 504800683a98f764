// Runs the tests of @platformatic/kafka against Polylog, from a checkout of its repository with its packages installed. Nothing is fetched.
//   PLATFORMATIC_CHECKOUT=/path node test/compat/platformatic/run.ts   the test files of the pass-list (tests.allow)
//   … test/clients/base/base.test.ts                                   these test files
//   … --all --update                                                   every test file; adds what newly passes
//   … --broker localhost:19092                                         against a broker that runs already
//   … --log FILE                                                       keeps all output
// The suite fixes the ports 9001 and 9011 to 9013 of localhost; they must be free.
import { BrokerProcess } from '../../system/broker-process.ts'
import { exclusionOf, growAllowList, readAllowList, readExclusions } from '../allow-list.ts'
import { forwardPorts } from '../forward.ts'
import { printOutcome, printSummary } from '../outcome.ts'
import type { Outcome } from '../outcome.ts'
import { readRequest } from '../request.ts'
import { ports, runFile, testFiles, troubleOf } from './suite.ts'
import type { Target } from './suite.ts'

export const directory = import.meta.dirname

/** Polylog calls itself what the first broker of the suite's cluster is called. */
const flags = ['--advertised', `localhost:${ports[0]}`]

/** Runs test files one after the other against one Polylog, which is reached on all ports of the suite. */
export async function runPlatformatic(
  files: readonly string[],
  target: Target & { broker?: string | undefined },
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const exclusions = readExclusions(directory)
  await using broker = target.broker === undefined ? await BrokerProcess.start({ flags }) : undefined
  const port = broker?.port ?? Number(target.broker!.split(':')[1])
  await using _forwarder = await forwardPorts(ports, { host: '127.0.0.1', port })
  const outcomes: Outcome[] = []
  for (const file of files) {
    for (const outcome of await runFile(file, target)) {
      if (outcome.state !== 'passed' && exclusionOf(exclusions, outcome.name) !== undefined) continue
      report(outcome)
      outcomes.push(outcome)
    }
  }
  return outcomes
}

async function main(): Promise<void> {
  const request = readRequest(process.argv.slice(2))
  const checkout = process.env['PLATFORMATIC_CHECKOUT']
  const trouble =
    checkout === undefined ? 'PLATFORMATIC_CHECKOUT names no checkout of @platformatic/kafka' : troubleOf(checkout)
  if (checkout === undefined || trouble !== undefined) {
    console.error(`SKIPPED: ${trouble}`)
    return
  }
  const allowed = new Set(readAllowList(directory))
  const listed = [...new Set([...allowed].map((name) => name.split(' > ')[0]!))]
  const exclusions = readExclusions(directory)
  const all = testFiles(checkout).filter((file) => exclusionOf(exclusions, file) === undefined)
  const files = request.tests.length > 0 ? request.tests : request.all ? all : listed
  const outcomes = await runPlatformatic(files, { checkout, broker: request.broker, log: request.log }, printOutcome)
  if (request.update) {
    growAllowList(
      directory,
      outcomes.filter(({ state }) => state === 'passed').map(({ name }) => name),
    )
  }
  process.exitCode = printSummary(outcomes, allowed) ? 0 : 1
}

if (import.meta.main) await main()
