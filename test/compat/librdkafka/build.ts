import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '../program.ts'

/** The npm package that carries librdkafka 2.15.1 with all its tests. */
const packageName = '@confluentinc/kafka-javascript'
const packageVersion = '1.10.1'
const cache = join(homedir(), '.cache', 'polylog-compat', 'librdkafka')
const sources = join(cache, 'node_modules', packageName, 'deps', 'librdkafka')

/** Where the tests must be run, because they read files beside them. */
export const testDirectory = join(sources, 'tests')
const testRunner = join(testDirectory, 'test-runner')

const debianPackages =
  'g++ make python3 libcurl4-openssl-dev libzstd-dev liblz4-dev libsasl2-dev libssl-dev zlib1g-dev rapidjson-dev'

export function isBuilt(): boolean {
  return existsSync(testRunner)
}

/**
 * Installs the package from the npm registry into a cache outside the checkout and compiles its tests there, once.
 * Takes about three minutes on two cores.
 * @throws an error that says what the machine lacks.
 */
export async function build(): Promise<void> {
  if (isBuilt()) return
  mkdirSync(cache, { recursive: true })
  const manifest = join(cache, 'package.json')
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n')
  // Without install scripts: the binding for Node.js is not needed, and its script wants files from outside the registry.
  const install = ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', `${packageName}@${packageVersion}`]
  await step(install, cache, 300)
  await step(['./configure'], sources, 300)
  await step(['make', '-j2', 'libs'], sources, 900)
  await step(['make', '-j2', '-C', 'tests', 'test-runner'], sources, 900)
}

async function step(command: readonly string[], directory: string, timeLimitSeconds: number): Promise<void> {
  console.error(`librdkafka: ${command.join(' ')}`)
  const { code, output, timedOut } = await runProgram({ command, directory, environment: {}, timeLimitSeconds })
  if (code === 0) return
  const why = timedOut ? `took more than ${timeLimitSeconds} s` : `ended with ${code ?? 'a signal'}`
  throw new Error(
    `${command.join(' ')} ${why}. It needs the Debian packages ${debianPackages}.\n${output.slice(-2000)}`,
  )
}
