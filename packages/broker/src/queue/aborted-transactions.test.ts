import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { buildBatch } from '../record/build.ts'
import { AbortedTransactions } from './aborted-transactions.ts'

const transactional = 0x10
const control = 0x20

function batch(baseOffset: number, producerId: number, attributes: number): Uint8Array {
  const options = { baseTimestampMs: 1, baseOffset, producerId, producerEpoch: 0, attributes }
  return buildBatch([{ key: null, value: Buffer.from('v') }], options)
}

test('batches of aborted transactions, and marks, are hidden from the first on and until the mark', () => {
  const batches = [
    batch(0, 7, transactional),
    batch(1, 8, transactional),
    batch(2, 7, 0),
    batch(3, 7, transactional | control),
    batch(4, 7, transactional),
    batch(5, 8, transactional | control),
    batch(6, 7, transactional | control),
    batch(7, -1, 0),
  ]
  const aborted = new AbortedTransactions([
    { producerId: 7, firstOffset: 4 },
    { producerId: 8, firstOffset: 1 },
  ])
  deepEqual(
    batches.map((each) => aborted.hides(each, 0)),
    [false, true, false, true, true, true, true, false],
  )
})

test('without transactions nothing but marks is hidden', () => {
  const aborted = new AbortedTransactions([])
  deepEqual(
    [batch(0, 7, transactional), batch(1, 7, transactional | control), batch(2, -1, 0)].map((each) =>
      aborted.hides(each, 0),
    ),
    [false, true, false],
  )
})
