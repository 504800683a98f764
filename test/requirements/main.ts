// npm run requirements -- [--write] [ID …]
// Runs the test of each requirement and prints the table; with --write, puts it into docs/requirements.md if all passed.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { run } from 'node:test'
import type { TestEvent } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import type { Outcome } from './report.ts'
import { pageTable, textTable, verdictOf, withTable } from './report.ts'
import { idPattern, requirements } from './table.ts'

const page = new URL('../../docs/requirements.md', import.meta.url)

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: 'boolean' } } })
const unknown = positionals.filter((id) => !Object.hasOwn(requirements, id))
if (unknown.length > 0 || (values.write === true && positionals.length > 0)) {
  const known = Object.keys(requirements).join(', ')
  console.error(unknown.length > 0 ? `requirements: no ${unknown.join()}; there are ${known}` : '--write takes no ids')
  process.exit(2)
}
const ids = Object.keys(requirements).filter((id) => positionals.length === 0 || positionals.includes(id))
const startMs = performance.now()
const { outcomes, strays } = await runTests()
report()

async function runTests(): Promise<{ outcomes: Map<string, Outcome>; strays: string[] }> {
  const results = new Map<string, Outcome>()
  const failures: string[] = []
  const wanted = new Set(ids.map((id) => requirements[id]!.file))
  const files = globSync('*.test.ts', { cwd: import.meta.dirname }).filter((file) => wanted.has(file))
  const testNamePatterns = ids.map((id) => new RegExp(`^${id} `))
  if (files.length === 0) return { outcomes: results, strays: failures }
  // One after the other: each has three brokers, and some look at time-outs.
  for await (const event of run({ files, cwd: import.meta.dirname, concurrency: 1, testNamePatterns })) {
    const { type, data } = event as TestEvent
    if ((type !== 'test:pass' && type !== 'test:fail') || data.nesting > 0) continue
    const id = idPattern.exec(data.name)?.[0]
    const message = type === 'test:fail' ? messageOf(data.details.error) : undefined
    if (id === undefined || !ids.includes(id)) {
      if (message !== undefined) failures.push(`${data.name}: ${message}`)
      continue
    }
    const seconds = data.details.duration_ms / 1000
    results.set(id, { passed: message === undefined, seconds, ...(message !== undefined && { message }) })
    if (process.stderr.isTTY) process.stderr.write(`\r${results.size} of ${ids.length} `)
  }
  if (process.stderr.isTTY) process.stderr.write('\r')
  return { outcomes: results, strays: failures }
}

function messageOf({ cause, message }: Error): string {
  return cause instanceof Error ? cause.message : message
}

function report(): void {
  console.log(textTable(ids, outcomes))
  for (const stray of strays) console.log(stray)
  const verdicts = ids.map((id) => verdictOf(id, outcomes.get(id)))
  const count = (verdict: string): number => verdicts.filter((each) => each === verdict).length
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0)
  const counts = `${count('pass')} pass, ${count('fail')} fail, ${count('later')} later`
  const missing = count('none') === 0 ? '' : `, ${count('none')} did not run`
  console.log(`\n${counts}${missing}; ${seconds} s`)
  const isGood = count('fail') === 0 && count('none') === 0 && strays.length === 0
  process.exitCode = isGood ? 0 : 1
  if (values.write !== true || !isGood) return
  writeFileSync(
    page,
    withTable(
      readFileSync(page, 'utf8'),
      pageTable((id) => outcomes.get(id)),
    ),
  )
}
