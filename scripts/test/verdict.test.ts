// The runner itself: what must not count as passed. Each case runs node:test on a file made for it.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CommandResult } from '../run-command.ts'
import { runCommand } from '../run-command.ts'
import { countsIn, troubleOf } from './verdict.ts'

async function runTests(text: string, timeLimitSeconds = 60): Promise<CommandResult> {
  const folder = mkdtempSync(join(tmpdir(), 'polylog-verdict-'))
  try {
    const file = join(folder, 'a.test.mjs')
    writeFileSync(file, `import { test } from 'node:test'\n${text}\n`)
    const reporter = '--test-reporter=./scripts/test/failure-reporter.ts'
    // `env -u`: this test may itself run inside a test runner, which tells its children so.
    const command = [
      'env',
      '-u',
      'NODE_TEST_CONTEXT',
      process.execPath,
      '--test',
      '--test-isolation=none',
      reporter,
      file,
    ]
    return await runCommand(command, timeLimitSeconds)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function troubleIn(text: string): Promise<string | undefined> {
  const result = await runTests(text)
  return troubleOf(60, result, countsIn(result.output))
}

test('a suite whose tests pass has passed, and says nothing but its counts', async () => {
  const result = await runTests("test('a', () => {}); test('b', { skip: true }, () => {})")
  const counts = countsIn(result.output)
  assert.deepEqual(counts, { tests: 2, passed: 1, failed: 0, skipped: 1 })
  assert.equal(troubleOf(60, result, counts), undefined)
  assert.match(result.output, /^\n*polylog-test-counts \{.*\}\n$/)
})

test('a failure is reported in full, nested ones once', async () => {
  const result = await runTests(
    "import { describe } from 'node:test'; describe('s', () => test('a', () => { throw new Error('why') }))",
  )
  assert.equal(troubleOf(60, result, countsIn(result.output)), '1 of 1 tests failed')
  assert.equal(result.output.match(/✖ /g)?.length, 1)
  assert.match(result.output, /Error: why/)
})

test('no test, only skipped tests and a bad end after the last test are no success', async () => {
  assert.equal(await troubleIn(''), '1 of 1 tests failed')
  assert.equal(await troubleIn("test('a', { skip: true }, () => {})"), 'ran no test')
  assert.notEqual(
    await troubleIn("test('a', () => {}); process.on('exit', () => process.kill(process.pid, 'SIGKILL'))"),
    undefined,
  )
})

test('a command over its time limit is ended', async () => {
  const result = await runTests("test('a', () => new Promise((done) => setTimeout(done, 60_000)))", 1)
  assert.equal(troubleOf(1, result, countsIn(result.output)), 'ended after its time limit of 1 s')
})
