import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerError } from '../errors/errors.ts'
import { brokerKey, controllerKey, identityKey } from '../image/keys.ts'
import { MembershipWorld, sessionTimeoutMs } from './membership.fixture.ts'

function refusal(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof BrokerError && error.code === 'invalid-config' && pattern.test(error.message)
}

describe('claiming a broker id', () => {
  it('puts the key under a lease; its create revision is the epoch', async () => {
    const world = await new MembershipWorld().begin()
    const { registration, feed } = await world.registered()
    const stored = (await world.stored())!
    assert.equal(stored.epoch, registration.epoch)
    assert.equal(stored.lease, registration.lease)
    const { directoryId, status, host, port } = stored.record
    assert.deepEqual([directoryId, status, host, port], ['directory-1', 'serving', 'h1', 9092])
    assert.equal(feed.image.brokers.get(1)?.epoch, registration.epoch)
  })

  it('takes the place of a former process with the same directory at once, and all that it held', async () => {
    const world = await new MembershipWorld().begin()
    const former = await world.registered()
    const held = { kind: 'put', key: controllerKey, value: '{}', lease: former.registration.lease! } as const
    await world.complete(world.store.transaction({ then: [held] }))
    former.kill()
    const startMs = world.scheduler.nowMs
    const { registration } = await world.registered()
    assert.ok(world.scheduler.nowMs - startMs < sessionTimeoutMs / 2)
    assert.ok(registration.epoch > former.registration.epoch)
    assert.equal(await world.complete(world.store.get(controllerKey)), undefined)
  })

  it('takes the place of a key without a lease', async () => {
    const world = await new MembershipWorld().begin()
    const value = JSON.stringify({ directoryId: 'directory-1', host: 'h1', port: 1 })
    await world.complete(world.store.transaction({ then: [{ kind: 'put', key: brokerKey(1), value }] }))
    const { registration } = await world.registered()
    assert.equal((await world.stored())!.epoch, registration.epoch)
  })

  it('refuses an id that a live broker with another directory holds, and says where that is', async () => {
    const world = await new MembershipWorld().begin()
    await world.registered({ brokerId: 2 })
    const other = await world.member({ brokerId: 2, directoryId: 'directory-2' })
    const attempt = world.complete(other.registration.register())
    await assert.rejects(
      attempt,
      refusal(/^broker id 2 is in use by the broker at h1:9092 with another data directory/),
    )
    assert.equal((await world.stored(2))!.record['directoryId'], 'directory-1')
  })

  it('refuses an id that belongs to another directory, also when its broker is down', async () => {
    const world = await new MembershipWorld().begin()
    const owner = await world.registered()
    await world.complete(owner.registration.leave(1000))
    const other = await world.member({ directoryId: 'directory-2' })
    const attempt = world.complete(other.registration.register())
    await assert.rejects(attempt, refusal(/belongs to another data directory .*directory-1.*cluster remove 1/))
    await world.complete(world.store.transaction({ then: [{ kind: 'delete', key: identityKey(1) }] }))
    const forgiven = await world.registered({ directoryId: 'directory-2' })
    assert.equal((await world.stored())!.epoch, forgiven.registration.epoch)
  })

  it('lets exactly one of two fresh brokers have an id', async () => {
    const world = await new MembershipWorld().begin()
    const members = [await world.member(), await world.member({ directoryId: 'directory-2' })]
    const outcomes = await world.complete(
      Promise.allSettled(members.map(({ registration }) => registration.register())),
    )
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    const loser = outcomes.find((outcome) => outcome.status === 'rejected')!
    assert.ok(refusal(/in use by the broker at/)(loser.reason))
    const winner = members[outcomes.findIndex(({ status }) => status === 'fulfilled')]!
    assert.equal((await world.stored())!.epoch, winner.registration.epoch)
  })

  it('lets a broker that keeps nothing wait for the lease of the one before it', async () => {
    const world = await new MembershipWorld().begin()
    const former = await world.registered({ isVolatile: true, directoryId: 'first' })
    former.kill()
    const next = await world.registered({ isVolatile: true, directoryId: 'second' })
    assert.ok(next.registration.epoch > former.registration.epoch)
    const third = await world.member({ isVolatile: true, directoryId: 'third' })
    await assert.rejects(world.complete(third.registration.register()), refusal(/in use/))
  })
})

describe('intactSince', () => {
  async function restarted(first: object, second: object): Promise<[number, number, number]> {
    const world = await new MembershipWorld().begin()
    const former = await world.registered(first)
    const before = (await world.stored())!.record['intactSince'] as number
    former.kill()
    await world.scheduler.runFor(2 * sessionTimeoutMs)
    const next = await world.registered(second)
    return [before, (await world.stored())!.record['intactSince'] as number, next.registration.epoch]
  }

  it('begins with the first epoch of a new directory: what another one held is not here', async () => {
    const world = await new MembershipWorld().begin()
    const { registration } = await world.registered()
    const { record } = (await world.stored())!
    assert.ok((record['intactSince'] as number) > 0 && (record['intactSince'] as number) <= registration.epoch)
  })

  it('stays when nothing is lost', async () => {
    const [before, after] = await restarted({}, {})
    assert.equal(after, before)
  })

  it('begins anew when something may be lost, above every epoch before and not above the present one', async () => {
    const [before, after, epoch] = await restarted({}, { isIntact: false })
    assert.ok(after > before && after <= epoch)
  })

  it('is not forgotten by a clean start after an unclean one', async () => {
    const world = await new MembershipWorld().begin()
    const values: unknown[] = []
    for (const isIntact of [true, false, true]) {
      const member = await world.registered({ isIntact })
      values.push((await world.stored())!.record['intactSince'])
      member.kill()
    }
    assert.notEqual(values[1], values[0])
    assert.equal(values[2], values[1])
  })

  it('always begins anew in memory', async () => {
    const [before, after, epoch] = await restarted({ isVolatile: true, directoryId: 'a' }, { isVolatile: true })
    assert.ok(after > before && after <= epoch)
  })
})
