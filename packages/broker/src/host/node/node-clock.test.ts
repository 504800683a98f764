import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'

describe('NodeClock', () => {
  it('does not keep the process alive for a timer', () => {
    const module = new URL('./node-clock.ts', import.meta.url).href
    const program = `import { NodeClock } from '${module}'; new NodeClock().startTimer(60_000, () => process.exit(1))`
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 20_000,
      encoding: 'utf8',
    })
    assert.equal(run.status, 0, run.stderr)
  })
})
