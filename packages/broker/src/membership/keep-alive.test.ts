import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MembershipWorld, sessionTimeoutMs } from './membership.fixture.ts'

describe('keeping a lease alive', () => {
  it('ends when the store hears the broker and the broker does not hear the store (a leader nobody can tell of its end)', async () => {
    const world = await new MembershipWorld().begin()
    const { line, feed } = await world.registered()
    feed.close()
    line.fate = () => 'unanswered'
    await world.scheduler.runFor(3 * sessionTimeoutMs)
    assert.equal(await world.stored(), undefined)
  })

  it('goes on after an outage of the store that was longer than the lease, if the store has kept it', async () => {
    const world = await new MembershipWorld().begin()
    const { line, epochs } = await world.registered()
    line.fate = () => 'unanswered'
    await world.scheduler.runFor(1.5 * sessionTimeoutMs)
    line.fate = () => 'made'
    await world.scheduler.runFor(5 * sessionTimeoutMs)
    assert.equal(epochs.length, 1)
    assert.notEqual(await world.stored(), undefined)
  })
})
