import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, describe, it } from 'node:test'
import { DiskError } from '../disk.ts'
import { NodeDisk } from './node-disk.ts'

const folder = mkdtempSync(`${tmpdir()}/polylog-lock-`)
describe('node lock', () => {
  after(() => rmSync(folder, { recursive: true }))

  const disk = new NodeDisk()
  const hasProc = process.platform === 'linux'

  function lockedBy(pid: number): (error: unknown) => boolean {
    return (error) => error instanceof DiskError && error.kind === 'locked' && error.message.includes(` ${pid};`)
  }

  /** Runs until its input ends, which it does with this process at the latest. */
  async function withProcess(use: (pid: number) => void): Promise<void> {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'inherit'] })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    try {
      use(child.pid!)
    } finally {
      child.stdin.end()
      await ended
    }
  }

  describe('the lock file', () => {
    it('names the process that holds it', () => {
      const path = `${folder}/own`
      const lock = disk.lock(path)
      assert.ok(readFileSync(path, 'utf8').startsWith(`${process.pid} `))
      assert.throws(() => disk.lock(path), lockedBy(process.pid))
      lock.release()
    })

    it('is respected while another process lives, and taken over once that is dead', async () => {
      const path = `${folder}/other`
      let otherPid = 0
      await withProcess((pid) => {
        otherPid = pid
        writeFileSync(path, `${pid} unknown\n`)
        assert.throws(() => disk.lock(path), lockedBy(pid))
      })
      const lock = disk.lock(path)
      assert.ok(!readFileSync(path, 'utf8').startsWith(`${otherPid} `))
      lock.release()
    })

    it('is taken over when its pid now belongs to another process', { skip: !hasProc && 'needs /proc' }, async () => {
      const path = `${folder}/recycled`
      await withProcess((pid) => {
        writeFileSync(path, `${pid} ${'0'.repeat(8)}-another-boot-123\n`)
        disk.lock(path).release()
      })
    })

    it('is taken over when a crash left it empty or torn', () => {
      const path = `${folder}/torn`
      for (const content of ['', '12', '99999999999999999999 x\n', 'garbage\n']) {
        writeFileSync(path, content)
        disk.lock(path).release()
      }
    })

    it('leaves no other files behind', () => {
      disk.lock(`${folder}/tidy`).release()
      assert.deepEqual(readdirSync(folder), [])
    })

    it('is not removed by a release after somebody else took it', () => {
      const path = `${folder}/taken`
      const lock = disk.lock(path)
      writeFileSync(path, '1 somebody-else\n')
      lock.release()
      assert.equal(readFileSync(path, 'utf8'), '1 somebody-else\n')
      rmSync(path)
    })
  })
})
