import {
  appendFileSync,
  chmodSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { oneLine } from '../outcome.ts'
import type { Outcome } from '../outcome.ts'
import { runProgram } from '../program.ts'

const specPatterns = [
  'src/admin/**/*.spec.js',
  'src/broker/**/*.spec.js',
  'src/cluster/**/*.spec.js',
  'src/consumer/**/*.spec.js',
  'src/producer/**/*.spec.js',
]
const slowBuffer = new URL('slow-buffer.ts', import.meta.url).href
const timeLimitSeconds = 420

export interface Target {
  /** Folder with kafkajs's repository, its packages installed. */
  readonly checkout: string
  /** `host:port` of the broker. */
  readonly broker: string
  readonly log: string | undefined
}

/** What a checkout lacks to be run, or undefined. */
export function troubleOf(checkout: string): string | undefined {
  if (!existsSync(join(checkout, 'src', 'broker', '__tests__'))) return `${checkout} is no checkout of kafkajs`
  if (!existsSync(join(checkout, 'node_modules', 'jest'))) return `${checkout} has no packages installed`
  return undefined
}

/** The spec files that can meet a broker, relative to the checkout. */
export function specFiles(checkout: string): string[] {
  return globSync(specPatterns, { cwd: checkout }).toSorted()
}

interface JestReport {
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/**
 * Runs one spec file in a process of its own. A test is called `FILE > NAME`.
 * @param pattern a regular expression of jest for the names of the tests to run
 */
export async function runSpec(file: string, target: Target, pattern?: string): Promise<Outcome[]> {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-kafkajs-'))
  const reportFile = join(directory, 'report.json')
  writeDocker(directory)
  const only = pattern === undefined ? [] : ['--testNamePattern', pattern]
  try {
    const result = await runProgram({
      command: [
        process.execPath,
        `--import=${slowBuffer}`,
        join('node_modules', 'jest', 'bin', 'jest.js'),
        '--runInBand',
        '--forceExit',
        '--reporters',
        'default',
        '--json',
        `--outputFile=${reportFile}`,
        ...only,
        '--runTestsByPath',
        file,
      ],
      directory: target.checkout,
      environment: {
        KAFKA_VERSION: '2.4',
        NODE_ENV: 'test',
        KAFKAJS_DEBUG_PROTOCOL_BUFFERS: '1',
        POLYLOG_COMPAT_BROKER: target.broker,
        PATH: `${directory}:${process.env['PATH']}`,
      },
      timeLimitSeconds,
    })
    if (target.log !== undefined) appendFileSync(target.log, `\n##### ${file}\n${result.output}`)
    if (!existsSync(reportFile)) {
      const reason = result.timedOut ? `not finished after ${timeLimitSeconds} s` : oneLine(result.output.slice(-300))
      return [{ name: `${file} > (whole file)`, state: 'failed', reason, seconds: result.seconds }]
    }
    return outcomes(file, JSON.parse(readFileSync(reportFile, 'utf8')) as JestReport, result.seconds)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The suite looks for `docker` on the path. */
function writeDocker(directory: string): void {
  const script = fileURLToPath(new URL('docker.ts', import.meta.url))
  const file = join(directory, 'docker')
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`)
  chmodSync(file, 0o755)
}

/** Tests that are switched off in the suite's source are left out; they say nothing about a broker. */
function outcomes(file: string, { testResults }: JestReport, fileSeconds: number): Outcome[] {
  const results = testResults.flatMap(({ assertionResults }) => assertionResults)
  if (results.length === 0) {
    const reason = oneLine(testResults[0]?.message ?? 'no test')
    return [{ name: `${file} > (whole file)`, state: 'failed', reason, seconds: fileSeconds }]
  }
  return results
    .filter(({ status }) => status === 'passed' || status === 'failed')
    .map(({ fullName, status, failureMessages }) => ({
      name: `${file} > ${fullName.trim()}`,
      state: status === 'passed' ? ('passed' as const) : ('failed' as const),
      reason: oneLine(failureMessages.join(' ')),
      seconds: fileSeconds / results.length,
    }))
}
