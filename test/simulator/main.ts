/**
 * `npm run simulate -- [SEED] [--seeds N | --minutes M] [--seed S] [--hours H] [--brokers N] [--workers N] [--out FILE] [--plan JSON]
 * [--shrink] [--verbose]`: whole brokers, alone or in a cluster, in the simulated world. A seed alone replays that run; `--seeds N`
 * runs N seeds from `--seed` on (default 1), `--minutes M` ascending seeds until the time is over, both in two processes; `--out`
 * appends each run that went wrong to a file, as a line of JSON with seed and plan, and then prints nothing about the others; `--plan`
 * runs exactly that plan, as printed for a failure that was made smaller (`--shrink`). Exit code 1 if any run went wrong.
 */
import { appendFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { Logger } from '../../packages/broker/src/telemetry/logger.ts'
import { silentLogger } from '../../packages/broker/src/telemetry/logger.ts'
import { describeResult, describeSmallest } from './report.ts'
import { Run } from './run.ts'
import { factsOf } from './seed-report.ts'
import type { SeedReport, Verdict } from './seed-report.ts'
import { SeedWorkers, serveSeeds } from './seed-workers.ts'
import { shrink } from './shrink.ts'
import { Tally } from './tally.ts'
import type { Plan } from './world/plan.ts'
import { describePlan, planOf } from './world/plan.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    hours: { type: 'string' },
    brokers: { type: 'string' },
    workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    out: { type: 'string' },
    plan: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
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

const progressMs = 30_000
const first = numberOf('the seed', values.seed ?? positionals[0] ?? '1')
const durationMs = values.minutes === undefined ? Infinity : numberOf('--minutes', values.minutes) * 60_000
const seedCount =
  values.seeds === undefined ? (durationMs === Infinity ? 1 : Infinity) : numberOf('--seeds', values.seeds)
const hours = values.hours === undefined ? undefined : numberOf('--hours', values.hours)
const brokers = values.brokers === undefined ? undefined : numberOf('--brokers', values.brokers)

async function runPlan(plan: Plan): Promise<SeedReport> {
  const startMs = performance.now()
  const result = await new Run(plan, { logger: values.verbose ? verboseLogger : silentLogger }).result()
  const lines = [describePlan(plan), describeResult(result, performance.now() - startMs)]
  const kinds = [...new Set(result.findings.map(({ kind }) => kind))]
  if (kinds.length > 0 && values.shrink) {
    const note = (text: string): void => void process.stderr.write(`  ${text}\n`)
    lines.push(describeSmallest(await shrink(plan, new Set(kinds), note)))
  }
  const verdict: Verdict = kinds.length > 0 ? 'wrong' : result.invalid === undefined ? 'ok' : 'invalid'
  return { seed: plan.seed, verdict, text: lines.join('\n'), kinds, facts: factsOf(result) }
}

const tally = new Tally()
const startMs = performance.now()

function note(report: SeedReport): void {
  tally.add(report)
  const { seed, verdict, text, kinds, facts } = report
  if (values.out === undefined || verdict === 'wrong') console.log(text)
  if (values.out === undefined || verdict !== 'wrong') return
  appendFileSync(values.out, `${JSON.stringify({ seed, kinds, text, plan: facts?.plan })}\n`)
}

async function runMany(): Promise<void> {
  const args = [...process.argv.slice(2), '--worker']
  const workers = new SeedWorkers(
    { path: import.meta.filename, args },
    { first, count: seedCount, durationMs },
    (report) => note(report),
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => workers.stop())
  const progress = setInterval(() => console.log(tally.describeProgress(performance.now() - startMs)), progressMs)
  await workers.run(numberOf('--workers', values.workers))
  clearInterval(progress)
}

async function main(): Promise<void> {
  if (values.plan !== undefined)
    note(await runPlan({ queueGroups: [], ...(JSON.parse(values.plan) as Partial<Plan>) } as Plan))
  else if (seedCount === 1) note(await runPlan(planOf(first, hours, brokers)))
  else await runMany()
  console.log(tally.describe(first, performance.now() - startMs))
  if (values.out !== undefined) console.log(JSON.stringify({ first, ...tally.toJSON() }))
  process.exitCode = tally.wrongCount > 0 ? 1 : 0
}

if (values.worker) serveSeeds((seed) => runPlan(planOf(seed, hours, brokers)))
else await main()
