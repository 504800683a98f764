import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MetadataError } from '../cluster/metadata-error.ts'
import type { LeaseId, MetadataStore } from '../cluster/metadata-store.ts'
import { ManualClock } from '../cluster/embedded/manual-clock.fixture.ts'
import { EmbeddedMetadataStore } from '../cluster/embedded/embedded-store.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { ImageFeed } from '../image/image-feed.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { brokerRecord } from './cluster.fixture.ts'
import { ControllerElection } from './election.ts'

interface Candidate {
  readonly election: ControllerElection
  readonly feed: ImageFeed
  readonly lease: LeaseId
  /** What `epoch` was, each time it changed. */
  readonly seen: (number | undefined)[]
}

class Elections {
  readonly clock = new ManualClock()
  store!: EmbeddedMetadataStore

  static async open(): Promise<Elections> {
    const elections = new Elections()
    const { clock } = elections
    elections.store = await EmbeddedMetadataStore.open({ disk: new MemoryDisk(), clock, directory: 'metadata' })
    return elections
  }

  async candidate(brokerId: number, wrap = (store: MetadataStore) => store): Promise<Candidate> {
    const { clock } = this
    const { id: lease } = await this.store.grantLease(60_000)
    const value = JSON.stringify(brokerRecord())
    const key = `/brokers/${brokerId}`
    const { revision: brokerEpoch } = await this.store.transaction({ then: [{ kind: 'put', key, value, lease }] })
    const store = wrap(this.store)
    const feed = new ImageFeed({ store: this.store, clock, logger: silentLogger })
    await feed.start()
    const election = new ControllerElection({ store, feed, clock, logger: silentLogger, lease, brokerId, brokerEpoch })
    const seen: (number | undefined)[] = []
    election.onChange(() => seen.push(election.epoch))
    election.start()
    return { election, feed, lease, seen }
  }

  async turns(count = 20, durationMs = 0): Promise<void> {
    for (let i = 0; i < count; i++) {
      await new Promise<void>((resolve) => this.clock.endOfTurn(resolve))
      this.clock.advance(durationMs)
    }
  }
}

describe('ControllerElection', () => {
  it('elects one of several, and another when it resigns', async () => {
    const elections = await Elections.open()
    const candidates = [await elections.candidate(1), await elections.candidate(2), await elections.candidate(3)]
    await elections.turns()
    const elected = candidates.filter(({ election }) => election.epoch !== undefined)
    assert.equal(elected.length, 1)
    const first = elected[0]!.election.epoch!
    assert.equal((await elections.store.get('/controller'))?.createRevision, first)
    await elected[0]!.election.resign()
    assert.equal(elected[0]!.election.epoch, undefined)
    await elections.turns()
    const next = candidates.filter(({ election }) => election.epoch !== undefined)
    assert.equal(next.length, 1)
    assert.notEqual(next[0], elected[0], 'who has resigned is no candidate')
    assert.ok(next[0]!.election.epoch! > first)
  })

  it('leaves no key behind when it resigns while it stands', async () => {
    const elections = await Elections.open()
    const one = await elections.candidate(1)
    await one.election.resign()
    await elections.turns()
    assert.equal(await elections.store.get('/controller'), undefined)
    assert.equal(one.election.epoch, undefined)
  })

  it('ends at once when the lease does', async () => {
    const elections = await Elections.open()
    const one = await elections.candidate(1)
    await elections.turns()
    const two = await elections.candidate(2)
    await elections.turns()
    assert.ok(one.election.epoch !== undefined && two.election.epoch === undefined)
    await elections.store.revokeLease(one.lease)
    await elections.turns()
    assert.equal(one.election.epoch, undefined)
    assert.ok(two.election.epoch !== undefined)
    await elections.turns(100, 100)
    assert.deepEqual(one.seen.length, 2, 'without a registration it is never elected again')
  })

  it('removes the key of one that is registered no more, though its lease lives', async () => {
    const elections = await Elections.open()
    const one = await elections.candidate(1)
    await elections.turns()
    assert.ok(one.election.epoch !== undefined)
    one.election.stop()
    const again = await elections.candidate(1)
    assert.equal(again.election.epoch, undefined)
    // The registration was put again without being deleted first, so its create revision is the old one.
    await elections.turns(50, 50)
    assert.equal(again.election.epoch, undefined)
    await elections.store.transaction({ then: [{ kind: 'delete', key: '/brokers/1' }] })
    const third = await elections.candidate(1)
    await elections.turns(50, 50)
    assert.ok(third.election.epoch !== undefined)
  })

  it('tries again while the store fails, and counts as elected only when the image says so', async () => {
    const elections = await Elections.open()
    let failures = 3
    const one = await elections.candidate(1, (store) => ({
      get: (key) => store.get(key),
      range: (prefix) => store.range(prefix),
      watch: (prefix, revision, listener) => store.watch(prefix, revision, listener),
      grantLease: (ttlMs) => store.grantLease(ttlMs),
      keepAlive: (id) => store.keepAlive(id),
      revokeLease: (id) => store.revokeLease(id),
      close: () => store.close(),
      transaction: async (transaction) => {
        if (failures-- > 0) throw new MetadataError('unavailable', 'no answer')
        await store.transaction(transaction)
        // It was done, but nobody hears of it.
        throw new MetadataError('unavailable', 'no answer')
      },
    }))
    await elections.turns(5)
    assert.equal(failures, 2)
    assert.equal(one.election.epoch, undefined)
    await elections.turns(100, 100)
    assert.equal(one.election.epoch, (await elections.store.get('/controller'))?.createRevision)
  })
})
