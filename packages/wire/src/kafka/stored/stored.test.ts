import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WireError } from '../../bytes/wire-error.ts'
import { ConsumerProtocolSubscription } from './consumer-protocol.ts'
import { GroupMetadataKey } from './group-metadata.ts'
import { OffsetCommitKey, OffsetCommitValue } from './offset-commit.ts'
import { decodeOffsetsKey, encodeOffsetsKey } from './offsets-key.ts'
import { decodeVersioned, encodeVersioned } from './versioned.ts'

test('a position has the key that Kafka writes', () => {
  const key = { group: 'g', topic: 'tt', partition: 3 }
  const bytes = encodeOffsetsKey(OffsetCommitKey, key)
  assert.equal(bytes.toString('hex'), `0001${'000167'}${'00027474'}00000003`)
  assert.deepEqual(decodeOffsetsKey(bytes), { type: 'offset', key })
  bytes[1] = 0
  assert.deepEqual(decodeOffsetsKey(bytes), { type: 'offset', key })
})

test('a group has a key of its own, and other record types are told apart', () => {
  const bytes = encodeOffsetsKey(GroupMetadataKey, { group: 'g' })
  assert.equal(bytes.toString('hex'), '0002000167')
  assert.deepEqual(decodeOffsetsKey(bytes), { type: 'group', key: { group: 'g' } })
  assert.deepEqual(decodeOffsetsKey(Uint8Array.from([0, 9, 1])), { type: 'other', recordType: 9 })
  assert.throws(() => decodeOffsetsKey(Uint8Array.from([0])), WireError)
})

test('stored values carry their version', () => {
  const value = { offset: 5, leaderEpoch: 2, metadata: 'note', commitTimestamp: 1_700_000_000_000 }
  const bytes = encodeVersioned(OffsetCommitValue, 3, value)
  assert.equal(bytes.readInt16BE(0), 3)
  const decoded = decodeVersioned(OffsetCommitValue, bytes)
  assert.deepEqual({ ...decoded, ...value }, decoded)
  assert.equal(decoded.expireTimestamp, -1)
})

test('a subscription of a later version is read as the newest known one', () => {
  const bytes = encodeVersioned(ConsumerProtocolSubscription, 3, { topics: ['a'], rackId: 'r' })
  bytes.writeInt16BE(9, 0)
  const later = Buffer.concat([bytes, Buffer.from([1, 2, 3])])
  assert.equal(decodeVersioned(ConsumerProtocolSubscription, later).rackId, 'r')
  bytes.writeInt16BE(-1, 0)
  assert.throws(() => decodeVersioned(ConsumerProtocolSubscription, bytes), WireError)
})
