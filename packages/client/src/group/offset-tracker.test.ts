import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { OffsetTracker } from './offset-tracker.ts'

describe('OffsetTracker', () => {
  it('commits nothing after a message that is not done, whatever the order of the others', () => {
    const check = fc.property(
      fc.uniqueArray(fc.integer({ min: 5, max: 60 }), { minLength: 1, maxLength: 20 }),
      fc.infiniteStream(fc.nat()),
      (unsorted, choices) => {
        const offsets = unsorted.toSorted((a, b) => a - b)
        const tracker = new OffsetTracker(5)
        for (const offset of offsets) tracker.begin(offset)
        const open = [...offsets]
        let committed = 5
        while (open.length > 0) {
          const [done] = open.splice(choices.next().value % open.length, 1)
          tracker.finish(done!)
          committed = tracker.takeCommit() ?? committed
          const before = offsets.filter((offset) => offset < (open[0] ?? Number.POSITIVE_INFINITY))
          assert.equal(committed, before.length === 0 ? 5 : before.at(-1)! + 1)
          assert.equal(tracker.pendingCount, open.length)
        }
        assert.equal(tracker.takeCommit(), undefined)
        tracker.putBack()
        assert.equal(tracker.takeCommit(), offsets.at(-1)! + 1)
      },
    )
    fc.assert(check)
  })
})
