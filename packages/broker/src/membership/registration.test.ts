import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MetadataError } from '../cluster/metadata-error.ts'
import type { Operation } from '../cluster/metadata-store.ts'
import { brokerKey, partitionKey, topicKey } from '../image/keys.ts'
import { encodePartition, newPartition } from '../image/partition-state.ts'
import type { PartitionState } from '../image/partition-state.ts'
import { encodeTopic } from '../image/topic.ts'
import { MembershipWorld, sessionTimeoutMs } from './membership.fixture.ts'
import type { Member } from './membership.fixture.ts'

/** Puts a topic with one partition into the store. */
async function makeTopic(world: MembershipWorld, replicas: readonly number[]): Promise<void> {
  // Above every broker epoch of the test: nobody has lost anything since.
  const state = newPartition(0, replicas, new Map(replicas.map((id) => [id, 1_000_000])))
  const common = { id: 'topic-1', name: 'orders', internal: false, configs: new Map() }
  const topic = encodeTopic({ ...common, partitions: [state], placement: { kind: 'default' }, modRevision: 0 })
  const then: Operation[] = [
    { kind: 'put', key: partitionKey('topic-1', 0), value: encodePartition(state) },
    { kind: 'put', key: topicKey('orders'), value: topic },
  ]
  await world.complete(world.store.transaction({ then }))
}

/** Lets time pass until the broker is registered under an epoch above `epoch`. */
async function newEpoch(world: MembershipWorld, member: Member, epoch: number): Promise<number> {
  await world.scheduler.run(() => member.registration.epoch > epoch && member.registration.fault === undefined)
  return member.registration.epoch
}

describe('a registration', () => {
  it('stays for as long as the broker does', async () => {
    const world = await new MembershipWorld().begin()
    const { registration, epochs } = await world.registered()
    await world.scheduler.runFor(20 * sessionTimeoutMs)
    assert.equal((await world.stored())!.epoch, registration.epoch)
    assert.deepEqual(epochs, [registration.epoch])
    assert.equal(registration.fault, undefined)
  })

  it('ends with its lease when the broker is gone', async () => {
    const world = await new MembershipWorld().begin()
    const member = await world.registered()
    member.kill()
    await world.scheduler.runFor(2 * sessionTimeoutMs)
    assert.equal(await world.stored(), undefined)
  })

  it('is made anew, under a new epoch, when its lease has been revoked or its key removed', async () => {
    const world = await new MembershipWorld().begin()
    const member = await world.registered()
    const first = member.registration.epoch
    await world.complete(world.store.revokeLease(member.registration.lease!))
    const second = await newEpoch(world, member, first)
    await world.complete(world.store.transaction({ then: [{ kind: 'delete', key: brokerKey(1) }] }))
    const third = await newEpoch(world, member, second)
    assert.deepEqual(member.epochs, [first, second, third])
    assert.equal((await world.stored())!.epoch, third)
    assert.equal((await world.stored())!.lease, member.registration.lease)
  })

  it('keeps intactSince when it is made anew: the process has lost nothing, not even in memory', async () => {
    const world = await new MembershipWorld().begin()
    const member = await world.registered({ isVolatile: true, isIntact: false })
    const { intactSince } = (await world.stored())!.record
    await world.complete(world.store.revokeLease(member.registration.lease!))
    await newEpoch(world, member, member.registration.epoch)
    assert.equal((await world.stored())!.record['intactSince'], intactSince)
  })

  it('outlives an outage of the store that is shorter than the lease', async () => {
    const world = await new MembershipWorld().begin()
    const member = await world.registered()
    member.line.fate = () => 'lost'
    await world.scheduler.runFor(sessionTimeoutMs * 0.6)
    member.line.fate = () => 'made'
    await world.scheduler.runFor(5 * sessionTimeoutMs)
    assert.equal(member.epochs.length, 1)
    const said = member.log.filter((line) => line.includes('kept alive'))
    assert.equal(said.length, 2)
    assert.match(said[0]!, /^the registration cannot be kept alive .*line is cut/)
    assert.match(said[1]!, /^the registration is kept alive again/)
  })

  it('comes back after an outage that is longer than the lease', async () => {
    const world = await new MembershipWorld().begin()
    const member = await world.registered()
    const { epoch } = member.registration
    member.line.fate = () => 'lost'
    await world.scheduler.runFor(10 * sessionTimeoutMs)
    assert.equal(await world.stored(), undefined)
    assert.match(member.registration.fault!, /line is cut/)
    member.line.fate = () => 'made'
    await newEpoch(world, member, epoch)
    await world.scheduler.runFor(5 * sessionTimeoutMs)
    assert.equal(member.epochs.length, 2)
  })

  it('does not wait for ever for the answer to a keep-alive', async () => {
    const world = await new MembershipWorld().begin()
    const member = await world.registered()
    member.line.isSilent = true
    await world.scheduler.runFor(sessionTimeoutMs * 0.4)
    member.line.isSilent = false
    await world.scheduler.runFor(5 * sessionTimeoutMs)
    assert.equal(member.epochs.length, 1)
  })

  it('runs out while the disk makes no progress, and comes back with it', async () => {
    const world = await new MembershipWorld().begin()
    const member = await world.registered()
    const { epoch } = member.registration
    await world.scheduler.runFor(sessionTimeoutMs)
    member.diskWaitMs = sessionTimeoutMs + 1
    await world.scheduler.runFor(sessionTimeoutMs * 1.5)
    assert.equal(await world.stored(), undefined)
    await world.scheduler.runFor(5 * sessionTimeoutMs)
    assert.equal(await world.stored(), undefined)
    assert.match(member.registration.fault!, /disk makes no progress|key has been removed/)
    member.diskWaitMs = 0
    await newEpoch(world, member, epoch)
    assert.equal((await world.stored())!.epoch, member.registration.epoch)
  })
})

describe('registering', () => {
  it('finds out about an attempt whose answer was lost', async () => {
    for (const lost of ['grantLease', 'transaction', 'revokeLease'] as const) {
      const world = await new MembershipWorld().begin()
      const former = await world.registered()
      former.kill()
      const member = await world.member()
      const left = { count: 4 }
      member.line.fate = (call) => (call === lost && left.count-- > 0 ? 'unanswered' : 'made')
      const epoch = await world.complete(member.registration.register())
      assert.equal((await world.stored())!.epoch, epoch, lost)
      await world.scheduler.runFor(5 * sessionTimeoutMs)
      assert.deepEqual(member.epochs, [epoch], lost)
    }
  })

  it('gives up at a start after its time', async () => {
    const world = await new MembershipWorld().begin()
    const member = await world.member({ startTimeoutMs: 5000 })
    member.line.fate = () => 'lost'
    const isUnavailable = (error: unknown): boolean => error instanceof MetadataError && error.kind === 'unavailable'
    await assert.rejects(world.complete(member.registration.register()), isUnavailable)
    assert.ok(world.scheduler.nowMs >= 5000 && world.scheduler.nowMs < 8000)
  })

  it('survives a lease that is revoked between each two of its steps (LavinMQ #1952)', async () => {
    for (const step of [1, 2, 3, 4, 5]) {
      const world = await new MembershipWorld().begin()
      const member = await world.member()
      const calls = { count: 0 }
      const leases: string[] = []
      const { store } = world
      const grant = member.line.grantLease.bind(member.line)
      member.line.grantLease = async (ttlMs) => {
        const lease = await grant(ttlMs)
        leases.push(lease.id)
        return lease
      }
      member.line.fate = () => {
        const lease = leases[0]
        if (lease !== undefined && ++calls.count === step) void store.revokeLease(lease as never)
        return 'made'
      }
      await world.complete(member.registration.register().catch(() => undefined))
      await world.scheduler.runFor(10 * sessionTimeoutMs)
      const stored = await world.stored()
      assert.ok(calls.count >= step, `step ${step} was not reached`)
      assert.equal(stored?.epoch, member.registration.epoch, `step ${step}`)
      assert.equal(stored?.lease, member.registration.lease, `step ${step}`)
    }
  })
})

describe('leaving', () => {
  it('gives the registration back at once when there is nothing to hand over', async () => {
    const world = await new MembershipWorld().begin()
    await makeTopic(world, [1])
    const member = await world.registered()
    await world.complete(member.registration.leave(10_000))
    assert.equal(await world.stored(), undefined)
    assert.ok(world.scheduler.nowMs < 1000)
  })

  it('asks the others to lead without it, and waits until they do', async () => {
    const world = await new MembershipWorld().begin()
    await makeTopic(world, [1, 2])
    const member = await world.registered()
    const other = await world.registered({ brokerId: 2, directoryId: 'directory-2' })
    const left = { done: false }
    const leaving = member.registration.leave(10_000).then(() => {
      left.done = true
    })
    await world.scheduler.run(() => other.feed.image.brokers.get(1)?.status === 'stopping')
    await world.scheduler.runFor(2 * sessionTimeoutMs)
    assert.equal(left.done, false)
    assert.equal((await world.stored())!.epoch, member.registration.epoch)
    const put = (change: Partial<PartitionState>): Promise<unknown> => {
      const epochs = new Map([[2, other.registration.epoch]])
      const state = { ...newPartition(0, [1, 2], epochs), leader: 2, leaderBrokerEpoch: epochs.get(2)!, ...change }
      const operation: Operation = { kind: 'put', key: partitionKey('topic-1', 0), value: encodePartition(state) }
      return world.complete(world.store.transaction({ then: [operation] }))
    }
    await put({ leaderEpoch: 1 })
    await world.scheduler.runFor(sessionTimeoutMs)
    // The new leader still waits for what this broker fetches.
    assert.equal(left.done, false)
    await put({ leaderEpoch: 1, inSyncReplicas: [2] })
    await world.complete(leaving)
    assert.equal(await world.stored(), undefined)
  })

  it('does not wait longer than it may', async () => {
    const world = await new MembershipWorld().begin()
    await makeTopic(world, [1, 2])
    const member = await world.registered()
    await world.registered({ brokerId: 2, directoryId: 'directory-2' })
    const startMs = world.scheduler.nowMs
    await world.complete(member.registration.leave(4000))
    assert.ok(world.scheduler.nowMs - startMs >= 4000 && world.scheduler.nowMs - startMs < 5000)
    assert.equal(await world.stored(), undefined)
  })

  it('ends when the lease is lost meanwhile', async () => {
    const world = await new MembershipWorld().begin()
    await makeTopic(world, [1, 2])
    const member = await world.registered()
    const other = await world.registered({ brokerId: 2, directoryId: 'directory-2' })
    const leaving = member.registration.leave(600_000)
    await world.scheduler.run(() => other.feed.image.brokers.get(1)?.status === 'stopping')
    await world.complete(world.store.revokeLease((await world.stored())!.lease))
    await world.complete(leaving)
    await world.scheduler.runFor(5 * sessionTimeoutMs)
    assert.equal(await world.stored(), undefined)
  })

  it('ends a registration that is being made anew, wherever that stands', async () => {
    for (const call of ['transaction', 'grantLease'] as const) {
      const world = await new MembershipWorld().begin()
      const member = await world.registered()
      const reached = { count: 0 }
      member.line.fate = (made) => {
        if (made === call) reached.count++
        return 'made'
      }
      await world.complete(world.store.revokeLease(member.registration.lease!))
      await world.scheduler.run(() => reached.count > 0)
      await world.complete(member.registration.leave(1000))
      await world.scheduler.runFor(5 * sessionTimeoutMs)
      assert.equal(await world.stored(), undefined, call)
    }
  })

  it('is bounded when the store cannot be reached', async () => {
    const world = await new MembershipWorld().begin()
    const member = await world.registered()
    member.line.fate = () => 'lost'
    await world.complete(member.registration.leave(1000))
    await world.scheduler.runFor(2 * sessionTimeoutMs)
    assert.equal(await world.stored(), undefined)
  })
})
