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

  it('let time pass for whoever waits for the rest of a rounded time (seed 4000040: ten million events at one moment)', async () => {
    const world = new SimulatedWorld(1)
    const { time, host } = world.node('drifting')
    time.drift(1.0001)
    await world.scheduler.run(2087.709880620107)
    const dueMs = host.clock.monotonicMs() + 1000 * (1 + 2 ** -50)
    let timers = 0
    const wait = (): void => {
      timers += 1
      if (timers > 100) throw new Error('no end')
      if (host.clock.monotonicMs() < dueMs) host.clock.startTimer(dueMs - host.clock.monotonicMs(), wait)
    }
    wait()
    host.clock.startTimer(1e-13, () => assert.ok(host.clock.monotonicMs() > 2087.709880620107))
    await world.scheduler.run(5000)
    assert.ok(timers <= 4, `${timers} timers`)
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
