import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerError } from '../errors/errors.ts'
import { controllerKey } from '../image/keys.ts'
import type { LiveBroker } from '../image/records.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { PeerLine } from './life-line.ts'
import { LifeLines } from './life-lines.ts'
import type { LinePeers } from './life-lines.ts'
import { MembershipWorld, sessionTimeoutMs } from './membership.fixture.ts'
import type { Member } from './membership.fixture.ts'

const confirmMs = 200

/** The port of each broker, and the connections that lead there. */
class Ports implements LinePeers {
  /** What a dial meets; `open` if nothing is said. */
  readonly states = new Map<number, 'open' | 'refused' | 'silent'>()
  readonly dials = new Map<number, number>()
  readonly #listeners = new Map<number, Set<() => void>>()

  async line(broker: LiveBroker): Promise<PeerLine | 'refused'> {
    this.dials.set(broker.id, (this.dials.get(broker.id) ?? 0) + 1)
    const state = this.states.get(broker.id) ?? 'open'
    if (state === 'refused') return 'refused'
    if (state === 'silent') throw new BrokerError('broker-unreachable', 'no answer')
    const all = this.#listeners.get(broker.id) ?? new Set()
    this.#listeners.set(broker.id, all)
    let tell = (): void => {}
    const over = (): void => {
      if (all.delete(over)) tell()
    }
    all.add(over)
    return { onClose: (listener) => (tell = listener), close: over }
  }

  lineCount(id: number): number {
    return this.#listeners.get(id)?.size ?? 0
  }

  /** Breaks the connections there are, and says what the next ones meet. */
  break(id: number, state: 'open' | 'refused' | 'silent'): void {
    this.states.set(id, state)
    for (const over of this.#listeners.get(id) ?? []) over()
  }
}

/** Three brokers, of which the first controls; the first two watch the others. */
class World extends MembershipWorld {
  readonly ports = new Ports()
  readonly members: Member[] = []
  readonly lines = new Map<number, LifeLines>()

  async three(): Promise<this> {
    await this.begin()
    for (const brokerId of [1, 2, 3]) {
      this.members.push(await this.registered({ brokerId, directoryId: `directory-${brokerId}` }))
    }
    await this.elect(1)
    this.watch(1)
    this.watch(2)
    // Lines that have just come are dialled again with a pause.
    await this.scheduler.runFor(2000)
    return this
  }

  member3(): Member {
    return this.members[2]!
  }

  watch(id: number): void {
    const member = this.members[id - 1]!
    const { line: store, feed, registration } = member
    const common = { clock: member.clock, logger: silentLogger, peers: this.ports, brokerId: id, confirmMs }
    this.lines.set(id, new LifeLines({ store, feed, ...common, brokerEpoch: () => registration.epoch }))
  }

  async elect(brokerId: number): Promise<void> {
    const { epoch: brokerEpoch } = this.members[brokerId - 1]!.registration
    const value = JSON.stringify({ brokerId, brokerEpoch })
    const then = [
      { kind: 'delete', key: controllerKey },
      { kind: 'put', key: controllerKey, value },
    ] as const
    for (const operation of then) await this.complete(this.store.transaction({ then: [operation] }))
  }

  /** The process is gone: its keep-alives have ended, its connections break, its port is closed. */
  die(id: number): void {
    this.members[id - 1]!.kill()
    this.lines.get(id)?.close()
    this.ports.break(id, 'refused')
  }
}

describe('life lines', () => {
  it('take a broker out whose port is closed, long before its lease runs out', async () => {
    const world = await new World().three()
    assert.deepEqual([world.ports.lineCount(3), world.ports.lineCount(1)], [2, 1])
    world.die(3)
    await world.scheduler.runFor(confirmMs - 1)
    assert.notEqual(await world.stored(3), undefined, 'one refusal is not enough')
    await world.scheduler.runFor(10)
    assert.equal(await world.stored(3), undefined)
    assert.notEqual(await world.stored(2), undefined)
  })

  it('take out the controller as well, by whoever sees it', async () => {
    const world = await new World().three()
    world.die(1)
    await world.scheduler.runFor(confirmMs + 10)
    assert.equal(await world.stored(1), undefined)
  })

  it('leave it to the controller otherwise, and act at once when elected', async () => {
    const world = await new World().three()
    world.lines.get(1)!.close()
    world.die(3)
    await world.scheduler.runFor(confirmMs + 100)
    assert.notEqual(await world.stored(3), undefined)
    await world.elect(2)
    await world.scheduler.runFor(10)
    assert.equal(await world.stored(3), undefined)
  })

  it('leave a broker alone that listens again when the refusal is to be confirmed', async () => {
    const world = await new World().three()
    world.ports.break(3, 'refused')
    await world.scheduler.runFor(confirmMs / 2)
    world.ports.break(3, 'open')
    await world.scheduler.runFor(4 * sessionTimeoutMs)
    assert.equal((await world.stored(3))?.epoch, world.member3().epochs[0])
    assert.equal(world.ports.lineCount(3), 2)
  })

  it('take silence for nothing, neither before nor between refusals', async () => {
    const world = await new World().three()
    world.ports.break(3, 'silent')
    await world.scheduler.runFor(4 * sessionTimeoutMs)
    for (let round = 0; round < 5; round++) {
      world.ports.states.set(3, 'refused')
      const before = world.ports.dials.get(3)!
      await world.scheduler.run(() => world.ports.dials.get(3)! >= before + 1)
      world.ports.states.set(3, 'silent')
      await world.scheduler.runFor(3000)
    }
    assert.deepEqual(world.member3().epochs.length, 1)
  })

  it('refuse nobody who was never reached', async () => {
    const world = new World()
    world.ports.states.set(3, 'refused')
    await world.three()
    await world.scheduler.runFor(4 * sessionTimeoutMs)
    assert.equal(world.member3().epochs.length, 1)
  })

  it('cost one who lives a new registration, once', async () => {
    const world = await new World().three()
    world.ports.break(3, 'refused')
    await world.scheduler.runFor(4 * sessionTimeoutMs)
    assert.equal(world.member3().epochs.length, 2)
    assert.equal((await world.stored(3))?.epoch, world.member3().epochs[1])
  })

  it('leave one who stops alone, even if it has nothing to hand over', async () => {
    const world = await new World().three()
    await world.complete(world.member3().registration.handOver(1000))
    world.ports.break(3, 'refused')
    await world.scheduler.runFor(2 * sessionTimeoutMs)
    assert.equal((await world.stored(3))?.record['status'], 'stopping')
    assert.equal(world.ports.lineCount(3), 0)
  })

  it('ask the store, not the image, whether a broker stops', async () => {
    const world = await new World().three()
    // What is new reaches the image of the controller no more.
    world.members[0]!.feed.close()
    await world.complete(world.member3().registration.handOver(1000))
    world.ports.break(3, 'refused')
    await world.scheduler.runFor(2 * sessionTimeoutMs)
    assert.equal((await world.stored(3))?.record['status'], 'stopping')
  })

  it('take back the registration that was refused, not one that came after it', async () => {
    const world = await new World().three()
    world.members[0]!.feed.close()
    await world.complete(world.store.revokeLease((await world.stored(3))!.lease))
    await world.scheduler.run(() => world.member3().epochs.length === 2)
    world.ports.break(3, 'refused')
    await world.scheduler.runFor(2 * sessionTimeoutMs)
    assert.equal(world.member3().epochs.length, 2)
  })

  it('do nothing by the word of one who is registered or elected no more', async () => {
    const world = await new World().three()
    // The second sees the controller refuse, but has been replaced itself; its image is behind.
    for (const { feed } of world.members.slice(0, 2)) feed.close()
    await world.complete(world.store.revokeLease((await world.stored(2))!.lease))
    await world.elect(3)
    world.ports.break(1, 'refused')
    world.ports.break(3, 'refused')
    await world.scheduler.runFor(2 * sessionTimeoutMs)
    assert.deepEqual([world.members[0]!.epochs.length, world.member3().epochs.length], [1, 1])
  })

  it('try again while the store does not answer', async () => {
    const world = await new World().three()
    const { line } = world.members[0]!
    line.fate = (call) => (call === 'get' ? 'lost' : 'made')
    world.ports.break(3, 'refused')
    await world.scheduler.runFor(2 * confirmMs)
    assert.equal(world.member3().epochs.length, 1)
    line.fate = () => 'made'
    await world.scheduler.run(() => world.member3().epochs.length === 2)
  })

  it('dial nobody without end who takes connections only to close them', async () => {
    const world = await new World().three()
    const before = world.ports.dials.get(3)!
    for (let i = 0; i < 1000; i++) {
      world.ports.break(3, 'open')
      await world.scheduler.runFor(1)
    }
    assert.ok(world.ports.dials.get(3)! - before <= 2 * (1000 / confirmMs + 1))
  })
})
