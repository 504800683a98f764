import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, describe, it } from 'node:test'
import { DiskError } from '../disk.ts'
import { diskErrorOf } from './node-disk-error.ts'
import { NodeDisk } from './node-disk.ts'

const folder = mkdtempSync(`${tmpdir()}/polylog-disk-`)
describe('node disk', () => {
  after(() => rmSync(folder, { recursive: true }))

  const disk = new NodeDisk()

  function systemError(code: string): Error {
    return Object.assign(new Error(`${code}: something`), { code })
  }

  describe('NodeDisk', () => {
    it('tells failures apart by kind, and keeps what the system said', () => {
      for (const [code, kind] of [
        ['ENOSPC', 'full'],
        ['EDQUOT', 'full'],
        ['EIO', 'io'],
        ['EACCES', 'denied'],
        ['EROFS', 'read-only'],
        ['EMFILE', 'too-many-files'],
        ['ELOOP', 'other'],
      ] as const) {
        const cause = systemError(code)
        const error = diskErrorOf(cause, 'some/path')
        assert.ok(error instanceof DiskError)
        assert.deepEqual([error.kind, error.path, error.cause], [kind, 'some/path', cause])
        assert.match(error.message, new RegExp(`^some/path: ${code}`))
      }
    })

    it('does not take a bug for a failure of the disk', () => {
      const wrong = systemError('ERR_INVALID_ARG_TYPE')
      assert.equal(diskErrorOf(wrong, 'x'), wrong)
      const file = disk.open(`${folder}/a`, 'create')
      file.close()
      assert.throws(
        () => file.write([new Uint8Array(1)], 0),
        (error) => !(error instanceof DiskError),
      )
    })

    it('gets a real errno through', { skip: process.platform !== 'linux' && 'needs /dev/full' }, async () => {
      const full = disk.open('/dev/full', 'write')
      const isFull = (error: unknown): boolean => error instanceof DiskError && error.kind === 'full'
      assert.throws(() => full.write([new Uint8Array(10)], 0), isFull)
      assert.throws(() => full.write([new Uint8Array(10_000), new Uint8Array(10_000)], 0), isFull)
      full.close()
      assert.throws(() => disk.makeDirectory('/proc/polylog/a'), DiskError)
      const pipe = disk.open('/dev/null', 'write')
      await assert.rejects(pipe.sync(), DiskError)
      pipe.close()
    })
  })
})
