// Runs what docs/cluster.md and docs/http-api.md show: each ```sh snippet with <!-- runnable --> above it, in the order of
// the page, on three brokers in the place of those at 127.0.0.1:9092 and 127.0.0.1:15672.
import { equal, ok } from 'node:assert/strict'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { snippetsOf } from '../examples/snippets.ts'
import { mainFile, temporaryDirectory } from '../system/broker-process.ts'
import { runToEnd } from '../system/command.ts'
import { describeWithEtcd } from '../world/etcd.ts'
import { DevClusterProcess } from './dev-cluster-process.ts'
import type { Ready } from './dev-cluster-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = ['docs/cluster.md', 'docs/http-api.md']
const scriptTimeoutMs = 120_000
let isTested = false

describeWithEtcd('what the pages on clusters show', ({ path }) => {
  // Once is enough; what differs from etcd to etcd is tested in test/etcd.
  if (isTested) return
  isTested = true
  let folder: string
  let cluster: DevClusterProcess
  let ready: Ready
  before(async () => {
    folder = temporaryDirectory()
    cluster = new DevClusterProcess(['--data', join(folder, 'cluster'), '--etcd', path])
    ready = await cluster.ready
    const command = join(folder, 'polylog')
    writeFileSync(command, `#!/bin/sh\nexec ${process.execPath} ${mainFile} "$@"\n`)
    chmodSync(command, 0o755)
  })
  after(async () => {
    await cluster.end('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  })

  for (const page of pages) {
    const scripts = snippetsOf(readFileSync(join(root, page), 'utf8')).filter(({ marked }) => marked)
    it(`${page} has scripts to run`, () => ok(scripts.length > 0))
    for (const { code, line } of scripts) {
      it(`${page}, line ${line}, runs without an error`, async () => {
        const [kafka, http] = [ready.kafka.split(',')[0]!, ready.http[0]!]
        const script = code.replaceAll('127.0.0.1:15672', http).replaceAll('127.0.0.1:9092', kafka)
        const env = {
          ...process.env,
          PATH: `${folder}${delimiter}${process.env['PATH']}`,
          POLYLOG_BROKER: ready.kafka,
          POLYLOG_HTTP: http,
        }
        const words = ['-euo', 'pipefail', '-c', script]
        const outcome = await runToEnd('bash', words, { cwd: folder, env, timeoutMs: scriptTimeoutMs })
        equal(outcome.code, 0, `${outcome.stdout}\n${outcome.stderr}`)
        ok(!outcome.stdout.includes('"error":'), outcome.stdout)
      })
    }
  }
})
