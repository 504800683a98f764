import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { completeGroupConfig } from './group-config.ts'
import { newMemberId } from './member-id.ts'
import { partitionOf } from './partition-of.ts'
import { subscribedTopics } from './subscription.ts'
import { assemble, Consumer } from './testing/consumer.ts'
import { subscription, text, World } from './testing/world.ts'

describe('the partition of a group', () => {
  it('is that of Java', () => {
    for (const groupId of ['', 'a', 'my-group', 'test-consumer-group', 'ä☃😀', 'x'.repeat(500)]) {
      assert.equal(partitionOf(groupId, 50), Math.abs(javaHash(groupId)) % 50, groupId)
    }
    assert.equal(partitionOf('hello', 1_000_000_007), 99_162_322)
    assert.equal(javaHash('polygenelubricants'), -(2 ** 31))
    assert.equal(partitionOf('polygenelubricants', 50), 0)
  })
})

/** The definition, in exact arithmetic: the sum of s[i] * 31^(n-1-i) over UTF-16 units, as an int. */
function javaHash(value: string): number {
  let sum = 0n
  for (let index = 0; index < value.length; index++) {
    sum += BigInt(value.charCodeAt(index)) * 31n ** BigInt(value.length - 1 - index)
  }
  return Number(BigInt.asIntN(32, sum))
}

describe('groups', () => {
  it('are described with metadata and assignment when stable', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann', { instanceId: 'i1' })
    await ann.join()
    const [joining] = world.coordinator.describe(['g'])
    assert.deepEqual([joining!.state, joining!.protocolName], ['PreparingRebalance', ''])
    assert.equal(joining!.members[0]!.metadata.length, 0)
    await assemble(ann)
    const [stable, missing] = world.coordinator.describe(['g', 'none'])
    assert.deepEqual([stable!.state, stable!.protocolType, stable!.protocolName], ['Stable', 'consumer', 'range'])
    const [member] = stable!.members
    assert.deepEqual([member!.memberId, member!.instanceId], [ann.memberId, 'i1'])
    assert.deepEqual([member!.clientId, member!.clientHost], ['ann', '/127.0.0.1'])
    assert.deepEqual(member!.metadata, ann.metadata)
    assert.equal(text(member!.assignment), 'i1@1')
    assert.deepEqual([missing!.error, missing!.state], ['group-not-found', 'Dead'])
  })

  it('are listed by state and type, in any case', async () => {
    const world = await World.make()
    const ann = new Consumer(world, 'ann')
    await assemble(ann)
    const partitions = [{ partition: 0, offset: 1, leaderEpoch: -1, metadata: null }]
    const topics = [{ topic: 'a', partitions }]
    await world.coordinator.commitOffsets({ groupId: 'h', memberId: '', instanceId: null, generation: -1, topics })
    const ids = (filter: Parameters<typeof world.coordinator.list>[0]): string[] =>
      world.coordinator.list(filter).groups.map(({ groupId }) => groupId)
    assert.deepEqual(world.coordinator.list(), {
      error: null,
      groups: [
        { groupId: 'g', protocolType: 'consumer', state: 'Stable', type: 'classic' },
        { groupId: 'h', protocolType: '', state: 'Empty', type: 'classic' },
      ],
    })
    assert.deepEqual(ids({ states: [], types: [] }), ['g', 'h'])
    assert.deepEqual(ids({ states: ['empty'] }), ['h'])
    assert.deepEqual(ids({ states: ['STABLE', 'Empty'], types: ['Classic'] }), ['g', 'h'])
    assert.deepEqual(ids({ types: ['consumer'] }), [])
  })
})

describe('metadata of consumers', () => {
  it('is read in later versions as far as it is known', () => {
    const bytes = subscription(['a', 'b'])
    assert.deepEqual(subscribedTopics(bytes), ['a', 'b'])
    const later = Buffer.concat([bytes, Buffer.alloc(64, 0xff)])
    later.writeInt16BE(9)
    assert.deepEqual(subscribedTopics(later), ['a', 'b'])
  })

  it('may lack what its version adds, as that of @platformatic/kafka does', () => {
    // Version 1, no topics, empty user data, and no partitions that the member owns.
    assert.deepEqual(subscribedTopics(Buffer.from('00010000000000000000', 'hex')), [])
    assert.deepEqual(subscribedTopics(Buffer.from('000100000001000161ffffffff', 'hex')), ['a'])
  })

  it('of other kinds is none', () => {
    for (const hex of ['', '00', 'ffff', '00017fffffff', '0000000000010005']) {
      assert.equal(subscribedTopics(Buffer.from(hex, 'hex')), null, hex)
    }
  })
})

describe('member ids', () => {
  it('stay far below the longest string', () => {
    const random = { next: () => 0, bytes: (count: number) => new Uint8Array(count) }
    assert.equal(newMemberId(random, 'x'.repeat(30_000)).length, 255 + 37)
    const split = newMemberId(random, '😀'.repeat(200))
    assert.equal(Buffer.from(split).toString(), split, 'it comes back from the wire as it went')
    assert.equal(newMemberId(random, ''), '-00000000-0000-4000-8000-000000000000')
  })
})

describe('the configuration', () => {
  it('must make sense', () => {
    assert.throws(() => completeGroupConfig({ sessionTimeoutMsMin: 10, sessionTimeoutMsMax: 9 }), /range/)
    assert.throws(() => completeGroupConfig({ groupSizeMax: 0 }), /member/)
    assert.throws(() => completeGroupConfig({ offsetsRetentionMs: -1 }), /offsetsRetentionMs/)
    assert.throws(() => completeGroupConfig({ offsetsRetentionCheckIntervalMs: 0 }), /pause/)
    assert.equal(completeGroupConfig({ groupSizeMax: 5 }).offsetMetadataBytesMax, 4096)
  })
})
