import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MachineTime } from '../../host/simulated/machine-time.ts'
import { Scheduler } from '../../host/simulated/scheduler.ts'
import { SimulatedClock } from '../../host/simulated/simulated-clock.ts'
import { SimulatedDisk } from '../../host/simulated/simulated-disk.ts'
import { MetadataError } from '../metadata-error.ts'
import type { LeaseId, Transaction } from '../metadata-store.ts'
import { EmbeddedMetadataStore } from './embedded-store.ts'
import { Model, transactions } from './model.fixture.ts'

// Random transactions on a simulated disk, and a crash at a random moment: the process is killed, or the power fails and
// the disk keeps a random part of what was not synced; or a sync fails first. After each crash the store must open, in
// the state after some prefix of the transactions that holds every one answered and every one that a reader saw.
// fast-check prints the seed of a failure; pass it as { seed, path } to replay it.

const leases = ['1', '2'] as LeaseId[]

interface Life {
  bursts: Transaction[][]
  /** Time after each burst; a sync takes 0.2 to 4 ms. */
  pausesMs: number[]
  end: 'kill' | 'power' | 'close'
  failSyncBefore: number
  revoke: number
}

const life: fc.Arbitrary<Life> = fc.record({
  bursts: fc.array(fc.array(transactions(leases), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
  pausesMs: fc.array(fc.constantFrom(0, 0.02, 0.1, 0.5, 2, 5), { minLength: 6, maxLength: 6 }),
  end: fc.constantFrom('kill', 'power', 'power', 'close'),
  failSyncBefore: fc.nat(20),
  revoke: fc.nat(20),
})

/** What must be there after the next crash. */
interface Expectation {
  /** The states after each write submitted, oldest first. */
  states: Model[]
  /** Index of the oldest state that may be found. */
  least: number
}

class World {
  readonly scheduler: Scheduler
  readonly #time: MachineTime
  readonly disk: SimulatedDisk
  clock: SimulatedClock

  constructor(seed: number) {
    this.scheduler = new Scheduler(seed)
    this.#time = new MachineTime(this.scheduler)
    this.disk = new SimulatedDisk(this.scheduler, 'disk')
    this.clock = this.#newClock()
  }

  #newClock(): SimulatedClock {
    return new SimulatedClock(this.scheduler, this.#time, 'broker')
  }

  crash(end: 'kill' | 'power'): void {
    this.clock.kill()
    if (end === 'kill') this.disk.killProcess()
    else this.disk.losePower()
    this.clock = this.#newClock()
  }

  /** Lets the world run until a promise settles. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const end = (): void => {
      settled = true
    }
    promise.then(end, end)
    await this.scheduler.run(() => settled)
    return promise
  }

  /** A sync that fails may hit the opening itself, which then must leave the store as it was. */
  async reopen(): Promise<EmbeddedMetadataStore> {
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        return await this.open()
      } catch (error) {
        assert.ok(error instanceof MetadataError && error.kind === 'unavailable', String(error))
        this.crash(attempt % 2 === 0 ? 'kill' : 'power')
      }
    }
    assert.fail('the store does not open though the disk is sound again')
  }

  open(): Promise<EmbeddedMetadataStore> {
    const limits = { entriesBytesMin: 600 }
    const options = { disk: this.disk.attach(), clock: this.clock, directory: '/data/metadata', limits }
    return this.settle(EmbeddedMetadataStore.open(options))
  }
}

test('whatever was answered or seen survives a crash, and nothing is there in part', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(life, { minLength: 1, maxLength: 5 }), async (seed, lives) => {
      const world = new World(seed)
      world.disk.attach().makeDirectory('/data')
      await world.settle(world.disk.attach().syncDirectory('/'))
      let model = new Model()
      let store = await world.open()
      for (const lease of leases) {
        assert.equal((await world.settle(store.grantLease(60_000_000))).id, lease)
        model.leases.add(lease)
      }
      for (const each of lives) {
        const expectation = await live(world, store, model, each)
        store = await world.reopen()
        model = await reconcile(store, expectation)
      }
      await world.settle(store.close())
    }),
    { numRuns: 250 },
  )
})

async function live(world: World, store: EmbeddedMetadataStore, model: Model, each: Life): Promise<Expectation> {
  const expectation: Expectation = { states: [model], least: 0 }
  const submit = (writing: Promise<unknown>, change: (state: Model) => void): void => {
    const state = expectation.states.at(-1)!.copy()
    change(state)
    const index = expectation.states.push(state) - 1
    const answered = (): void => {
      expectation.least = Math.max(expectation.least, index)
    }
    writing.then(answered, () => undefined)
  }
  for (const [index, burst] of each.bursts.entries()) {
    if (each.failSyncBefore === index) world.disk.failNextSync()
    for (const transaction of burst) submit(store.transaction(transaction), (state) => state.apply(transaction))
    const lease = leases[each.revoke - index]
    if (lease !== undefined && model.leases.has(lease)) submit(store.revokeLease(lease), (state) => state.revoke(lease))
    await world.scheduler.run(world.scheduler.nowMs + each.pausesMs[index]!)
    const { revision, keyValues } = await store.range('')
    const seen = expectation.states.findIndex((state) => state.revision === revision)
    assert.notEqual(seen, -1, `a reader saw revision ${revision}, which nobody wrote`)
    assert.deepEqual(keyValues, expectation.states[seen]!.sorted())
    expectation.least = Math.max(expectation.least, seen)
  }
  if (each.end === 'close') await world.settle(store.close())
  else world.crash(each.end)
  // The dead process answers nobody; what it had answered is known now.
  await new Promise((resolve) => setImmediate(resolve))
  return expectation
}

async function reconcile(store: EmbeddedMetadataStore, { states, least }: Expectation): Promise<Model> {
  const { revision, keyValues } = await store.range('')
  assert.ok(revision >= states[least]!.revision, `revision ${revision} is back before ${states[least]!.revision}`)
  const model = states.findLast((state) => state.revision === revision)
  assert.ok(model !== undefined, `revision ${revision} was never written`)
  assert.deepEqual(keyValues, model.sorted())
  for (const lease of leases) {
    const kept = await store.keepAlive(lease).then(
      () => true,
      () => false,
    )
    // A revocation without keys has no revision of its own, so a state as good may differ in it.
    if (kept !== model.leases.has(lease))
      assert.ok(states.some((s) => s.revision === revision && s.leases.has(lease) === kept))
    if (kept) model.leases.add(lease)
    else model.leases.delete(lease)
  }
  return model
}
