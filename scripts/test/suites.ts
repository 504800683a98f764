import { globSync } from 'node:fs'
import { root } from '../run-command.ts'

/** Tests that run as one process group, with one time limit and one line in the summary. */
export interface Suite {
  readonly name: string
  readonly files: readonly string[]
  readonly timeLimitSeconds: number
  /** Whether each file gets a process of its own, one after the other. Otherwise all files share one. */
  readonly isolated: boolean
  /** Real brokers, sockets and time-outs: a machine that stands still for seconds can make them fail. */
  readonly inRealTime: boolean
}

/**
 * Time limits of the slow suites, in seconds, by folder under test/, in the order in which they run. A folder that is
 * neither here nor in `fastFolders` is a slow suite too, with `slowTimeLimitSeconds`.
 */
const slowTimeLimitsSeconds: Readonly<Record<string, number>> = {
  package: 240,
  'bit-flips': 180,
  'crash-states': 300,
  cluster: 420,
  requirements: 420,
  system: 300,
  'system/clients': 900,
}
const slowTimeLimitSeconds = 420
/** They take a minute where nothing else runs, and several where something does. */
const unitTimeLimitSeconds = 480

/** Folders of test/ whose tests take a few seconds at most and share the process of the unit tests. */
const fastFolders = ['contract', 'docs', 'world']

/** Tests beside the code that let several brokers live in one process, with leases and time-outs in real time. */
const clustersInProcess = ['packages/broker/src/*cluster*.test.ts']

/** The suites of `npm test`: the fast ones, which run side by side, then the slow ones, which run one after the other. */
export function findSuites(): { fast: Suite[]; slow: Suite[] } {
  const clusters = testFiles(clustersInProcess)
  const broker = testFiles(['packages/broker/src/**/*.test.ts']).filter((file) => !clusters.includes(file))
  const rest = [
    'packages/{wire,client,console}/src/**/*.test.ts',
    'scripts/**/*.test.ts',
    'bench/**/*.test.ts',
    ...fastFolders.map((folder) => `test/${folder}/**/*.test.ts`),
  ]
  const together = { isolated: false, inRealTime: false }
  const fast = [
    { name: 'unit/broker', files: broker, timeLimitSeconds: unitTimeLimitSeconds, ...together },
    { name: 'unit/rest', files: testFiles(rest), timeLimitSeconds: unitTimeLimitSeconds, ...together },
  ]
  const inProcess = { name: 'clusters', files: clusters, timeLimitSeconds: unitTimeLimitSeconds }
  return { fast, slow: [{ ...inProcess, isolated: false, inRealTime: true }, ...slowSuites()] }
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
      inRealTime: true,
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
