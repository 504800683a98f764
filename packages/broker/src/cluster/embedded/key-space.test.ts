import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noLease } from '../metadata-store.ts'
import { KeySpace } from './key-space.ts'

test('nothing is left of keys that come and go, once their history is compacted', () => {
  const keys = new KeySpace()
  keys.put(2, 'kept', '', noLease)
  for (let revision = 3; revision < 103; revision += 2) {
    keys.put(revision, `passing/${revision}`, 'value', noLease)
    keys.delete(revision + 1, `passing/${revision}`)
  }
  assert.deepEqual([keys.keyCount, keys.historyCount], [51, 101])
  keys.compact(keys.revision)
  assert.deepEqual([keys.keyCount, keys.historyCount, keys.bytesHistory], [1, 0, 0])
  assert.equal(keys.get('kept')?.createRevision, 2)
})

test('a rollback leaves what was there before, in keys, bytes and history', () => {
  const keys = new KeySpace()
  keys.put(2, 'a', 'old', noLease)
  keys.put(2, 'b', 'old', noLease)
  const before = [keys.revision, keys.bytesLive, keys.bytesHistory, keys.historyCount, keys.range('')]
  keys.put(3, 'a', 'new', noLease)
  keys.put(3, 'c', 'new', noLease)
  keys.delete(4, 'b')
  keys.delete(4, 'c')
  keys.rollback(2)
  assert.deepEqual([keys.revision, keys.bytesLive, keys.bytesHistory, keys.historyCount, keys.range('')], before)
  assert.equal(keys.keyCount, 2)
})
