import { globSync } from 'node:fs'
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
 * Time limits of the slow suites, in seconds, by folder under test/, in the order in which they run. A folder that is
 * neither here nor in `fastFolders` is a slow suite too, with `slowTimeLimitSeconds`.
 */
const slowTimeLimitsSeconds: Readonly<Record<string, number>> = {
  package: 240,
  'bit-flips': 180,
  'crash-states': 300,
  system: 300,
  'system/clients': 600,
}
const slowTimeLimitSeconds = 420
const unitTimeLimitSeconds = 180

/** Folders of test/ whose tests take a few seconds at most and share the process of the unit tests. */
const fastFolders = ['contract', 'docs', 'world']

/** The suites of `npm test`: the fast ones, which run side by side, then the slow ones, which run one after the other. */
export function findSuites(): { fast: Suite[]; slow: Suite[] } {
  const broker = ['packages/broker/src/**/*.test.ts']
  const rest = [
    'packages/{wire,client,console}/src/**/*.test.ts',
    'scripts/**/*.test.ts',
    'bench/**/*.test.ts',
    ...fastFolders.map((folder) => `test/${folder}/**/*.test.ts`),
  ]
  const fast = [
    { name: 'unit/broker', files: testFiles(broker), timeLimitSeconds: unitTimeLimitSeconds, isolated: false },
    { name: 'unit/rest', files: testFiles(rest), timeLimitSeconds: unitTimeLimitSeconds, isolated: false },
  ]
  return { fast, slow: slowSuites() }
}

/** One suite per folder: test/system and test/system/clients are two, what lies deeper belongs to the second. */
function slowSuites(): Suite[] {
  const files = testFiles(['test/**/*.test.ts'])
  const byFolder = Map.groupBy(files, (file) => file.split('/').slice(1, -1).slice(0, 2).join('/'))
  return [...byFolder]
    .filter(([name]) => !fastFolders.includes(name.split('/')[0]!))
    .toSorted(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
    .map(([name, suiteFiles]) => ({
      name,
      files: suiteFiles,
      timeLimitSeconds: slowTimeLimitsSeconds[name] ?? slowTimeLimitSeconds,
      isolated: true,
    }))
}

/** The position in the table of limits; those that it does not name come last. */
function rank(name: string): number {
  const position = Object.keys(slowTimeLimitsSeconds).indexOf(name)
  return position === -1 ? Number.MAX_SAFE_INTEGER : position
}

function testFiles(patterns: string[]): string[] {
  return globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] }).toSorted()
}
