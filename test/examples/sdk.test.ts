// Runs the examples of the SDK and the programs of docs/sdk.md: each must print what its comments behind console.log promise.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runToEnd } from '../system/command.ts'
import { snippetsOf } from './snippets.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const programs = [
  'quickstart',
  'work-queue',
  'request-reply',
  'ordered-by-key',
  'dead-letter',
  'typed-topics',
  'tracing',
  'nestjs-transport',
]

/** What the comments behind `console.log(…)` say, wherever in a line it stands. */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map((found) => found[1]!)
}

async function printsWhatItPromises(file: string, cwd: string): Promise<void> {
  const wanted = promised(readFileSync(file, 'utf8'))
  ok(wanted.length > 0)
  const { code, stdout, stderr } = await runToEnd(process.execPath, [file], { cwd })
  equal(code, 0, stderr)
  deepEqual(stdout.trimEnd().split('\n'), wanted)
}

describe('examples of the SDK', () => {
  for (const name of programs) {
    it(`${name}.ts prints what it promises`, () => printsWhatItPromises(join(root, 'examples', `${name}.ts`), root))
  }

  it('sdk.test.ts passes', async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const words = ['--test', '--test-reporter=tap', 'examples/sdk.test.ts']
    const { code, stdout, stderr } = await runToEnd(process.execPath, words, { cwd: root, env })
    equal(code, 0, stdout + stderr)
    match(stdout, /^# pass 1$/m)
  })
})

describe('docs/sdk.md', () => {
  const snippets = snippetsOf(readFileSync(join(root, 'docs/sdk.md'), 'utf8')).filter(
    ({ language }) => language === 'ts',
  )
  let folder: string
  before(() => {
    // Inside the checkout, so that imports find its packages; the folder is ignored by git.
    mkdirSync(join(root, 'tmp'), { recursive: true })
    folder = mkdtempSync(join(root, 'tmp', 'sdk-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('has programs', () => ok(snippets.length >= 2))

  for (const { code, line } of snippets) {
    it(`the program in line ${line} prints what it promises`, async () => {
      const file = join(folder, `line-${line}.ts`)
      writeFileSync(file, code)
      await printsWhatItPromises(file, folder)
    })
  }
})
