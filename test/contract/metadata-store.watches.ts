import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Outcomes } from './metadata-store.fixture.ts'
import type { Fixture } from './metadata-store.fixture.ts'

export function describeWatches(fixture: Fixture): void {
  describe('watches', () => {
    test('past and future changes under the prefix come once each, in order, a revision at a time', async () => {
      const first = await fixture.write(fixture.put('w/a', '1'), fixture.put('x', '1'), fixture.put('w/b', '1'))
      await fixture.write(fixture.put('x', '2'))
      const second = await fixture.write(fixture.put('w/a', '2'), { kind: 'delete', key: fixture.key('w/b') })
      const watched = new Outcomes()
      const watch = fixture.store.watch(fixture.key('w/'), first, watched.listener)
      assert.equal(watched.all.length, 0, 'nothing is told from within watch')
      const third = await fixture.write({ kind: 'delete-prefix', prefix: fixture.key('w/') })
      await fixture.write(fixture.put('x', '3'))
      const fourth = await fixture.write(fixture.put('w/a', '4'))
      await watched.reached(fourth)
      watch.cancel()
      const summaries = watched.all.map((outcome) => {
        assert.ok(outcome.kind === 'changes')
        return [outcome.revision, outcome.events.map((event) => fixture.summaryOf(event))]
      })
      assert.deepEqual(summaries, [
        [first, ['w/a=1', 'w/b=1']],
        [second, ['w/a=2', `-w/b@${second}`]],
        [third, [`-w/a@${third}`]],
        [fourth, ['w/a=4']],
      ])
      const last = watched.all.at(-1)
      assert.ok(last?.kind === 'changes' && last.events[0]?.kind === 'put')
      assert.deepEqual(last.events[0].keyValue, await fixture.store.get(fixture.key('w/a')))
    })

    test('a future revision is waited for', async () => {
      const revision = await fixture.write(fixture.put('a', '0'))
      const watched = new Outcomes()
      const watch = fixture.store.watch(fixture.root, revision + 2, watched.listener)
      await fixture.write(fixture.put('a', '1'))
      const second = await fixture.write(fixture.put('a', '2'))
      await watched.reached(second)
      watch.cancel()
      assert.deepEqual(
        watched.all.map((outcome) => outcome.kind === 'changes' && outcome.revision),
        [second],
      )
    })

    test('range, then watch from the revision after it, misses nothing', async () => {
      const writing = Promise.all(
        Array.from({ length: 30 }, (_, index) => fixture.write(fixture.put(`n/${index}`, String(index)))),
      )
      const { keyValues, revision } = await fixture.store.range(fixture.root)
      const known = new Set(fixture.suffixesOf(keyValues))
      const watched = new Outcomes()
      const watch = fixture.store.watch(fixture.root, revision + 1, watched.listener)
      const last = Math.max(...(await writing))
      if (last > revision) await watched.reached(last)
      watch.cancel()
      for (const outcome of watched.all) {
        assert.ok(outcome.kind === 'changes')
        for (const event of outcome.events) {
          assert.ok(event.kind === 'put')
          const suffix = event.keyValue.key.slice(fixture.root.length)
          assert.ok(!known.has(suffix), `${suffix} is told though it was in the range`)
          known.add(suffix)
        }
      }
      assert.equal(known.size, 30)
    })

    test('watches do not disturb each other, and a cancelled one is silent', async () => {
      const revision = await fixture.write(fixture.put('a', '0'))
      const kept = new Outcomes()
      const dropped = new Outcomes()
      const watch = fixture.store.watch(fixture.root, revision + 1, kept.listener)
      const doomed = fixture.store.watch(fixture.root, revision + 1, dropped.listener)
      doomed.cancel()
      doomed.cancel()
      await kept.reached(await fixture.write(fixture.put('a', '1')))
      watch.cancel()
      assert.deepEqual(dropped.all, [])
    })

    test('a watch from a compacted revision says so, once, and nothing else', async () => {
      const first = await fixture.write(fixture.put('a', '1'))
      for (let index = 0; index < 5; index++) await fixture.write(fixture.put('a', String(index)))
      const last = await fixture.write(fixture.put('a', 'last'))
      await fixture.subject.compact(last)
      const watched = new Outcomes()
      fixture.store.watch(fixture.root, first, watched.listener)
      const outcome = await watched.first()
      assert.deepEqual(outcome, { kind: 'compacted', compactRevision: last })
      const { revision } = await fixture.store.range(fixture.root)
      const again = new Outcomes()
      const watch = fixture.store.watch(fixture.root, revision + 1, again.listener)
      await again.reached(await fixture.write(fixture.put('a', 'more')))
      watch.cancel()
      assert.equal(watched.all.length, 1)
    })

    test('a watch that has come along is not hurt by compaction', async () => {
      const first = await fixture.write(fixture.put('a', '1'))
      const watched = new Outcomes()
      const watch = fixture.store.watch(fixture.root, first, watched.listener)
      const second = await fixture.write(fixture.put('a', '2'))
      await watched.reached(second)
      await fixture.subject.compact(second)
      await watched.reached(await fixture.write(fixture.put('a', '3')))
      watch.cancel()
      assert.equal(watched.all.length, 3)
    })

    test('what cannot be watched is refused at once', () => {
      const listener = (): void => assert.fail('nothing is watched')
      assert.throws(() => fixture.store.watch(fixture.root, 0, listener), { name: 'MetadataError', kind: 'invalid' })
      assert.throws(() => fixture.store.watch('\ud800', 1, listener), { name: 'MetadataError', kind: 'invalid' })
    })
  })
}
