import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EpochCache } from './epoch-cache.ts'

describe('EpochCache', () => {
  const cache = (): EpochCache =>
    new EpochCache([
      [2, 10],
      [4, 30],
      [7, 50],
    ])

  it('answers OffsetForLeaderEpoch as KIP-279 says', () => {
    const end = (epoch: number): [number, number] => {
      const { leaderEpoch, endOffset } = cache().endOf(epoch, 99)
      return [leaderEpoch, endOffset]
    }
    assert.deepEqual(end(7), [7, 99], 'the current epoch ends at the log end')
    assert.deepEqual(end(4), [4, 50])
    assert.deepEqual(end(5), [4, 50], 'an unknown one in between: the largest known below it')
    assert.deepEqual(end(3), [2, 30])
    assert.deepEqual(end(2), [2, 30])
    assert.deepEqual(end(1), [1, 10], 'older than all known: the start of the first known')
    assert.deepEqual(end(8), [-1, -1], 'newer than all known')
    assert.deepEqual(end(-1), [-1, -1])
    assert.deepEqual(new EpochCache().endOf(0, 0).endOffset, -1)
  })

  it('finds the epoch of a record', () => {
    assert.deepEqual(
      [9, 10, 29, 30, 49, 50, 1000].map((offset) => cache().epochAt(offset)),
      [-1, 2, 2, 4, 4, 7, 7],
    )
    assert.deepEqual(cache().entryBefore(30), [2, 10])
    assert.deepEqual(cache().entryBefore(31), [4, 30])
    assert.equal(cache().entryBefore(10), undefined)
  })

  it('ignores older epochs, and forgets one that wrote nothing', () => {
    const epochs = cache()
    epochs.assign(6, 60)
    epochs.assign(7, 70)
    assert.deepEqual(epochs.entries().at(-1), [7, 50])
    epochs.assign(8, 50)
    assert.deepEqual(epochs.entries(), [
      [2, 10],
      [4, 30],
      [8, 50],
    ])
  })

  it('knows of a leader before its first record, and forgets it if another comes that wrote first', () => {
    const epochs = cache()
    epochs.assign(9, 99)
    assert.deepEqual(epochs.endOf(9, 99), { leaderEpoch: 9, endOffset: 99 })
    assert.deepEqual(epochs.endOf(7, 99), { leaderEpoch: 7, endOffset: 99 })
    assert.deepEqual(epochs.endOf(8, 99), { leaderEpoch: 7, endOffset: 99 })
    assert.deepEqual(epochs.entryBefore(99), [7, 50], 'no record is of it')
    epochs.assign(10, 99)
    assert.deepEqual(epochs.endOf(9, 120), { leaderEpoch: 7, endOffset: 99 })
    assert.deepEqual(epochs.endOf(10, 120), { leaderEpoch: 10, endOffset: 120 })
    const first = new EpochCache()
    first.assign(0, 0)
    assert.deepEqual(first.endOf(0, 0), { leaderEpoch: 0, endOffset: 0 })
  })

  it('is cut at both ends as the log is', () => {
    const epochs = cache()
    epochs.truncateEnd(50)
    assert.equal(epochs.latest, 4)
    epochs.truncateStart(35)
    assert.deepEqual(epochs.entries(), [[4, 35]])
    epochs.truncateEnd(35)
    assert.equal(epochs.latest, -1)
    const whole = cache()
    whole.truncateStart(30)
    assert.deepEqual(whole.entries()[0], [4, 30], 'an epoch that ended at the new start is gone')
  })
})
