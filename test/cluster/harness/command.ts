import { appendFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'

/** What every run can be told. */
export interface RunOptions {
  /** Of random choices; the timing in between is the machine's. */
  readonly seed: number
  /** How often the fault strikes. */
  readonly count: number
  readonly progress: (text: string) => void
  /** Settings of every broker, as `--set` takes them. */
  readonly settings?: readonly string[]
  /** How many; 3 by default. */
  readonly brokers?: number
  /** What runs as a broker, if not the command as it is. */
  readonly program?: string
}

interface Outcome {
  readonly anomalies: readonly string[]
}

/**
 * Runs as a command: `--count N`, `--seed N`, `--brokers N`, `--set NAME=VALUE` for the brokers, `--json FILE` to append the figures to. Prints them as a table and as one
 * line of JSON; exits with 1 if there is an anomaly.
 */
export async function runAsCommand(
  name: string,
  count: number,
  run: (options: RunOptions) => Promise<Outcome>,
): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      count: { type: 'string', default: String(count) },
      json: { type: 'string' },
      brokers: { type: 'string', default: '3' },
      set: { type: 'string', multiple: true, default: [] },
    },
  })
  const { set: settings } = values
  const brokers = Number(values.brokers)
  const seed = Number(values.seed ?? Date.now() % 2 ** 32)
  console.log(`${name} --count ${values.count} --seed ${seed} ${settings.map((text) => `--set ${text}`).join(' ')}`)
  const startMs = performance.now()
  const loadBefore = loadavg()[0]!
  const outcome = await run({
    seed,
    count: Number(values.count),
    settings,
    brokers,
    progress: (text) => console.log(text),
  })
  const minutes = Number(((performance.now() - startMs) / 60_000).toFixed(1))
  const machine = {
    cores: cpus().length,
    node: process.version,
    load: [loadBefore, loadavg()[0]!].map((load) => load.toFixed(1)).join(' to '),
  }
  const figures = {
    run: name,
    date: new Date().toISOString(),
    seed,
    brokers,
    settings,
    minutes,
    ...machine,
    ...outcome,
  }
  const cell = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
  for (const [key, value] of Object.entries(figures)) console.log(`${key.padEnd(24)} ${cell(value).slice(0, 2000)}`)
  const line = JSON.stringify(figures)
  console.log(line)
  if (values.json !== undefined) appendFileSync(values.json, `${line}\n`)
  process.exitCode = outcome.anomalies.length === 0 ? 0 : 1
}
