/** The command as a process: what only shows there, such as signals, pipes and exit codes. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

const main = new URL('../../packages/broker/src/main.ts', import.meta.url).pathname
const anywhere = ['--kafka', '127.0.0.1:0', '--http', '127.0.0.1:0', '--json', '--log-level', 'warn']

let directory = ''

describe('command', () => {
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'polylog-main-'))
  })

  after(() => rmSync(directory, { recursive: true }))

  function polylog(args: string[], environment: Record<string, string> = {}): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, [main, ...args], { env: { ...process.env, ...environment } })
  }

  interface Ended {
    code: number | null
    stdout: string
    stderr: string
  }

  async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, stdout, stderr }
  }

  /** Starts a broker and waits for its ready line. */
  async function start(data: string): Promise<{ child: ChildProcessWithoutNullStreams; kafka: string; line: string }> {
    const child = polylog(['start', '--data', data, ...anywhere])
    let line = ''
    let complaint = ''
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      line += chunk.toString()
      if (line.endsWith('\n')) break
    }
    assert.ok(line.endsWith('\n'), complaint)
    const { kafka } = JSON.parse(line) as { kafka: string }
    return { child, kafka, line }
  }

  describe('the polylog process', () => {
    it('serves, carries pipes, and stops in good order on SIGTERM told twice', async () => {
      const { child, kafka, line } = await start(join(directory, 'a'))
      assert.match(line, /^\{"event":"ready","kafka":"127\.0\.0\.1:\d+","http":"127\.0\.0\.1:\d+","pid":\d+\}\n$/)
      const environment = { POLYLOG_BROKER: kafka }
      const producer = polylog(['produce', 'pipes', '--json'], environment)
      const count = 20_000
      producer.stdin.end(Array.from({ length: count }, (_, i) => `${i} ${'x'.repeat(90)}\n`).join(''))
      assert.deepEqual(await ended(producer), {
        code: 0,
        stdout: `{"topic":"pipes","records":${count},"partitions":{"0":${count}}}\n`,
        stderr: '',
      })

      // The reader goes away after the first bytes, as `head -1` does.
      const consumer = polylog(['consume', 'pipes'], environment)
      consumer.stdout.once('data', () => consumer.stdout.destroy())
      const stopped = await ended(consumer)
      assert.deepEqual([stopped.code, stopped.stderr], [0, ''])

      const end = ended(child)
      child.kill('SIGTERM')
      child.kill('SIGTERM')
      const { code, stderr } = await end
      assert.equal(code, 0, stderr)
    })

    it('refuses a folder in use, a foreign folder and a taken port, each with one sentence', async () => {
      const own = join(directory, 'b')
      const { child } = await start(own)
      const foreign = join(directory, 'foreign')
      mkdirSync(foreign)
      writeFileSync(join(foreign, 'letters.txt'), '')
      const taken = createServer().listen(0, '127.0.0.1')
      await once(taken, 'listening')
      const { port } = taken.address() as { port: number }
      const refusals: [string[], RegExp][] = [
        [['--data', own, ...anywhere], /^polylog: another broker uses the data directory .*\n$/],
        [['--data', foreign, ...anywhere], /^polylog: .*foreign is no Polylog data directory: .*\n$/],
        [
          ['--data', join(directory, 'c'), '--http', 'none', '--kafka', `127.0.0.1:${port}`],
          /^polylog: cannot listen on 127\.0\.0\.1:\d+: the port is already in use; .*\n$/,
        ],
      ]
      for (const [args, sentence] of refusals) {
        const { code, stdout, stderr } = await ended(polylog(['start', ...args]))
        assert.deepEqual([code, stdout], [1, ''])
        assert.match(stderr, sentence)
      }
      taken.close()
      child.kill('SIGINT')
      assert.equal((await ended(child)).code, 0)
    })
  })
})
