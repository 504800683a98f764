// Runs kafkajs's own tests against Polylog, from a checkout of its repository with its packages installed. Nothing is fetched.
//   KAFKAJS_CHECKOUT=/path node test/compat/kafkajs/run.ts             the spec files of the pass-list (tests.allow)
//   … src/broker/__tests__/fetch.spec.js                               these spec files
//   … --all --update                                                   every spec file; adds what newly passes
//   … --broker localhost:9092                                          against a broker that runs already
//   … --log FILE                                                       keeps all output
// The suite fixes the ports 9092, 9095 and 9098 of localhost; they must be free.
import { BrokerProcess } from '../../system/broker-process.ts'
import { runCheckoutSuite, runFiles } from '../checkout-suite.ts'
import type { CheckoutSuite, SuiteTarget } from '../checkout-suite.ts'
import { forwardPorts } from '../forward.ts'
import type { Outcome } from '../outcome.ts'
import { ports, runSpec, specFiles, troubleOf } from './suite.ts'

const directory = import.meta.dirname

/** The suite's own brokers are called localhost, have two partitions by default, and the first has the number 0. */
const address = `localhost:${ports[0]}`
const flags = ['--advertised', address, '--set', 'num.partitions=2', '--set', 'broker.id=0']

/** Runs spec files one after the other against one Polylog, which is reached on all three ports. */
async function run(
  files: readonly string[],
  target: SuiteTarget,
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  await using broker = target.broker === undefined ? await BrokerProcess.start({ flags }) : undefined
  const port = broker?.port ?? Number(target.broker!.split(':')[1])
  await using _forwarder = await forwardPorts(broker === undefined ? ports.slice(1) : ports, {
    host: '127.0.0.1',
    port,
  })
  const own = { ...target, broker: target.broker ?? address }
  return await runFiles(directory, files, (file) => runSpec(file, own), report)
}

export const kafkajs: CheckoutSuite = {
  directory,
  variable: 'KAFKAJS_CHECKOUT',
  troubleOf,
  filesOf: specFiles,
  run,
}

if (import.meta.main) await runCheckoutSuite(kafkajs)
