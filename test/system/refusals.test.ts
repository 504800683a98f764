import { deepEqual, equal, match, notEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { BrokerProcess, temporaryDirectory } from './broker-process.ts'
import { polylog } from './command.ts'

/** Of util-linux; nothing that the project needs. */
const tools = { mount: 'mount', unmount: 'umount' }
const anyPort = ['--kafka', '127.0.0.1:0', '--http', '127.0.0.1:0', '--json']

/** A start that is refused exits with an error, one sentence on stderr, and nothing on stdout. */
async function refused(words: readonly string[], sentence: RegExp): Promise<void> {
  const { code, stdout, stderr } = await polylog(['start', ...words])
  notEqual(code, null, `it went on running:\n${stderr}`)
  notEqual(code, 0)
  equal(stdout, '')
  // Log lines before it may tell of the recovery.
  const lines = stderr.trimEnd().split('\n')
  const said = lines.filter((line) => line.startsWith('polylog: '))
  equal(said.length, 1, stderr)
  equal(said[0], lines.at(-1))
  match(said[0]!, sentence)
}

describe('a start that cannot be', () => {
  let folder: string
  before(() => (folder = temporaryDirectory()))
  after(() => rmSync(folder, { recursive: true, force: true }))

  for (const flag of ['--kafka', '--http']) {
    it(`taken port of ${flag}`, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      const taken = `127.0.0.1:${(server.address() as AddressInfo).port}`
      try {
        const words = anyPort.with(anyPort.indexOf(flag) + 1, taken)
        await refused(['--data', join(folder, 'taken'), ...words], new RegExp(`${taken}.*in use`))
      } finally {
        server.close()
      }
    })
  }

  it('a file where the folder should be', async () => {
    const path = join(folder, 'file')
    writeFileSync(path, 'not a folder')
    await refused(['--data', path, ...anyPort], /data directory/)
    equal(readFileSync(path, 'utf8'), 'not a folder')
  })

  it('a read-only file system', async (context) => {
    const path = join(folder, 'read-only')
    mkdirSync(path)
    const mount = spawnSync(tools.mount, ['-t', 'tmpfs', '-o', 'ro,size=1m', 'tmpfs', path], { encoding: 'utf8' })
    if (mount.status !== 0) return context.skip(`cannot mount here: ${mount.error?.message ?? mount.stderr.trim()}`)
    try {
      await refused(['--data', path, ...anyPort], /cannot be written/)
    } finally {
      spawnSync(tools.unmount, [path])
    }
  })

  it('a folder that may not be written', async (context) => {
    if (process.getuid?.() === 0) return context.skip('root may write everywhere')
    const path = join(folder, 'closed')
    mkdirSync(path, { mode: 0o500 })
    await refused(['--data', path, ...anyPort], /cannot be written/)
  })

  it('a folder that belongs to something else', async () => {
    const path = join(folder, 'foreign')
    mkdirSync(path)
    writeFileSync(join(path, 'thesis.tex'), 'years of work')
    await refused(['--data', path, ...anyPort], /no Polylog data directory: it holds "thesis.tex"/)
    deepEqual(readdirSync(path), ['thesis.tex'])
  })

  it('a second broker on the same folder, the first goes on', async () => {
    await using broker = await BrokerProcess.start()
    await refused(['--data', broker.directory, ...anyPort], new RegExp(`another broker.*process ${broker.pid}`))
    equal((await fetch(`http://${broker.http}/health/ready`)).status, 200)
  })

  it('the folder of a broker with another id', async () => {
    await using broker = await BrokerProcess.start()
    equal(await broker.terminate(), 0)
    const words = ['--data', broker.directory, ...anyPort, '--set', 'broker.id=7']
    await refused(words, /belongs to broker 1, this is broker 7/)
    await broker.restart()
  })

  for (const name of ['checkpoint', 'polylog.json']) {
    it(`damaged ${name}, which stays as it is`, async () => {
      await using broker = await BrokerProcess.start()
      equal(await broker.terminate(), 0)
      const path = join(broker.directory, name)
      const bytes = readFileSync(path)
      bytes[Math.floor(bytes.length / 2)]! ^= 0x10
      writeFileSync(path, bytes)
      await refused(['--data', broker.directory, ...anyPort], /damaged/)
      deepEqual(readFileSync(path), bytes)
    })
  }

  it('a setting that does not exist', async () => {
    await refused(['--data', join(folder, 'x'), ...anyPort, '--set', 'log.retention.mss=1'], /log\.retention\.ms/)
  })
})
