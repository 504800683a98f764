import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LeaseId, Transaction } from '../metadata-store.ts'
import type { EmbeddedMetadataStore } from './embedded-store.ts'
import { Model, transactions } from './model.fixture.ts'
import { World } from './world.fixture.ts'

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

test('whatever was answered or seen survives a crash, and nothing is there in part', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(life, { minLength: 1, maxLength: 5 }), async (seed, lives) => {
      const world = new World(seed, { entriesBytesMin: 600 })
      await world.begin()
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
    { numRuns: 80 },
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
