import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { runToEnd } from '../harness/run-to-end.ts'

/** Clients of rivals. The project does not depend on them: who runs no rival need not have them. */
const versions = { amqplib: '2.3.1', bullmq: '6.7.0', ioredis: '6.0.0' } as const

function directory(): string {
  const name = Object.entries(versions).map(([name, version]) => `${name}-${version}`)
  return join(homedir(), '.cache', 'polylog-bench', name.join('_'))
}

/** Fetches them from npm's registry once, without running any script, into a cache outside the checkout. */
export async function installPackages(): Promise<void> {
  const target = directory()
  if (existsSync(join(target, 'node_modules', '.package-lock.json'))) return
  mkdirSync(target, { recursive: true })
  writeFileSync(join(target, 'package.json'), JSON.stringify({ private: true, dependencies: versions }))
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund']
  await runToEnd('npm', ['install', '--prefix', target, ...flags], 'the clients of RabbitMQ and BullMQ come from npm')
}

/** A package that `installPackages` has fetched, as the caller describes it. */
export function requirePackage<T>(name: keyof typeof versions): T {
  return createRequire(join(directory(), 'package.json'))(name) as T
}
