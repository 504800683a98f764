// Runs the tests of @platformatic/kafka against Polylog, from a checkout of its repository with its packages installed. Nothing is fetched.
//   PLATFORMATIC_CHECKOUT=/path node test/compat/platformatic/run.ts   the test files of the pass-list (tests.allow)
//   … test/clients/base/base.test.ts                                   these test files
//   … --all --update                                                   every test file; adds what newly passes
//   … --broker localhost:19092                                         against a broker that runs already
//   … --log FILE                                                       keeps all output
// The suite fixes the ports 9001 and 9011 to 9013 of localhost; they must be free.
import { BrokerProcess } from '../../system/broker-process.ts'
import { runCheckoutSuite, runFiles } from '../checkout-suite.ts'
import type { CheckoutSuite, SuiteTarget } from '../checkout-suite.ts'
import { forwardPorts } from '../forward.ts'
import type { Outcome } from '../outcome.ts'
import { ports, runFile, testFiles, troubleOf } from './suite.ts'

const directory = import.meta.dirname

/** Polylog calls itself what the first broker of the suite's cluster is called. */
const flags = ['--advertised', `localhost:${ports[0]}`]

/** Runs test files one after the other against one Polylog, which is reached on all ports of the suite. */
async function run(
  files: readonly string[],
  target: SuiteTarget,
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  await using broker = target.broker === undefined ? await BrokerProcess.start({ flags }) : undefined
  const port = broker?.port ?? Number(target.broker!.split(':')[1])
  await using _forwarder = await forwardPorts(ports, { host: '127.0.0.1', port })
  return await runFiles(directory, files, (file) => runFile(file, target), report)
}

export const platformatic: CheckoutSuite = {
  directory,
  variable: 'PLATFORMATIC_CHECKOUT',
  troubleOf,
  filesOf: testFiles,
  run,
}

if (import.meta.main) await runCheckoutSuite(platformatic)
