import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedWorld } from './simulated-world.ts'

describe('simulated clocks', () => {
  it('jump on one machine only, and leave monotonic time alone', () => {
    const world = new SimulatedWorld(1)
    const [one, other] = [world.node('one'), world.node('other')]
    const beforeMs = one.host.clock.nowMs()
    one.time.jump(-3_600_000)
    assert.equal(one.host.clock.nowMs(), beforeMs - 3_600_000)
    assert.equal(one.host.clock.monotonicMs(), 0)
    assert.equal(other.host.clock.nowMs(), beforeMs)
  })

  it('drift, with their timers', async () => {
    const world = new SimulatedWorld(1)
    const { time, host } = world.node('fast')
    const firedAtMs: number[] = []
    host.clock.startTimer(100, () => firedAtMs.push(world.scheduler.nowMs))
    await world.scheduler.run(50)
    time.drift(2)
    host.clock.startTimer(100, () => firedAtMs.push(world.scheduler.nowMs))
    await world.scheduler.run(200)
    // The first was under way already and comes late, which a timer may; the second is timed by the faster clock.
    assert.deepEqual(firedAtMs, [100, 100])
    assert.equal(host.clock.monotonicMs(), 50 + 150 * 2)
    time.drift(0.5)
    host.clock.startTimer(10, () => firedAtMs.push(world.scheduler.nowMs))
    await world.scheduler.run(215)
    assert.equal(firedAtMs.length, 2)
    await world.scheduler.run(220)
    assert.equal(firedAtMs.length, 3)
  })

  it('never fire a timer before its own clock says so, even when slowed down meanwhile', async () => {
    const world = new SimulatedWorld(1)
    const { time, host } = world.node('slow')
    let firedAtMs = 0
    host.clock.startTimer(100, () => {
      firedAtMs = host.clock.monotonicMs()
    })
    time.drift(0.1)
    await world.scheduler.run(500)
    assert.equal(firedAtMs, 0)
    await world.scheduler.run(1100)
    assert.ok(firedAtMs >= 99.99)
  })

  it('die with their process', async () => {
    const world = new SimulatedWorld(1)
    const node = world.node('one')
    const { clock } = node.host
    clock.startTimer(1, () => assert.fail('a timer of a dead process'))
    clock.endOfTurn(() => assert.fail('a turn of a dead process'))
    const next = node.killProcess()
    let fired = false
    next.clock.startTimer(5, () => {
      fired = true
    })
    await world.scheduler.run(10)
    assert.ok(fired)
    assert.throws(() => clock.startTimer(1, () => {}), /dead/)
    node.losePower()
    assert.throws(() => node.host, /no power/)
  })
})
