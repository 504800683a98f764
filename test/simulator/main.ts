/**
 * `npm run simulate -- [SEED] [--seeds N] [--seed S] [--hours H] [--verbose]`: whole brokers in the simulated world. A
 * seed alone replays that run; `--seeds N` runs N seeds from `--seed` on (default 1). Exit code 1 if any run went wrong.
 */
import { parseArgs } from 'node:util'
import type { Logger } from '../../packages/broker/src/telemetry/logger.ts'
import { silentLogger } from '../../packages/broker/src/telemetry/logger.ts'
import { describeResult } from './report.ts'
import { Run } from './run.ts'
import { describePlan, planOf } from './world/plan.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string' },
    hours: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value
  process.stderr.write(`simulate: ${name} must be a number, not "${text}"\n`)
  process.exit(2)
}

const printing = (level: string) => (event: string, fields?: object) =>
  console.log(`  ${level} ${event} ${JSON.stringify(fields ?? {})}`)
const verboseLogger: Logger = {
  debug: printing('debug'),
  info: printing('info'),
  warn: printing('warn'),
  error: printing('error'),
}

const first = numberOf('the seed', values.seed ?? positionals[0] ?? '1')
const seedCount = numberOf('--seeds', values.seeds)
const hours = values.hours === undefined ? undefined : numberOf('--hours', values.hours)
let wrongCount = 0
let invalidCount = 0
for (let seed = first; seed < first + seedCount; seed += 1) {
  const plan = planOf(seed, hours)
  console.log(describePlan(plan))
  const startMs = performance.now()
  const result = await new Run(plan, { logger: values.verbose ? verboseLogger : silentLogger }).result()
  console.log(describeResult(result, performance.now() - startMs))
  if (result.findings.length > 0) wrongCount += 1
  else if (result.invalid !== undefined) invalidCount += 1
}
console.log(`${seedCount} seeds from ${first}: ${wrongCount} wrong, ${invalidCount} invalid`)
process.exitCode = wrongCount > 0 ? 1 : 0
