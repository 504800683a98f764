import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startBroker } from '../mod.ts'
import { runLine } from './testing/fake-terminal.ts'

let directory: string
let torn: string

describe('inspect command', () => {
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'polylog-inspect-'))
    const broker = await startBroker({ dataDirectory: directory, durability: 'os' })
    await broker.topics.create({ name: 'orders', partitionCount: 1, replicationFactor: 1, configs: new Map() })
    await broker.topics.partition('orders', 0)!.appendRecords([{ key: null, value: Buffer.from('two coffees') }])
    await broker.stop()
    torn = join(directory, 'journal', '0000000000000001.journal.torn')
  })

  after(() => rmSync(directory, { recursive: true, force: true }))

  describe('inspect', () => {
    it('says that nothing is set aside', async () => {
      const { code, stdout, stderr } = await runLine(`inspect ${directory} --clean`)
      assert.equal(code, 0, stderr)
      assert.doesNotMatch(stdout, /SET ASIDE/)
      assert.match(stderr, /nothing is set aside/)
    })

    it('shows what is set aside, and removes it only when told twice', async () => {
      writeFileSync(torn, Buffer.alloc(3000))
      const shown = await runLine(`inspect ${directory}`)
      assert.match(shown.stdout, /^journal\/0000000000000001\.journal\.torn +2\.9 KiB +torn$/m)
      const asked = await runLine(`inspect ${directory} --clean`)
      assert.equal(asked.code, 1)
      assert.match(asked.stderr, /Remove 1 file\(s\) or folder\(s\) set aside, 2\.9 KiB\? .*add --yes/)
      assert.ok(existsSync(torn))
      const json = await runLine(`inspect ${directory} --json`)
      assert.deepEqual((JSON.parse(json.stdout) as { setAside: unknown }).setAside, [
        { path: torn, bytes: 3000, kind: 'torn' },
      ])
      const cleaned = await runLine(`inspect ${directory} --clean --yes`)
      assert.equal(cleaned.code, 0, cleaned.stderr)
      assert.match(cleaned.stderr, /removed 1 file/)
      assert.ok(!existsSync(torn))
    })

    it('removes nothing while a broker runs there, or while there is damage', async () => {
      writeFileSync(torn, Buffer.alloc(3000))
      const broker = await startBroker({ dataDirectory: directory, durability: 'os' })
      const locked = await runLine(`inspect ${directory} --clean --yes`)
      await broker.stop()
      assert.equal(locked.code, 1)
      assert.match(locked.stderr, /lock/)
      assert.ok(existsSync(torn))
      rmSync(join(directory, 'logs'), { recursive: true })
      const damaged = await runLine(`inspect ${directory} --clean --yes`)
      assert.equal(damaged.code, 1)
      assert.match(damaged.stderr, /nothing was removed: there is damage/)
      assert.ok(existsSync(torn))
    })
  })
})
