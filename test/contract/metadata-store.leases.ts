import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { putIfAbsent } from '../../packages/broker/src/cluster/compare-and-set.ts'
import { leaseTtlMsMax, noLease } from '../../packages/broker/src/cluster/metadata-store.ts'
import { Outcomes, rejects } from './metadata-store.fixture.ts'
import type { Fixture } from './metadata-store.fixture.ts'

export function describeLeases(fixture: Fixture): void {
  describe('leases', () => {
    test('a lease lives at least as long as asked', async () => {
      const lease = await fixture.store.grantLease(60_000)
      assert.ok(lease.ttlMs >= 60_000)
      assert.notEqual(lease.id, noLease)
      assert.notEqual((await fixture.store.grantLease(60_000)).id, lease.id)
      const kept = await fixture.store.keepAlive(lease.id)
      assert.deepEqual([kept.id, kept.ttlMs >= 60_000], [lease.id, true])
      await rejects('invalid', fixture.store.grantLease(0))
      await rejects('invalid', fixture.store.grantLease(leaseTtlMsMax + 1))
    })

    test('the end of a lease deletes its keys, and only those, in one revision', async () => {
      const lease = await fixture.store.grantLease(60_000)
      const other = await fixture.store.grantLease(60_000)
      await fixture.write(
        fixture.put('mine/1', '', lease.id),
        fixture.put('mine/2', '', lease.id),
        fixture.put('theirs', '', other.id),
        fixture.put('free'),
      )
      await fixture.write(fixture.put('mine/2', 'now free'))
      const before = await fixture.write(fixture.put('mine/3', '', lease.id))
      assert.equal((await fixture.store.get(fixture.key('mine/1')))?.lease, lease.id)
      assert.equal((await fixture.store.get(fixture.key('mine/2')))?.lease, noLease)
      const watched = new Outcomes()
      const watch = fixture.store.watch(fixture.root, before + 1, watched.listener)
      await fixture.store.revokeLease(lease.id)
      await watched.reached(before + 1)
      watch.cancel()
      const outcome = watched.all[0]
      assert.ok(outcome?.kind === 'changes')
      const events = outcome.events.map((event) => fixture.summaryOf(event))
      assert.deepEqual(events.toSorted(), [`-mine/1@${before + 1}`, `-mine/3@${before + 1}`])
      assert.deepEqual(fixture.suffixesOf((await fixture.store.range(fixture.root)).keyValues), [
        'free',
        'mine/2',
        'theirs',
      ])
    })

    test('the end of a lease without keys leaves the revision alone', async () => {
      const lease = await fixture.store.grantLease(60_000)
      const revision = await fixture.write(fixture.put('a'))
      await fixture.store.revokeLease(lease.id)
      assert.equal((await fixture.store.range(fixture.root)).revision, revision)
    })

    test('a lease that does not exist is refused, and nothing is done', async () => {
      const { id } = await fixture.store.grantLease(60_000)
      await fixture.store.revokeLease(id)
      await rejects('lease-not-found', fixture.store.keepAlive(id))
      await rejects('lease-not-found', fixture.store.revokeLease(id))
      await rejects('lease-not-found', fixture.write(fixture.put('a'), fixture.put('b', '', id)))
      assert.equal(await fixture.store.get(fixture.key('a')), undefined)
    })

    test('leases are checked in the branch taken only', async () => {
      const { id } = await fixture.store.grantLease(60_000)
      await fixture.store.revokeLease(id)
      const result = await fixture.store.transaction({ then: [fixture.put('a')], else: [fixture.put('a', '', id)] })
      assert.equal(result.succeeded, true)
    })

    test('a lease that is not kept alive expires with its keys', async () => {
      const lease = await fixture.store.grantLease(1000)
      const revision = await fixture.write(fixture.put('a', '', lease.id), fixture.put('b', '', lease.id))
      const watched = new Outcomes()
      const watch = fixture.store.watch(fixture.root, revision + 1, watched.listener)
      await fixture.subject.passTime(lease.ttlMs)
      await watched.reached(revision + 1)
      watch.cancel()
      assert.deepEqual(fixture.suffixesOf((await fixture.store.range(fixture.root)).keyValues), [])
      await rejects('lease-not-found', fixture.store.keepAlive(lease.id))
    })

    test('the create revision of a leased key tells one holder from the next', async () => {
      const first = await fixture.store.grantLease(60_000)
      const holder = await putIfAbsent(fixture.store, fixture.key('leader'), 'one', first.id)
      await fixture.store.revokeLease(first.id)
      const second = await fixture.store.grantLease(60_000)
      const next = await putIfAbsent(fixture.store, fixture.key('leader'), 'two', second.id)
      assert.ok(next.succeeded)
      const fenced = await fixture.store.transaction({
        compare: [
          {
            key: fixture.key('leader'),
            target: 'createRevision',
            operator: '=',
            value: holder.keyValue!.createRevision,
          },
        ],
        then: [fixture.put('state', 'by the old leader')],
      })
      assert.equal(fenced.succeeded, false)
      assert.equal(await fixture.store.get(fixture.key('state')), undefined)
    })
  })
}
