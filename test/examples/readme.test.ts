// Runs what README.md shows. A ```ts snippet that imports 'polylog' is a program by itself and always runs; what its
// comments behind console.log promise must be printed. A ```sh snippet runs if the line above it is <!-- runnable -->,
// with a broker of its own in place of the one at 127.0.0.1:9092.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BrokerProcess, mainFile } from '../system/broker-process.ts'
import { runToEnd } from '../system/command.ts'
import { promisedOutput, snippetsOf } from './snippets.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const snippets = snippetsOf(readFileSync(join(root, 'README.md'), 'utf8'))
const programs = snippets.filter(({ language, code }) => language === 'ts' && code.includes(`from 'polylog'`))
const scripts = snippets.filter(({ language, marked }) => language === 'sh' && marked)

describe('README.md', () => {
  let folder: string
  before(() => {
    // Inside the checkout, so that imports find its packages; the folder is ignored by git.
    mkdirSync(join(root, 'tmp'), { recursive: true })
    folder = mkdtempSync(join(root, 'tmp', 'readme-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('has at least one program to run', () => ok(programs.length > 0))

  for (const { code, line } of programs) {
    it(`the program in line ${line} runs and prints what it promises`, async () => {
      const file = join(folder, `line-${line}.ts`)
      writeFileSync(file, code)
      const outcome = await runToEnd(process.execPath, [file], { cwd: folder })
      equal(outcome.code, 0, outcome.stderr)
      const printed = outcome.stdout.split('\n')
      for (const promised of promisedOutput(code)) ok(printed.includes(promised), `"${promised}" in ${outcome.stdout}`)
    })
  }

  for (const { code, line } of scripts) {
    it(`the script in line ${line} runs without an error`, async () => {
      await using broker = await BrokerProcess.start()
      const command = join(folder, 'polylog')
      writeFileSync(command, `#!/bin/sh\nexec ${process.execPath} ${mainFile} "$@"\n`)
      chmodSync(command, 0o755)
      const script = code.replaceAll('127.0.0.1:15672', broker.http).replaceAll('127.0.0.1:9092', broker.address)
      const path = `${folder}${delimiter}${process.env['PATH']}`
      const env = { ...process.env, PATH: path, POLYLOG_BROKER: broker.address }
      const outcome = await runToEnd('bash', ['-euo', 'pipefail', '-c', script], { cwd: root, env })
      equal(outcome.code, 0, `${outcome.stdout}\n${outcome.stderr}`)
    })
  }
})

describe('snippets of a Markdown file', () => {
  it('are found with their language, place and mark', () => {
    const text = 'a\n```ts\nx\n```\n<!-- runnable -->\n```sh\ny\nz\n```\n```\nplain\n```\n'
    deepEqual(snippetsOf(text), [
      { language: 'ts', code: 'x\n', line: 3, marked: false },
      { language: 'sh', code: 'y\nz\n', line: 7, marked: true },
      { language: '', code: 'plain\n', line: 11, marked: false },
    ])
  })

  it('promise what stands behind console.log', () => {
    deepEqual(promisedOutput("console.log(a) // 1 and 2\nlet b // 3\n  console.log('x') // y\n"), ['1 and 2', 'y'])
  })
})
