// What users install: `npm pack` of packages/broker, installed alone in an empty folder, run by npx and by import.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { InstalledPackage } from './installed-package.ts'
import { strictCompileOf } from './strict-compile.ts'

const packageCountMax = 30
const workspace = JSON.parse(readFileSync(new URL('../../packages/broker/package.json', import.meta.url), 'utf8')) as {
  version: string
}

let installed: InstalledPackage
describe('package', () => {
  before(async () => {
    installed = await InstalledPackage.install()
  })
  after(() => installed.remove())

  /** ApiVersions version 0 of a client called "t", with its length in front. */
  const apiVersionsRequest = Buffer.from('0000000b' + '0012' + '0000' + '00000007' + '000174', 'hex')

  /** Sends a frame and resolves with the first answer, without its length. */
  async function exchange(address: string, frame: Buffer): Promise<Buffer> {
    const [host, port] = address.split(':')
    const socket = connect(Number(port), host)
    try {
      socket.write(frame)
      let received = Buffer.alloc(0)
      while (received.length < 4 || received.length < 4 + received.readUInt32BE(0)) {
        const [chunk] = (await once(socket, 'data')) as [Buffer]
        received = Buffer.concat([received, chunk])
      }
      return received.subarray(4)
    } finally {
      socket.destroy()
    }
  }

  test('npx polylog --version says the version of the package', async () => {
    const output = await installed.run('npx', ['--no-install', 'polylog', '--version'])
    assert.equal(output.trim(), `polylog ${workspace.version}`)
  })

  test('npx polylog start serves Kafka clients and ends with 0 on SIGTERM', async () => {
    const addresses = ['--kafka', '127.0.0.1:0', '--http', '127.0.0.1:0']
    const { child, line } = await installed.start(['start', '--data', 'data', ...addresses, '--json'])
    const ready = JSON.parse(line) as { event: string; kafka: string; http: string; pid: number }
    const ended = once(child, 'exit')
    try {
      assert.deepEqual(Object.keys(ready), ['event', 'kafka', 'http', 'pid'])
      assert.equal(ready.event, 'ready')
      const answer = await exchange(ready.kafka, apiVersionsRequest)
      assert.equal(answer.readInt32BE(0), 7, 'correlation id')
      assert.equal(answer.readInt16BE(4), 0, 'error code')
      assert.ok(answer.readInt32BE(6) > 20, 'number of APIs')
      assert.equal((await fetch(`http://${ready.http}/health/ready`)).status, 200)
    } finally {
      process.kill(ready.pid, 'SIGTERM')
    }
    // npx passes on how the broker ended.
    assert.deepEqual(await ended, [0, null])
    assert.ok(existsSync(join(installed.folder, 'data')))
  })

  test("import { startBroker } from 'polylog' works, in memory and twice in one process", async () => {
    const script = `
    import { startBroker } from 'polylog'
    await using first = await startBroker()
    await using second = await startBroker()
    console.log(JSON.stringify([first.kafka.port, second.kafka.port]))
  `
    writeFileSync(join(installed.folder, 'embed.mjs'), script)
    const ports = JSON.parse(await installed.run(process.execPath, ['embed.mjs'])) as [number, number]
    assert.ok(ports[0] > 0 && ports[1] > 0 && ports[0] !== ports[1])
  })

  test('its types stand alone: a strict program that uses it compiles', async () => {
    const program = `
    import { startBroker } from 'polylog'
    await using broker = await startBroker({ durability: 'memory' })
    export const port: number = broker.kafka.port
    // @ts-expect-error -- there is no such durability
    await startBroker({ durability: 'perhaps' })
  `
    const file = join(installed.folder, 'embed.mts')
    writeFileSync(file, program)
    await installed.run(...strictCompileOf(file)).catch((error: { stdout: string }) => {
      assert.fail(error.stdout)
    })
  })

  test('few packages come with it, none of ours among them and none with an install script', () => {
    const packages = installed.packages()
    assert.ok(packages.includes('polylog'))
    assert.ok(packages.length <= packageCountMax, packages.join(' '))
    for (const name of packages) {
      assert.doesNotMatch(name, /^@polylog\//)
      const manifest = JSON.parse(
        readFileSync(join(installed.folder, 'node_modules', name, 'package.json'), 'utf8'),
      ) as {
        scripts?: Record<string, string>
      }
      for (const script of ['preinstall', 'install', 'postinstall']) {
        assert.equal(manifest.scripts?.[script], undefined, `${name} has a script ${script}`)
      }
    }
  })

  test('the package contains what is published and nothing else, and the checkout is as before', () => {
    const folder = join(installed.folder, 'node_modules/polylog')
    for (const file of ['LICENSE', 'dist/polylog.js', 'dist/mod.js']) assert.ok(existsSync(join(folder, file)), file)
    assert.ok(!existsSync(join(folder, 'src')))
    const checkout = new URL('../../packages/broker/', import.meta.url).pathname
    assert.match(readFileSync(join(checkout, 'package.json'), 'utf8'), /"\.\/src\/mod\.ts"/)
    assert.ok(!existsSync(join(checkout, 'package.workspace.json')))
  })
})
