// What users of the SDK install: packages/client/dist, packed, alone in an empty folder, on this Node and on the oldest one that
// it is for, where that is installed.
import { equal, fail, match, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { startBroker } from '../../packages/broker/src/mod.ts'
import { clientGzipBytesMax, bundleClient, clientFolder, writeClientManifest } from '../../scripts/bundle/client.ts'
import { emitLibraries } from '../../scripts/bundle/declarations.ts'
import { strictCompileOf } from './strict-compile.ts'

const run = promisify(execFile)
const timeout = 120_000
const program = `
import { connect } from '@polylog/client'
const client = await connect({ brokers: process.argv[2] })
await client.producer({ compression: 'gzip' }).send('greetings', { value: 'hello', tags: ['x'] })
const queue = await client.consumer('g' + process.version).topic('greetings').open()
const [message] = await queue.pull({ max: 1, waitMs: 60000 })
await message.accept()
await client.close()
console.log(process.version, String(message.value), message.tags.join())
`

describe('@polylog/client as it is published', () => {
  let folder: string
  let gzipBytes: number
  before(async () => {
    rmSync(join(clientFolder, 'dist'), { recursive: true, force: true })
    ;[gzipBytes] = await Promise.all([bundleClient(), emitLibraries()])
    writeClientManifest()
    folder = mkdtempSync(join(tmpdir(), 'polylog-client-'))
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
    const { stdout } = await run('npm', ['pack', '--pack-destination', folder], {
      cwd: join(clientFolder, 'dist'),
      timeout,
    })
    const flags = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--offline']
    await run('npm', [...flags, join(folder, stdout.trim().split('\n').at(-1)!)], { cwd: folder, timeout })
    writeFileSync(join(folder, 'program.js'), program)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('is one small file without dependencies', () => {
    ok(gzipBytes <= clientGzipBytesMax, `${gzipBytes} bytes`)
    const installed = join(folder, 'node_modules/@polylog/client')
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Record<string, unknown>
    equal(manifest['dependencies'], undefined)
    equal(manifest['scripts'], undefined)
    ok(!existsSync(join(installed, 'src')))
    ok(!existsSync(join(folder, 'node_modules/@polylog/wire')))
  })

  for (const node of [process.execPath, '/usr/bin/node']) {
    const skip = existsSync(node) ? false : `${node} is not installed`
    test(`runs under ${node}`, { skip }, async () => {
      await using broker = await startBroker()
      const address = `${broker.kafka.host}:${broker.kafka.port}`
      const { stdout } = await run(node, ['program.js', address], { cwd: folder, timeout })
      match(stdout, /^v\d+\.\d+\.\d+ hello x$/m)
    })
  }

  test('its types stand alone: a strict program that uses it compiles', async () => {
    const file = join(folder, 'program.mts')
    const lines = [
      "import { connect, json, topic } from '@polylog/client'",
      "const client = await connect({ brokers: 'a:1' })",
      "await client.consumer('g').topic(topic('t', json<{ n: number }>())).start((message) => message.value.n + 1)",
      '// @ts-expect-error -- there is no such option',
      "await connect({ brokers: 'a:1', timeout: 5 })",
    ]
    writeFileSync(file, lines.join('\n'))
    await run(...strictCompileOf(file), { cwd: folder, timeout }).catch((error: { stdout: string }) =>
      fail(error.stdout),
    )
  })
})
