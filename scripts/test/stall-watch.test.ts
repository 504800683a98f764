import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSick, processorTimes, StallWatch } from './stall-watch.ts'

describe('stall watch', () => {
  it('reads what the host withheld', () => {
    const text = 'cpu  10 1 5 100 4 0 2 30 0 0\ncpu0 5 0 2 50 2 0 1 15 0 0\n'
    assert.deepEqual(processorTimes(text), { total: 152, withheld: 30 })
    assert.deepEqual(processorTimes(''), { total: 0, withheld: 0 })
  })

  it('sees that timers could not fire', async () => {
    const watch = new StallWatch()
    const endMs = performance.now() + 120
    while (performance.now() < endMs);
    await new Promise((resolve) => setTimeout(resolve, 1))
    assert.ok(watch.end().worstMs >= 60)
  })

  it('calls a machine sick that stood still or was given away', () => {
    assert.equal(isSick({ worstMs: 20, withheldShare: 0.01 }), false)
    assert.equal(isSick({ worstMs: 900, withheldShare: 0 }), true)
    assert.equal(isSick({ worstMs: 20, withheldShare: 0.3 }), true)
  })
})
