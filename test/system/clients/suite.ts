import { describe, it } from 'node:test'
import { compressionNames } from '@polylog/wire/records'
import type { Compression } from '@polylog/wire/records'
import type { Connect } from './scenario.ts'
import { runScenario } from './scenario.ts'

const recordCount = 100_000

/** Most time for one codec; a quiet machine takes 2 to 5 s. */
const timeout = 180_000

/** Registers the scenario for one client, with every codec that it has. */
export function describeClient(
  name: string,
  connect: Connect,
  codecs: readonly Compression[] = compressionNames,
): void {
  const what = `${recordCount} keyed records: same bytes, no loss, order per key, over a rebalance and kill -9`
  describe(`${name}, unmodified, ${what}`, () => {
    for (const codec of codecs) it(codec, { timeout }, () => runScenario(connect, codec, recordCount))
  })
}

/** Says loudly that a client is not there to be tested with. */
export function skipClient(name: string, reason: string): void {
  console.error(`\nNOT TESTED with ${name}: ${reason}\n`)
  it(name, { skip: reason }, () => {})
}
