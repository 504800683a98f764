import { deepEqual, equal, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Acknowledgement } from './delivery.ts'
import { batchesOf, boundedReason } from './delivery.ts'

function said(offset: number, type: Acknowledgement['type'], details: Partial<Acknowledgement> = {}): Acknowledgement {
  const partition = { topicId: 'AAAAAAAAAAAAAAAAAAAAAA', topic: 't', partition: 0, key: '' }
  const place = { ...partition, firstOffset: offset, lastOffset: offset }
  const answer = { attempts: 0, resolve: () => undefined, reject: () => undefined }
  return { ...place, ...answer, type, retryDelayMs: -1, rejectReason: '', ...details }
}

describe('what is said of messages', () => {
  it('becomes one batch only where it is the same', () => {
    const batches = batchesOf([
      said(3, 'reject', { rejectReason: 'too old' }),
      said(0, 'accept'),
      said(1, 'accept'),
      said(2, 'reject', { rejectReason: 'too old' }),
      said(4, 'reject', { rejectReason: 'too long' }),
      said(5, 'release'),
      said(6, 'release', { retryDelayMs: 7 }),
      said(8, 'release', { retryDelayMs: 7 }),
    ])
    deepEqual(
      batches.map((batch) => Object.values(batch).flat()),
      [
        [0, 1, 1, -1, ''],
        [2, 3, 3, -1, 'too old'],
        [4, 4, 3, -1, 'too long'],
        [5, 5, 2, -1, ''],
        [6, 6, 2, 7, ''],
        [8, 8, 2, 7, ''],
      ],
    )
  })

  it('has a reason of 256 bytes at most, cut between characters', () => {
    equal(boundedReason('no use'), 'no use')
    equal(boundedReason('x'.repeat(300)), 'x'.repeat(256))
    // 255 bytes, and then a character of two and one of four that would reach beyond the 256th.
    for (const character of ['é', '😀']) equal(boundedReason(`${'x'.repeat(255)}${character}`), 'x'.repeat(255))
    ok(Buffer.byteLength(boundedReason('\ud800'.repeat(200))) <= 256)
  })
})
