import { equal, match } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BrokerProcess, mainFile } from '../system/broker-process.ts'
import { runToEnd } from '../system/command.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('examples', () => {
  it('kafkajs.test.ts', async () => {
    const words = ['--test', '--test-reporter=tap', 'examples/kafkajs.test.ts']
    // A test runner that finds itself inside another one would report to it.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const { code, stdout, stderr } = await runToEnd(process.execPath, words, { cwd: root, env })
    equal(code, 0, stdout + stderr)
    match(stdout, /^# pass 1$/m)
  })

  it('platformatic.ts', async () => {
    const { code, stdout, stderr } = await runToEnd(process.execPath, ['examples/platformatic.ts'], { cwd: root })
    equal(code, 0, stderr)
    equal(stdout, '1=one 2=two 3=three\n')
  })

  it('pipe.sh', async () => {
    await using broker = await BrokerProcess.start()
    const env = { ...process.env, POLYLOG: `${process.execPath} ${mainFile}` }
    const { code, stdout, stderr } = await runToEnd('sh', ['examples/pipe.sh', broker.address], { cwd: root, env })
    equal(code, 0, stderr)
    match(stdout, /apple\tgreen\nbanana\tyellow\ncherry\tred\n$/)
  })
})
