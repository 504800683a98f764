import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis, uuidZero } from '@polylog/wire'
import { baseOffsetOf, lastOffsetOf } from '../record/batch.ts'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

const [invalidRequest, unknownTopicId, notLeader, recordState, noSession, wrongEpoch, tooManySessions] = [
  42, 100, 6, 121, 122, 123, 133,
]
const types = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 }

interface Batch {
  firstOffset: number
  lastOffset: number
  acknowledgeTypes: number[]
  retryDelayMs?: number
  rejectReason?: string
}

describe('share groups', () => {
  let broker: TestBroker
  let client: TestClient
  let topicId: string
  let epochs: Map<string, number>

  async function start(given: Parameters<typeof TestBroker.start>[0] = {}): Promise<void> {
    broker = await TestBroker.start(given)
    client = await broker.connect()
    ;({ topicId } = await broker.makeTopic('jobs', 2))
    epochs = new Map()
  }
  beforeEach(() => start())
  afterEach(async () => {
    await broker.stop()
    assert.equal(broker.queues.openCount, 0)
    assert.deepEqual(broker.errors(), [])
  })

  function produce(count: number, index = 0): void {
    const values = Array.from({ length: count }, (_, at) => `job ${at}`)
    broker.topics.partition('jobs', index)!.append(makeTestBatch({ values }), true, 1)
  }

  function topics(byPartition: Record<number, Batch[]>, id = topicId) {
    const partitions = Object.entries(byPartition).map(([index, acknowledgementBatches]) => ({
      partitionIndex: Number(index),
      acknowledgementBatches,
    }))
    return [{ topicId: id, partitions }]
  }

  /** Fetches as a member does: with the next epoch of its session, unless it is given. */
  function fetch(memberId: string, given: object = {}, version = 2, from = client) {
    const epoch = epochs.get(memberId) ?? 0
    epochs.set(memberId, epoch + 1)
    const limits = { maxWaitMs: 0, minBytes: 1, maxRecords: 100, batchSize: 100 }
    const named = { groupId: 'g', memberId, shareSessionEpoch: epoch, topics: epoch === 0 ? topics({ 0: [] }) : [] }
    return from.call(apis[78], version, { ...limits, ...named, ...given })
  }

  function acknowledge(memberId: string, byPartition: Record<number, Batch[]>, given: object = {}) {
    const epoch = epochs.get(memberId)!
    epochs.set(memberId, epoch + 1)
    const request = { groupId: 'g', memberId, shareSessionEpoch: epoch, topics: topics(byPartition) }
    return client.call(apis[79], 2, { ...request, ...given })
  }

  /** Ranges of the first partition as `first-last×deliveries`. */
  function rangesOf(answer: Awaited<ReturnType<typeof fetch>>): string[] {
    assert.equal(answer.errorCode, 0, answer.errorMessage ?? '')
    return answer.responses.flatMap(({ partitions }) =>
      partitions.flatMap(({ partitionIndex, acquiredRecords }) =>
        acquiredRecords.map(
          (each) => `${partitionIndex}: ${each.firstOffset}-${each.lastOffset}×${each.deliveryCount}`,
        ),
      ),
    )
  }

  const all = (firstOffset: number, lastOffset: number, type: number): Batch => {
    return { firstOffset, lastOffset, acknowledgeTypes: [type] }
  }

  describe('ShareFetch', () => {
    for (const version of [1, 2]) {
      test(`version ${version} acquires records under a lock, which others do not get`, async () => {
        produce(3)
        const first = await fetch('ann', { topics: topics({ 0: [], 1: [] }) }, version)
        assert.deepEqual(rangesOf(first), ['0: 0-2×1'])
        assert.equal(first.acquisitionLockTimeoutMs, 30_000)
        const { records, errorCode } = first.responses[0]!.partitions[0]!
        // The first answer names all partitions of the session.
        assert.equal(first.responses[0]!.partitions.length, 2)
        assert.deepEqual([errorCode, baseOffsetOf(records, 0), lastOffsetOf(records, 0)], [0, 0, 2])
        assert.deepEqual(rangesOf(await fetch('bob', {}, version)), [])
      })
    }

    test('splits ranges into batches and keeps to a limit of records in its mode', async () => {
      produce(5)
      const answer = await fetch('ann', { maxRecords: 4, batchSize: 3, shareAcquireMode: 1 })
      assert.deepEqual(rangesOf(answer), ['0: 0-2×1', '0: 3-3×1'])
      assert.deepEqual(rangesOf(await fetch('ann')), ['0: 4-4×1'])
    })

    test('waits for records, and is woken by them', async () => {
      const waiting = fetch('ann', { maxWaitMs: 60_000 })
      await fetch('bob', {}, 2, await broker.connect())
      produce(2)
      assert.deepEqual(rangesOf(await waiting), ['0: 0-1×1'])
    })

    test('is woken by records that come back', async () => {
      produce(1)
      const other = await broker.connect()
      assert.deepEqual(rangesOf(await fetch('bob', {}, 2, other)), ['0: 0-0×1'])
      const waiting = fetch('ann', { maxWaitMs: 60_000 })
      await fetch('bob', { topics: topics({ 0: [all(0, 0, types.release)] }), maxRecords: 0 }, 2, other)
      assert.deepEqual(rangesOf(await waiting), ['0: 0-0×2'])
    })

    test('comes back with nothing when the time is up, or nothing is wanted', async () => {
      assert.deepEqual(rangesOf(await fetch('ann', { maxWaitMs: 5 })), [])
      assert.deepEqual(rangesOf(await fetch('ann', { maxWaitMs: 60_000, minBytes: 0 })), [])
      produce(1)
      assert.deepEqual(rangesOf(await fetch('ann', { maxRecords: 0, maxWaitMs: 60_000 })), [])
      assert.deepEqual(rangesOf(await fetch('ann')), ['0: 0-0×1'])
    })

    test('serves partitions in turn', async () => {
      produce(2, 0)
      produce(2, 1)
      const strict = { maxRecords: 1, shareAcquireMode: 1 }
      const answers = [await fetch('ann', { ...strict, topics: topics({ 0: [], 1: [] }) })]
      for (let round = 0; round < 3; round++) answers.push(await fetch('ann', strict))
      assert.deepEqual(answers.flatMap(rangesOf), ['0: 0-0×1', '1: 0-0×1', '0: 1-1×1', '1: 1-1×1'])
    })

    test('takes acknowledgements along', async () => {
      produce(4)
      await fetch('ann')
      const batches = [all(0, 1, types.accept), { firstOffset: 2, lastOffset: 3, acknowledgeTypes: [3, 2] }]
      const answer = await fetch('ann', { topics: topics({ 0: batches }) })
      assert.equal(answer.responses[0]!.partitions[0]!.acknowledgeErrorCode, 0)
      const again = await fetch('ann', { topics: topics({ 0: [all(0, 0, types.accept)] }), maxRecords: 0 })
      // Settled offsets below the start are no error; one that was given back is nobody's, or somebody else's.
      assert.equal(again.responses[0]!.partitions[0]!.acknowledgeErrorCode, 0)
      const late = await fetch('bob', {})
      assert.deepEqual([...rangesOf(answer), ...rangesOf(late)], ['0: 3-3×2'])
      const wrong = await fetch('eve', {})
      assert.deepEqual(rangesOf(wrong), [])
      const stolen = await fetch('eve', { topics: topics({ 0: [all(3, 3, types.accept)] }) })
      assert.equal(stolen.responses[0]!.partitions[0]!.acknowledgeErrorCode, recordState)
    })

    test('names partitions that are unknown, led elsewhere or out of order for now', async () => {
      broker.addPeer({ id: 2 })
      broker.topics.moveAway('jobs', 1, 2)
      const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ'
      const wanted = [...topics({ 1: [] }), ...topics({ 0: [] }, unknown)]
      const answer = await fetch('ann', { topics: wanted, maxWaitMs: 60_000 })
      const [moved, missing] = answer.responses.map(({ partitions }) => partitions[0]!)
      assert.deepEqual([moved!.errorCode, moved!.currentLeader], [notLeader, { leaderId: 2, leaderEpoch: 1 }])
      assert.deepEqual([missing!.errorCode, missing!.currentLeader.leaderId], [unknownTopicId, -1])
      assert.deepEqual(
        answer.nodeEndpoints.map(({ nodeId, host }) => [nodeId, host]),
        [[2, 'host-2']],
      )
      const acknowledged = await fetch('ann', { topics: topics({ 1: [all(0, 0, types.accept)] }) })
      const moveTold = acknowledged.responses
        .flatMap(({ partitions }) => partitions)
        .find((each) => each.partitionIndex === 1)
      assert.equal(moveTold!.acknowledgeErrorCode, notLeader)
      broker.queues.failure = 'coordinator-loading'
      assert.deepEqual(rangesOf(await fetch('bob')), [])
      broker.queues.failure = 'storage'
      assert.equal((await fetch('bob')).responses[0]!.partitions[0]!.errorCode, 56)
    })

    test('gives back what was acquired for a connection that has gone', async () => {
      produce(2)
      const gate = Promise.withResolvers<void>()
      broker.queues.gate = gate.promise
      const doomed = await broker.connect()
      const lost = fetch('ann', { maxWaitMs: 60_000 }, 2, doomed)
      await until(() => broker.listener['services'].shareSessions.count === 1)
      doomed.close()
      await assert.rejects(lost)
      await until(() => broker.queues.released.length === 1)
      gate.resolve()
      broker.queues.gate = undefined
      await until(() => broker.queues.acknowledged.length === 1)
      assert.deepEqual(rangesOf(await fetch('bob')), ['0: 0-1×2'])
    })
  })

  describe('share sessions', () => {
    test('know their epochs', async () => {
      assert.equal((await fetch('ann', { shareSessionEpoch: 1 })).errorCode, noSession)
      epochs.clear()
      await fetch('ann')
      assert.equal((await fetch('ann', { shareSessionEpoch: 2 })).errorCode, wrongEpoch)
      assert.equal((await fetch('ann', { shareSessionEpoch: 1 })).errorCode, 0)
      assert.equal((await acknowledge('ann', {}, { shareSessionEpoch: 0 })).errorCode, wrongEpoch)
      assert.equal((await acknowledge('ann', {}, { shareSessionEpoch: 2 })).errorCode, 0)
      assert.equal((await acknowledge('bob', {}, { shareSessionEpoch: 2 })).errorCode, noSession)
      const begin = { shareSessionEpoch: 0, topics: topics({ 0: [all(0, 0, types.accept)] }) }
      assert.equal((await fetch('ann', begin)).errorCode, invalidRequest)
    })

    test('add and forget partitions, and begin anew', async () => {
      await fetch('ann')
      produce(1, 1)
      assert.deepEqual(rangesOf(await fetch('ann')), [])
      const forgottenTopicsData = [{ topicId, partitions: [0] }]
      const swapped = await fetch('ann', { topics: topics({ 1: [] }), forgottenTopicsData })
      assert.deepEqual(rangesOf(swapped), ['1: 0-0×1'])
      produce(1, 0)
      assert.deepEqual(rangesOf(await fetch('ann')), [])
      epochs.delete('ann')
      assert.deepEqual(rangesOf(await fetch('ann')), ['0: 0-0×1'])
    })

    test('end with their last request, which gives back what is left', async () => {
      produce(3)
      await fetch('ann')
      const answer = await acknowledge('ann', { 0: [all(0, 0, types.accept)] }, { shareSessionEpoch: -1 })
      assert.equal(answer.responses[0]!.partitions[0]!.errorCode, 0)
      assert.deepEqual(broker.queues.released, [{ groupId: 'g', memberId: 'ann', isAttempt: false }])
      assert.deepEqual(rangesOf(await fetch('bob')), ['0: 1-2×1'])
      await fetch('bob', { shareSessionEpoch: -1, topics: topics({ 0: [all(1, 1, types.accept)] }) })
      assert.equal((await fetch('bob', { shareSessionEpoch: 3 })).errorCode, noSession)
      epochs.delete('ann')
      assert.deepEqual(rangesOf(await fetch('ann')), ['0: 2-2×1'])
    })

    test('end with their connection, which gives back what is left', async () => {
      produce(2)
      const doomed = await broker.connect()
      await fetch('ann', {}, 2, doomed)
      doomed.close()
      await until(() => broker.queues.released.length === 1)
      assert.deepEqual(broker.queues.released, [{ groupId: 'g', memberId: 'ann', isAttempt: true }])
      assert.deepEqual(rangesOf(await fetch('bob')), ['0: 0-1×2'])
      assert.equal((await fetch('ann', { shareSessionEpoch: 1 })).errorCode, noSession)
    })

    test('move to another connection with their member', async () => {
      produce(1)
      const before = await broker.connect()
      await fetch('ann', {}, 2, before)
      assert.equal((await fetch('ann')).errorCode, 0)
      before.close()
      await until(() => broker.listener['connections'].size === 1)
      assert.deepEqual(broker.queues.released, [])
      assert.equal((await acknowledge('ann', { 0: [all(0, 0, types.accept)] })).errorCode, 0)
    })

    test('are limited in number', async () => {
      await broker.stop()
      await start({ shareSessionCountMax: 1 })
      assert.equal((await fetch('ann')).errorCode, 0)
      assert.equal((await fetch('bob')).errorCode, tooManySessions)
      epochs.delete('ann')
      assert.equal((await fetch('ann')).errorCode, 0)
      await fetch('ann', { shareSessionEpoch: -1 })
      epochs.delete('bob')
      assert.equal((await fetch('bob')).errorCode, 0)
    })
  })

  describe('ShareAcknowledge', () => {
    test('settles, gives back, gives up and keeps', async () => {
      produce(4)
      await fetch('ann')
      const answer = await acknowledge('ann', {
        0: [{ firstOffset: 0, lastOffset: 3, acknowledgeTypes: [1, 2, 3, 1] }],
      })
      assert.deepEqual(
        answer.responses.map((each) => [each.topicId, each.partitions.map(({ errorCode }) => errorCode)]),
        [[topicId, [0]]],
      )
      assert.equal(answer.acquisitionLockTimeoutMs, 30_000)
      assert.deepEqual(rangesOf(await fetch('bob')), ['0: 1-1×2'])
      const renewed = await acknowledge('bob', { 0: [all(1, 1, types.renew)] }, { isRenewAck: true })
      assert.equal(renewed.responses[0]!.partitions[0]!.errorCode, 0)
      const refused = await acknowledge('ann', { 0: [all(1, 1, types.accept)] })
      assert.equal(refused.responses[0]!.partitions[0]!.errorCode, recordState)
    })

    test('takes a delay of its own for a retry', async () => {
      produce(2)
      await fetch('ann')
      await acknowledge('ann', { 0: [{ ...all(0, 0, types.release), retryDelayMs: 0 }, all(1, 1, types.release)] })
      assert.deepEqual(
        broker.queues.acknowledged.map(({ retryDelayMs }) => retryDelayMs),
        [0, undefined],
      )
    })

    test('takes the reason of a reject', async () => {
      produce(2)
      await fetch('ann')
      const reason = 'é'.repeat(128)
      await acknowledge('ann', { 0: [{ ...all(0, 0, types.reject), rejectReason: reason }, all(1, 1, types.reject)] })
      assert.deepEqual(
        broker.queues.acknowledged.map(({ rejectReason }) => rejectReason),
        [reason, undefined],
      )
    })

    test('refuses batches that make no sense, partition by partition', async () => {
      produce(4)
      await fetch('ann', { topics: topics({ 0: [], 1: [] }) })
      const bad: Batch[][] = [
        [all(2, 1, types.accept)],
        [all(1, 2, types.accept), all(2, 3, types.accept)],
        [{ firstOffset: 0, lastOffset: 2, acknowledgeTypes: [] }],
        [{ firstOffset: 0, lastOffset: 2, acknowledgeTypes: [1, 1] }],
        [all(0, 0, 5)],
        [all(0, 0, -1)],
        [all(0, 0, types.renew)],
        [{ ...all(0, 0, types.release), retryDelayMs: -2 }],
        [{ ...all(0, 0, types.reject), rejectReason: `${'é'.repeat(128)}.` }],
      ]
      for (const batches of bad) {
        const { responses } = await acknowledge('ann', { 0: batches })
        assert.equal(responses[0]!.partitions[0]!.errorCode, invalidRequest, JSON.stringify(batches))
      }
      assert.deepEqual(broker.queues.acknowledged, [])
    })

    test('renews within a fetch only if nothing is fetched', async () => {
      produce(1)
      await fetch('ann')
      const renewing = { isRenewAck: true, topics: topics({ 0: [all(0, 0, types.renew)] }) }
      assert.equal((await fetch('ann', renewing)).errorCode, invalidRequest)
      epochs.set('ann', 1)
      const nothing = { maxWaitMs: 0, minBytes: 0, maxBytes: 0, maxRecords: 0 }
      const answer = await fetch('ann', { ...renewing, ...nothing })
      assert.deepEqual([answer.errorCode, answer.responses[0]!.partitions[0]!.acknowledgeErrorCode], [0, 0])
    })

    test('needs the names of group and member', async () => {
      const tooLong = { memberId: 'm'.repeat(257) }
      for (const given of [{ groupId: null }, { groupId: '' }, { memberId: null }, { memberId: '' }, tooLong]) {
        assert.equal((await fetch('ann', given)).errorCode, invalidRequest)
        assert.equal((await acknowledge('ann', {}, given)).errorCode, invalidRequest)
      }
      assert.equal((await fetch('ann', { shareSessionEpoch: -2 })).errorCode, noSession)
    })
  })

  describe('offsets', () => {
    async function emptyGroup(): Promise<void> {
      const request = { groupId: 'g', memberId: 'ann', subscribedTopicNames: ['jobs'] }
      await client.call(apis[76], 1, { ...request, memberEpoch: 0 })
      await client.call(apis[76], 1, { ...request, memberEpoch: -1 })
    }

    async function offsetsOf(wanted: { topicName: string; partitions: number[] }[] | null) {
      const { groups } = await client.call(apis[90], 1, { groups: [{ groupId: 'g', topics: wanted }] })
      const [group] = groups
      assert.equal(group!.errorCode, 0)
      return group!.topics.flatMap((each) =>
        each.partitions.map((at) => [each.topicName, at.partitionIndex, at.startOffset, at.lag, at.errorCode]),
      )
    }

    test('are described', async () => {
      await emptyGroup()
      produce(5)
      assert.deepEqual(await offsetsOf(null), [
        ['jobs', 0, -1, -1, 0],
        ['jobs', 1, -1, -1, 0],
      ])
      await fetch('ann')
      await acknowledge('ann', { 0: [all(0, 1, types.accept)] })
      assert.deepEqual(await offsetsOf([{ topicName: 'jobs', partitions: [0, 9] }]), [
        ['jobs', 0, 2, 3, 0],
        ['jobs', 9, -1, -1, 0],
      ])
      assert.deepEqual(await offsetsOf([{ topicName: 'nowhere', partitions: [0] }]), [['nowhere', 0, -1, -1, 0]])
      const { groups } = await client.call(apis[90], 0, { groups: [{ groupId: 'nobody', topics: null }] })
      assert.deepEqual([groups[0]!.errorCode, groups[0]!.topics], [0, []])
    })

    test('are set and forgotten while there are no members', async () => {
      const alter = async (topicName: string, partitionIndex: number, startOffset: number) => {
        const request = { groupId: 'g', topics: [{ topicName, partitions: [{ partitionIndex, startOffset }] }] }
        const { errorCode, responses } = await client.call(apis[91], 0, request)
        return [errorCode, responses[0]?.partitions[0]?.errorCode]
      }
      const forget = async (topicName: string) => {
        const { errorCode, responses } = await client.call(apis[92], 0, { groupId: 'g', topics: [{ topicName }] })
        return [errorCode, responses[0]?.errorCode, responses[0]?.topicId]
      }
      assert.deepEqual(await alter('jobs', 0, 9), [0, 0])
      assert.deepEqual(
        (await client.call(apis[16], 5, {})).groups.map((each) => [each.groupId, each.groupState]),
        [['g', 'Empty']],
      )
      await client.call(apis[76], 1, { groupId: 'g', memberId: 'ann', memberEpoch: 0, subscribedTopicNames: ['jobs'] })
      assert.deepEqual(await alter('jobs', 0, 3), [68, undefined])
      assert.deepEqual(await forget('jobs'), [68, undefined, undefined])
      await emptyGroup()
      await broker.makeTopic('other')
      assert.deepEqual(await alter('jobs', 0, 3), [0, 0])
      assert.deepEqual(await alter('other', 0, 1), [0, 0])
      assert.deepEqual(await alter('jobs', 7, 3), [0, 3])
      assert.deepEqual(await alter('jobs', 0, -2), [0, invalidRequest])
      assert.deepEqual(await alter('nowhere', 0, 0), [0, 3])
      assert.deepEqual(
        (await offsetsOf(null)).map(([topic, index, start]) => [topic, index, start]),
        [
          ['jobs', 0, 3],
          ['jobs', 1, -1],
          ['other', 0, 1],
        ],
      )
      assert.deepEqual(await forget('jobs'), [0, 0, topicId])
      assert.deepEqual(await forget('nowhere'), [0, 3, uuidZero])
      assert.deepEqual(
        (await offsetsOf(null)).map(([topic, index, start]) => [topic, index, start]),
        [['other', 0, 1]],
      )
    })
  })
})
