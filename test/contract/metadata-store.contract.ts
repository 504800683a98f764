import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Fixture, rejects } from './metadata-store.fixture.ts'
import type { MetadataStoreUnderTest } from './metadata-store.fixture.ts'
import { describeKeys, describeRanges } from './metadata-store.keys.ts'
import { describeLeases } from './metadata-store.leases.ts'
import { describeTransactions } from './metadata-store.transactions.ts'
import { describeWatches } from './metadata-store.watches.ts'

/**
 * What every MetadataStore must do, and nothing that etcd cannot do. It holds however slow the store is: what takes time
 * is waited for, and nothing is concluded from the absence of an event.
 * @param make a store, called before each test
 */
export function describeMetadataStoreContract(name: string, make: () => Promise<MetadataStoreUnderTest>): void {
  describe(`metadata store contract: ${name}`, () => {
    const fixture = new Fixture()
    beforeEach(async () => fixture.use(await make()))
    afterEach(() => fixture.subject.dispose())

    describeKeys(fixture)
    describeRanges(fixture)
    describeTransactions(fixture)
    describeWatches(fixture)
    describeLeases(fixture)

    test('after close everything is refused and watches are silent', async () => {
      const revision = await fixture.write(fixture.put('a'))
      fixture.store.watch(fixture.root, revision + 1, () => assert.fail('the store is closed'))
      await fixture.store.close()
      await fixture.store.close()
      await rejects('closed', fixture.store.get(fixture.key('a')))
      await rejects('closed', fixture.store.range(fixture.root))
      await rejects('closed', fixture.write(fixture.put('a')))
      await rejects('closed', fixture.store.grantLease(1000))
      assert.throws(() => fixture.store.watch(fixture.root, 1, () => undefined), {
        name: 'MetadataError',
        kind: 'closed',
      })
    })
  })
}
