// `npm run check`: everything that can be known without running the code. One line per step, and the output of those
// that fail. `npm run check -- lint types` runs only these.
import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { Step } from './check/steps.ts'
import { steps } from './check/steps.ts'
import { runCommand } from './run-command.ts'

const stepTimeLimitSeconds = 300
const concurrency = Math.min(availableParallelism(), 4)

/** Runs one step and prints its line. Returns whether it passed. */
async function runStep(step: Step): Promise<boolean> {
  const start = performance.now()
  let output: string
  let passed: boolean
  if (typeof step.run === 'function') {
    const found = await step.run()
    output = found.map((line) => `${line}\n`).join('')
    passed = found.length === 0
  } else {
    const result = await runCommand(step.run, stepTimeLimitSeconds)
    output = result.timedOut ? `${result.output}\nended after ${stepTimeLimitSeconds} s` : result.output
    passed = result.code === 0
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${step.name.padEnd(8)} ${seconds.padStart(5)} s`)
  if (!passed) console.log(`\n${output.trimEnd()}\n`)
  return passed
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  console.error(`check: no step ${unknown.join(', ')}; there are ${steps.map((step) => step.name).join(', ')}`)
  process.exit(2)
}
const queue = steps.filter((step) => wanted.length === 0 || wanted.includes(step.name))
let failedCount = 0
async function runQueue(): Promise<void> {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    if (!(await runStep(step))) failedCount++
  }
}
await Promise.all(Array.from({ length: concurrency }, runQueue))
process.exitCode = failedCount === 0 ? 0 : 1
