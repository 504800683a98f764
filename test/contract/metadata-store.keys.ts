import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { noLease } from '../../packages/broker/src/cluster/metadata-store.ts'
import type { LeaseId } from '../../packages/broker/src/cluster/metadata-store.ts'
import { rejects } from './metadata-store.fixture.ts'
import type { Fixture } from './metadata-store.fixture.ts'

export function describeKeys(fixture: Fixture): void {
  describe('keys', () => {
    test('a missing key is undefined', async () => {
      assert.equal(await fixture.store.get(fixture.key('none')), undefined)
    })

    test('revisions and version follow creation, change, deletion and new creation', async () => {
      const first = await fixture.write(fixture.put('a', '1'))
      assert.deepEqual(await fixture.store.get(fixture.key('a')), {
        key: fixture.key('a'),
        value: '1',
        createRevision: first,
        modRevision: first,
        version: 1,
        lease: noLease,
      })
      const second = await fixture.write(fixture.put('a', '2'))
      assert.equal(second, first + 1)
      const changed = await fixture.store.get(fixture.key('a'))
      assert.deepEqual([changed?.createRevision, changed?.modRevision, changed?.version], [first, second, 2])
      const third = await fixture.write({ kind: 'delete', key: fixture.key('a') })
      assert.equal(third, second + 1)
      assert.equal(await fixture.store.get(fixture.key('a')), undefined)
      const fourth = await fixture.write(fixture.put('a', '3'))
      const again = await fixture.store.get(fixture.key('a'))
      assert.deepEqual([again?.createRevision, again?.modRevision, again?.version], [fourth, fourth, 1])
    })

    test('putting the same value again is a change', async () => {
      const first = await fixture.write(fixture.put('a', 'same'))
      assert.equal(await fixture.write(fixture.put('a', 'same')), first + 1)
      assert.equal((await fixture.store.get(fixture.key('a')))?.version, 2)
    })

    test('keys and values keep every character, and a value may be empty', async () => {
      const texts = ['', ' ', '\u0000', 'ÄÖ€', '\u{1f600}', '\uffff', '"\\\n', 'a/b', '\u{10ffff}\ue000']
      for (const text of texts) {
        await fixture.write({ kind: 'put', key: fixture.key(`text/${text}`), value: text })
        assert.equal((await fixture.store.get(fixture.key(`text/${text}`)))?.value, text)
      }
      const { keyValues } = await fixture.store.range(fixture.key('text/'))
      assert.deepEqual(new Set(keyValues.map(({ value }) => value)), new Set(texts))
    })

    test('what no store can hold is refused', async () => {
      await rejects('invalid', fixture.store.get(''))
      await rejects('invalid', fixture.store.get('\ud800'))
      await rejects('invalid', fixture.store.range('\udc00'))
      await rejects('invalid', fixture.write({ kind: 'put', key: '', value: '' }))
      await rejects('invalid', fixture.write(fixture.put('a', 'x\ud800')))
      await rejects('invalid', fixture.write(fixture.put('a', 'x', '-1' as LeaseId)))
      await rejects('invalid', fixture.store.range(fixture.root, { limit: 0 }))
      await rejects('invalid', fixture.store.range(fixture.root, { atRevision: 0.5 }))
    })
  })
}

export function describeRanges(fixture: Fixture): void {
  describe('ranges', () => {
    test('a range holds exactly the keys under the prefix, in the order of their bytes', async () => {
      const inside = ['p/', 'p/\u0000', 'p/a', 'p/a/b', 'p/b', 'p/é', 'p/\ue000', 'p/\uffff', 'p/\u{1f600}']
      for (const suffix of [...inside].reverse()) await fixture.write(fixture.put(suffix))
      for (const suffix of ['p', 'p.', 'p0', 'q/a', 'o']) await fixture.write(fixture.put(suffix))
      const { keyValues, more, count } = await fixture.store.range(fixture.key('p/'))
      assert.deepEqual(fixture.suffixesOf(keyValues), inside)
      assert.deepEqual([more, count], [false, inside.length])
    })

    test('a limit cuts the answer but not the count', async () => {
      await fixture.write(fixture.put('a'), fixture.put('b'), fixture.put('c'))
      const cut = await fixture.store.range(fixture.root, { limit: 2 })
      assert.deepEqual([fixture.suffixesOf(cut.keyValues), cut.more, cut.count], [['a', 'b'], true, 3])
      const whole = await fixture.store.range(fixture.root, { limit: 3 })
      assert.deepEqual([fixture.suffixesOf(whole.keyValues), whole.more, whole.count], [['a', 'b', 'c'], false, 3])
    })

    test('a past revision is read as it was', async () => {
      const first = await fixture.write(fixture.put('a', '1'), fixture.put('b', '1'))
      const second = await fixture.write(
        fixture.put('a', '2'),
        { kind: 'delete', key: fixture.key('b') },
        fixture.put('c', '2'),
      )
      await fixture.write({ kind: 'delete-prefix', prefix: fixture.root })
      const valuesAt = async (atRevision: number): Promise<string[][]> =>
        (await fixture.store.range(fixture.root, { atRevision })).keyValues.map((kv) => [
          kv.key.slice(fixture.root.length),
          kv.value,
        ])
      assert.deepEqual(await valuesAt(first), [
        ['a', '1'],
        ['b', '1'],
      ])
      assert.deepEqual(await valuesAt(second), [
        ['a', '2'],
        ['c', '2'],
      ])
      const now = await fixture.store.range(fixture.root, { atRevision: first })
      assert.equal(now.revision, second + 1, 'the revision of the answer is the present one')
      assert.deepEqual((await fixture.store.range(fixture.root)).keyValues, [])
    })

    test('a future revision is refused', async () => {
      const revision = await fixture.write(fixture.put('a'))
      await rejects('future-revision', fixture.store.range(fixture.root, { atRevision: revision + 1 }))
    })

    test('a compacted revision is refused, the one compacted to is kept', async () => {
      const first = await fixture.write(fixture.put('a', '1'))
      const second = await fixture.write(fixture.put('a', '2'))
      const third = await fixture.write(fixture.put('a', '3'))
      await fixture.subject.compact(second)
      await rejects('compacted', fixture.store.range(fixture.root, { atRevision: first }))
      assert.equal((await fixture.store.range(fixture.root, { atRevision: second })).keyValues[0]?.value, '2')
      assert.equal((await fixture.store.range(fixture.root, { atRevision: third })).keyValues[0]?.value, '3')
      assert.equal((await fixture.store.get(fixture.key('a')))?.version, 3)
    })
  })
}
