// Runs the tests of @platformatic/kafka against Polylog, from a checkout of its repository with its packages installed. Nothing is fetched.
//   PLATFORMATIC_CHECKOUT=/path node test/compat/platformatic/run.ts   the test files of the pass-list (tests.allow)
//   … test/clients/base/base.test.ts                                   these test files
//   … --all --update                                                   every test file; adds what newly passes
//   … --broker localhost:19092                                         against a broker that runs already
//   … --log FILE                                                       keeps all output
// The suite fixes the ports 9001, 9002, 19002 and 9011 to 9013 of localhost; they must be free. It needs an etcd on this machine.
import { runCheckoutSuite, runFiles } from '../checkout-suite.ts'
import type { CheckoutSuite, SuiteTarget } from '../checkout-suite.ts'
import { forwardPorts } from '../forward.ts'
import type { Outcome } from '../outcome.ts'
import { ports, startBrokers } from './brokers.ts'
import { runFile, testFiles, troubleOf } from './suite.ts'

const directory = import.meta.dirname

/** Runs test files one after the other against the same brokers. */
async function run(
  files: readonly string[],
  target: SuiteTarget,
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  await using _brokers =
    target.broker === undefined ? await startBrokers(target.log) : await leadTo(Number(target.broker.split(':')[1]))
  return await runFiles(directory, files, (file) => runFile(file, target), report)
}

/** A broker that runs already stands for the one on its own and for the cluster; nobody can log in. */
function leadTo(port: number): Promise<AsyncDisposable> {
  const wanted = [ports.single, ...ports.cluster]
  return forwardPorts(
    wanted.filter((each) => each !== port),
    { host: '127.0.0.1', port },
  )
}

export const platformatic: CheckoutSuite = {
  directory,
  variable: 'PLATFORMATIC_CHECKOUT',
  troubleOf,
  filesOf: testFiles,
  run,
}

if (import.meta.main) await runCheckoutSuite(platformatic)
