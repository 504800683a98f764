// Runs kafkajs's own tests against Polylog, from a checkout of its repository with its packages installed. Nothing is fetched.
//   KAFKAJS_CHECKOUT=/path node test/compat/kafkajs/run.ts             the spec files of the pass-list (tests.allow)
//   … src/broker/__tests__/fetch.spec.js                               these spec files
//   … --all --update                                                   every spec file; adds what newly passes
//   … --broker localhost:9092                                          against a broker that runs already
//   … --log FILE                                                       keeps all output
// The suite fixes the ports 9092 to 9100 of localhost; they must be free. It needs an etcd on this machine, for three brokers.
import { runCheckoutSuite, runFiles } from '../checkout-suite.ts'
import type { CheckoutSuite, SuiteTarget } from '../checkout-suite.ts'
import { forwardPorts } from '../forward.ts'
import type { Outcome } from '../outcome.ts'
import { ports, startBrokers } from './brokers.ts'
import { runSpec, specFiles, troubleOf } from './suite.ts'

const directory = import.meta.dirname

/** Runs spec files one after the other against the same brokers. */
async function run(
  files: readonly string[],
  target: SuiteTarget,
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  await using _brokers =
    target.broker === undefined ? await startBrokers(target.log) : await leadTo(Number(target.broker.split(':')[1]))
  const own = { ...target, broker: target.broker ?? `localhost:${ports.plain[0]}` }
  return await runFiles(directory, files, (file) => runSpec(file, own), report)
}

/** A broker that runs already stands for all three, without logins and TLS. */
function leadTo(port: number): Promise<AsyncDisposable> {
  return forwardPorts(
    ports.plain.filter((each) => each !== port),
    { host: '127.0.0.1', port },
  )
}

export const kafkajs: CheckoutSuite = {
  directory,
  variable: 'KAFKAJS_CHECKOUT',
  troubleOf,
  filesOf: specFiles,
  run,
}

if (import.meta.main) await runCheckoutSuite(kafkajs)
