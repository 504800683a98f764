/** How many files of tests are run, and what ends one that hangs. */
export interface TestRun {
  /** Whether each file gets a process of its own, one after the other. Otherwise all files share one. */
  readonly isolated: boolean
  /** Milliseconds that one test may take. Default: no limit. */
  readonly testTimeoutMs?: number
}

/** The command that runs files of tests as all of ours are run: failures and counts on stdout, examples drawn from one seed. */
export function testCommand(files: readonly string[], { isolated, testTimeoutMs }: TestRun): string[] {
  return [
    process.execPath,
    '--test',
    isolated ? '--test-concurrency=1' : '--test-isolation=none',
    '--import=./scripts/test/property-seed.ts',
    ...(testTimeoutMs === undefined ? [] : [`--test-timeout=${testTimeoutMs}`]),
    '--test-reporter=./scripts/test/failure-reporter.ts',
    ...files,
  ]
}
