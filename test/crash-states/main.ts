// npm run crash-states -- [--all] [--seed N] [--states N] [--state K]
import process from 'node:process'
import { parseArgs } from 'node:util'
import type { SuiteResult } from './suite.ts'
import { runSuite, spread, stateTotal } from './suite.ts'
import type { Trace } from './trace.ts'
import { recordTrace } from './trace.ts'

const operationsMin = 2500
const statesShort = 2500
const statesAll = 100_000
const failuresMax = 20

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    states: { type: 'string' },
    state: { type: 'string' },
  },
})

const seed = Number(values.seed)
if (values.state === undefined) process.exitCode = await tryMany(values.all, values.states)
else process.exitCode = await tryOne(Number(values.state))

async function tryOne(state: number): Promise<number> {
  const trace = await recordTrace(seed, operationsMin)
  const result = await runSuite({ trace, states: [state], failuresMax: 1 })
  report(result)
  return result.failures.length > 0 ? 1 : 0
}

/** `--all` takes every state of a trace, then those of the next seed, until there are enough. */
async function tryMany(all: boolean, states: string | undefined): Promise<number> {
  const wanted = Number(states ?? (all ? statesAll : statesShort))
  const startMs = performance.now()
  const total: SuiteResult = { stateCount: 0, failures: [] }
  for (let traceSeed = seed; total.stateCount < wanted && total.failures.length < failuresMax; traceSeed++) {
    const trace = await recordTrace(traceSeed, operationsMin)
    const result = await runSuite({
      trace,
      states: all ? numbers(stateTotal(trace)) : spread(trace, wanted),
      failuresMax,
      statesMax: wanted - total.stateCount,
      progress: (tried) => showProgress(total.stateCount + tried, wanted, startMs),
    })
    total.stateCount += result.stateCount
    total.failures.push(...result.failures)
    say(`seed ${traceSeed}: ${describe(trace)}, ${result.stateCount} states, ${result.failures.length} failures`)
    if (!all) break
  }
  const seconds = (performance.now() - startMs) / 1000
  report(total)
  say(`${total.stateCount} states in ${seconds.toFixed(1)} s, ${(total.stateCount / seconds).toFixed(0)} per second`)
  return total.failures.length > 0 ? 1 : 0
}

function report(result: SuiteResult): void {
  for (const { seed: failed, state, message } of result.failures) {
    say(`FAILED: npm run crash-states -- --seed ${failed} --state ${state}\n  ${message}`)
  }
  if (result.failures.length === 0) say(`${result.stateCount} states, every promise kept`)
}

function describe(trace: Trace): string {
  return `${trace.operationCount} file operations`
}

function* numbers(count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i
}

let shownMs = 0

function showProgress(tried: number, wanted: number, startMs: number): void {
  if (!process.stderr.isTTY || performance.now() - shownMs < 200) return
  shownMs = performance.now()
  const perSecond = Math.round(tried / ((shownMs - startMs) / 1000))
  process.stderr.write(`\r${tried} of ${wanted} states, ${perSecond} per second `)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
