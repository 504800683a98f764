import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../run-command.ts'

/** Tests that run as one process group, with one time limit and one line in the summary. */
export interface Suite {
  readonly name: string
  readonly files: readonly string[]
  readonly timeLimitSeconds: number
  /** Whether each file gets a process of its own, one after the other. Otherwise all files share one. */
  readonly isolated: boolean
}

/**
 * Time limits of the slow suites, in seconds, by folder under test/. A folder of test/ that is neither here nor in
 * `fastFolders` is a slow suite too, with `slowTimeLimitSeconds`. All limits together stay under what CI allows.
 */
const slowTimeLimitsSeconds: Readonly<Record<string, number>> = {
  'crash-states': 300,
  'bit-flips': 180,
  system: 600,
  'compat/kafkajs': 420,
  'compat/platformatic': 420,
  'compat/librdkafka': 420,
  package: 240,
}
const slowTimeLimitSeconds = 300
const unitTimeLimitSeconds = 180

/** Folders of test/ whose tests take a few seconds at most and share the process of the unit tests. */
const fastFolders = ['contract', 'world']

/** The suites of `npm test`, fast ones first. */
export function findSuites(only: 'fast' | 'all'): Suite[] {
  const unit = testFiles([
    'packages/*/src/**/*.test.ts',
    'scripts/**/*.test.ts',
    'bench/**/*.test.ts',
    ...fastFolders.map((folder) => `test/${folder}/**/*.test.ts`),
  ])
  const suites: Suite[] = [{ name: 'unit', files: unit, timeLimitSeconds: unitTimeLimitSeconds, isolated: false }]
  return only === 'fast' ? suites : [...suites, ...slowSuites()]
}

function slowSuites(): Suite[] {
  const folders = globSync(['test/*/', 'test/compat/*/'], { cwd: root })
    .map((folder) => folder.replace(/^test\//, '').replace(/\/$/, ''))
    .filter((folder) => folder !== 'compat' && !fastFolders.includes(folder))
  return folders
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
    .map((name) => ({
      name,
      files: testFiles([`test/${name}/**/*.test.ts`]),
      timeLimitSeconds: slowTimeLimitsSeconds[name] ?? slowTimeLimitSeconds,
      isolated: true,
    }))
    .filter((suite) => suite.files.length > 0 || existsSync(join(root, 'test', suite.name, 'main.ts')))
}

/** Suites run in the order of the table, those that it does not name first. */
function rank(name: string): number {
  return Object.keys(slowTimeLimitsSeconds).indexOf(name)
}

function testFiles(patterns: string[]): string[] {
  return globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] }).toSorted()
}
