import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientError } from '../client-error.ts'
import { partitionOf } from '../partitioner.ts'
import { ControlledEnvironment } from '../testing/controlled-environment.ts'
import type { PartitionerOption } from './partitioners.ts'
import { partitionerOf } from './partitioners.ts'

function choose(option: PartitionerOption, count: number, partitionCount: number, size = 1000): number[] {
  const partitioner = partitionerOf(option, new ControlledEnvironment())
  return Array.from({ length: count }, () => partitioner({ topic: 't', partitionCount, key: null, size }))
}

describe('partitioners', () => {
  it('uniform: stay until 64 KiB are full, then go elsewhere, and fill all alike', () => {
    const chosen = choose('uniform', 66 * 300, 3)
    const runs: number[] = []
    for (const [i, partition] of chosen.entries()) {
      if (i > 0 && chosen[i - 1] === partition) runs[runs.length - 1]!++
      else runs.push(1)
    }
    assert.ok(runs.every((length) => length === 66))
    for (const partition of [0, 1, 2]) {
      const share = chosen.filter((other) => other === partition).length / chosen.length
      assert.ok(share > 0.25 && share < 0.42, `${partition}: ${share}`)
    }
    assert.deepEqual(new Set(choose('uniform', 200, 1)), new Set([0]))
  })

  it('round-robin: one after the other', () => {
    const chosen = choose('round-robin', 6, 3)
    assert.deepEqual(
      chosen.slice(0, 3).toSorted((a, b) => a - b),
      [0, 1, 2],
    )
    assert.deepEqual(chosen.slice(3), chosen.slice(0, 3))
  })

  it('weighted: in proportion, none without weight, 1 where none is given', () => {
    const chosen = choose({ weighted: [3, 0, 2] }, 60, 4)
    assert.deepEqual(
      [0, 1, 2, 3].map((partition) => chosen.filter((other) => other === partition).length),
      [30, 0, 20, 10],
    )
    assert.throws(() => choose({ weighted: [-1] }, 1, 1), ClientError)
    assert.throws(() => choose({ weighted: [0] }, 1, 1), /every weight/)
  })

  it('a key goes where Java would send it, whatever spreads the others; a function decides alone', () => {
    const key = Buffer.from('customer-7')
    for (const option of ['uniform', 'round-robin', { weighted: [1] }] as const) {
      const partitioner = partitionerOf(option, new ControlledEnvironment())
      assert.equal(partitioner({ topic: 't', partitionCount: 12, key, size: 1 }), partitionOf(key, 12))
    }
    const last = partitionerOf(({ partitionCount }) => partitionCount - 1, new ControlledEnvironment())
    assert.equal(last({ topic: 't', partitionCount: 12, key, size: 1 }), 11)
    assert.throws(() => partitionerOf('random' as 'uniform', new ControlledEnvironment()), /no partitioner "random"/)
  })
})
