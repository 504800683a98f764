import { parseArgs } from 'node:util'

/** What a runner was asked for on its command line. */
export interface CompatRequest {
  /** Every test of the suite, instead of the pass-list. */
  readonly all: boolean
  /** Whether tests that newly pass are added to tests.allow. */
  readonly update: boolean
  /** `host:port` of a broker that runs already, e.g. Apache Kafka as oracle; undefined starts Polylog. */
  readonly broker: string | undefined
  /** File that takes everything the tests wrote; undefined keeps only the reasons. */
  readonly log: string | undefined
  /** Tests that were named; empty for the pass-list or all. */
  readonly tests: readonly string[]
}

export function readRequest(args: readonly string[]): CompatRequest {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      update: { type: 'boolean', default: false },
      broker: { type: 'string' },
      log: { type: 'string' },
    },
  })
  return { ...values, broker: values.broker, log: values.log, tests: positionals }
}
