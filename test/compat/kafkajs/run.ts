// Runs kafkajs's own tests against Polylog, from a checkout of its repository with its packages installed. Nothing is fetched.
//   KAFKAJS_CHECKOUT=/path node test/compat/kafkajs/run.ts             the spec files of the pass-list (tests.allow)
//   … src/broker/__tests__/fetch.spec.js                               these spec files
//   … --all --update                                                   every spec file; adds what newly passes
//   … --broker localhost:9092                                          against a broker that runs already
//   … --log FILE                                                       keeps all output
// The suite fixes the ports 9092, 9095 and 9098 of localhost; they must be free.
import { BrokerProcess } from '../../system/broker-process.ts'
import { exclusionOf, growAllowList, readAllowList, readExclusions } from '../allow-list.ts'
import { forwardPorts } from '../forward.ts'
import { printOutcome, printSummary } from '../outcome.ts'
import type { Outcome } from '../outcome.ts'
import { readRequest } from '../request.ts'
import { ports, runSpec, specFiles, troubleOf } from './suite.ts'
import type { Target } from './suite.ts'

export const directory = import.meta.dirname

/** The suite's own brokers are called localhost, have two partitions by default, and the first has the number 0. */
const address = `localhost:${ports[0]}`
const flags = ['--advertised', address, '--set', 'num.partitions=2', '--set', 'broker.id=0']

/** Runs spec files one after the other against one Polylog, which is reached on all three ports. */
export async function runKafkajs(
  files: readonly string[],
  target: Omit<Target, 'broker'> & { broker?: string | undefined },
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const exclusions = readExclusions(directory)
  await using broker = target.broker === undefined ? await BrokerProcess.start({ flags }) : undefined
  const port = broker?.port ?? Number(target.broker!.split(':')[1])
  await using _forwarder = await forwardPorts(broker === undefined ? ports.slice(1) : ports, {
    host: '127.0.0.1',
    port,
  })
  const outcomes: Outcome[] = []
  for (const file of files) {
    for (const outcome of await runSpec(file, { ...target, broker: target.broker ?? address })) {
      const exclusion = exclusionOf(exclusions, outcome.name)
      if (exclusion !== undefined && outcome.state !== 'passed') continue
      report(outcome)
      outcomes.push(outcome)
    }
  }
  return outcomes
}

async function main(): Promise<void> {
  const request = readRequest(process.argv.slice(2))
  const checkout = process.env['KAFKAJS_CHECKOUT']
  const trouble = checkout === undefined ? 'KAFKAJS_CHECKOUT names no checkout of kafkajs' : troubleOf(checkout)
  if (checkout === undefined || trouble !== undefined) {
    console.error(`SKIPPED: ${trouble}`)
    return
  }
  const allowed = new Set(readAllowList(directory))
  const listed = [...new Set([...allowed].map((name) => name.split(' > ')[0]!))]
  const excluded = readExclusions(directory)
  const all = specFiles(checkout).filter((file) => exclusionOf(excluded, file) === undefined)
  const files = request.tests.length > 0 ? request.tests : request.all ? all : listed
  const outcomes = await runKafkajs(files, { checkout, broker: request.broker, log: request.log }, printOutcome)
  if (request.update) {
    growAllowList(
      directory,
      outcomes.filter(({ state }) => state === 'passed').map(({ name }) => name),
    )
  }
  process.exitCode = printSummary(outcomes, allowed) ? 0 : 1
}

if (import.meta.main) await main()
