import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildBatch } from '../record/build.ts'
import { ProducerState } from './producer-state.ts'

const largestSequence = 2147483647

function batch(baseSequence: number, count = 1, epoch = 0, baseOffset = 0, producerId = 9): Buffer {
  const records = Array.from({ length: count }, () => ({ key: null, value: Buffer.from('v') }))
  const options = { baseTimestampMs: 1000, producerId, producerEpoch: epoch, baseSequence, baseOffset }
  return buildBatch(records, options)
}

/** A state to which batches of one record, sequences 0 to `count` - 1, were applied. */
function stateAfter(count: number): ProducerState {
  const state = new ProducerState()
  for (let i = 0; i < count; i++) state.apply(batch(i, 1, 0, i), 0)
  return state
}

function codeOf(state: ProducerState, bytes: Buffer): string {
  const verdict = state.judge(bytes)
  return verdict.kind === 'fault' ? verdict.code : verdict.kind
}

describe('ProducerState (KIP-98)', () => {
  it('answers each of the last five batches with the offset it got, older ones not', () => {
    const state = stateAfter(7)
    for (let i = 2; i < 7; i++) {
      const verdict = state.judge(batch(i))
      assert.equal(verdict.kind === 'duplicate' && verdict.batch.baseOffset, i)
    }
    assert.equal(codeOf(state, batch(1)), 'duplicate-sequence')
    assert.equal(codeOf(state, batch(7)), 'next')
    assert.equal(codeOf(state, batch(8)), 'out-of-order-sequence')
    assert.equal(codeOf(state, batch(5, 2)), 'out-of-order-sequence', 'a part of it is new')
  })

  it('goes on from 2^31 - 1 at 0, also within a batch', () => {
    const state = new ProducerState()
    state.apply(batch(largestSequence, 1, 0, 0), 0)
    assert.equal(codeOf(state, batch(0)), 'next')
    assert.equal(codeOf(state, batch(largestSequence)), 'duplicate')
    const across = new ProducerState()
    across.apply(batch(largestSequence - 1, 4, 0, 0), 0)
    assert.equal(codeOf(across, batch(2)), 'next')
    assert.equal(codeOf(across, batch(largestSequence - 1, 4)), 'duplicate')
    assert.equal(codeOf(across, batch(3)), 'out-of-order-sequence')
  })

  it('starts a new epoch at 0 and refuses an older one', () => {
    const state = stateAfter(3)
    assert.equal(codeOf(state, batch(3, 1, 1)), 'out-of-order-sequence')
    assert.equal(codeOf(state, batch(0, 1, 1)), 'next')
    state.apply(batch(0, 1, 1, 3), 0)
    assert.equal(codeOf(state, batch(3, 1, 0)), 'invalid-producer-epoch')
    assert.equal(codeOf(state, batch(0, 1, 1)), 'duplicate')
    assert.equal(codeOf(state, batch(2, 1, 1)), 'out-of-order-sequence', 'batches of the old epoch count no more')
  })

  it('takes any start of a producer it does not know', () => {
    assert.equal(codeOf(new ProducerState(), batch(77)), 'next')
    const state = stateAfter(3)
    state.expireBefore(1001)
    assert.equal(state.size, 0)
    assert.equal(codeOf(state, batch(77)), 'next')
  })

  it('forgets what was cut off, and what was noted twice changes nothing', () => {
    const state = stateAfter(4)
    state.apply(batch(3, 1, 0, 3), 0)
    state.truncateEnd(2)
    assert.equal(codeOf(state, batch(2)), 'next')
    assert.equal(codeOf(state, batch(1)), 'duplicate')
    state.truncateEnd(0)
    assert.equal(state.size, 0)
  })

  it('is the same after it was stored', () => {
    const state = stateAfter(7)
    const again = ProducerState.restore(JSON.parse(JSON.stringify(state.store())) as ReturnType<typeof state.store>)
    assert.deepEqual([...again.entries()], [...state.entries()])
  })
})
