import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis, errorCodes } from '@polylog/wire'
import { TestBroker } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

const groupId = 'workers'
const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'
const groupResource = 32
const set = 0

let broker: TestBroker
let client: TestClient

describe('what brokers ask each other about queues', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
  })
  afterEach(async () => {
    await broker.stop()
    assert.deepEqual(broker.errors(), [])
  })

  function about<Partition>(...partitions: Partition[]) {
    return { groupId, topics: [{ topicId, partitions }] }
  }

  /** Of the one topic that was asked about. */
  function outcomes<Outcome>({ results }: { results: { topicId: string; partitions: Outcome[] }[] }): Outcome[] {
    assert.deepEqual(
      results.map((result) => result.topicId),
      [topicId],
    )
    return results[0]!.partitions
  }

  test('progress is begun, claimed, changed, outlined and forgotten', async () => {
    const begun = await client.call(apis[83], 0, about({ partition: 2, stateEpoch: 4, startOffset: 10 }))
    assert.deepEqual(outcomes(begun), [{ partition: 2, errorCode: 0, errorMessage: null }])
    const stateBatches = [
      { firstOffset: 12, lastOffset: 13, deliveryState: 2, deliveryCount: 1 },
      { firstOffset: 15, lastOffset: 15, deliveryState: 0, deliveryCount: 3 },
    ]
    const write = {
      partition: 2,
      stateEpoch: 4,
      leaderEpoch: 1,
      startOffset: 11,
      deliveryCompleteCount: 2,
      stateBatches,
    }
    assert.equal(outcomes(await client.call(apis[85], 1, about(write)))[0]!.errorCode, 0)
    const outline = outcomes(await client.call(apis[87], 1, about({ partition: 2, leaderEpoch: 1 })))[0]!
    assert.deepEqual(outline, {
      partition: 2,
      errorCode: 0,
      errorMessage: null,
      stateEpoch: 4,
      leaderEpoch: 1,
      startOffset: 11,
      deliveryCompleteCount: 2,
    })
    const [read] = outcomes(await client.call(apis[84], 0, about({ partition: 2, leaderEpoch: 2 })))
    assert.deepEqual([read!.stateEpoch, read!.startOffset, read!.stateBatches], [4, 11, stateBatches])
    assert.equal(outcomes(await client.call(apis[86], 0, about({ partition: 2 })))[0]!.errorCode, 0)
    const [gone] = outcomes(await client.call(apis[87], 0, about({ partition: 2, leaderEpoch: 2 })))
    assert.equal(gone!.errorCode, errorCodes.GROUP_ID_NOT_FOUND.code)
  })

  test('each share partition has its own outcome', async () => {
    await client.call(apis[83], 0, about({ partition: 0, stateEpoch: 1, startOffset: 0 }))
    await client.call(apis[84], 0, about({ partition: 0, leaderEpoch: 7 }))
    const fine = { stateEpoch: 1, leaderEpoch: 7, startOffset: 0, stateBatches: [] }
    const wrong = [
      { ...fine, partition: 0 },
      { ...fine, partition: 0, stateEpoch: 0 },
      { ...fine, partition: 0, leaderEpoch: 6 },
      { ...fine, partition: 1 },
      { ...fine, partition: 0, stateBatches: [{ firstOffset: 3, lastOffset: 2, deliveryState: 2, deliveryCount: 1 }] },
      { ...fine, partition: 0, stateBatches: [{ firstOffset: 3, lastOffset: 3, deliveryState: 9, deliveryCount: 1 }] },
    ]
    const { NONE, FENCED_STATE_EPOCH, FENCED_LEADER_EPOCH, GROUP_ID_NOT_FOUND, INVALID_REQUEST } = errorCodes
    const expected = [
      NONE,
      FENCED_STATE_EPOCH,
      FENCED_LEADER_EPOCH,
      GROUP_ID_NOT_FOUND,
      INVALID_REQUEST,
      INVALID_REQUEST,
    ]
    const answered = outcomes(await client.call(apis[85], 1, about(...wrong)))
    assert.deepEqual(
      answered.map(({ errorCode }) => errorCode),
      expected.map(({ code }) => code),
    )
  })

  async function alter(name: string, value: string, resourceName = groupId) {
    const configs = [{ name, configOperation: set, value }]
    const resources = [{ resourceType: groupResource, resourceName, configs }]
    const { responses } = await client.call(apis[44], 1, { resources, validateOnly: false })
    return responses[0]!
  }

  async function shown(name: string) {
    const resources = [{ resourceType: groupResource, resourceName: groupId, configurationKeys: [name] }]
    const { results } = await client.call(apis[32], 4, { resources, includeSynonyms: true })
    return results[0]!.configs[0]!
  }

  test('a group has settings, which need no group', async () => {
    const name = 'share.record.lock.duration.ms'
    const before = await shown(name)
    assert.deepEqual([before.value, before.configSource, before.readOnly], ['30000', 5, false])
    assert.equal((await alter(name, '60000')).errorCode, 0)
    const after = await shown(name)
    assert.deepEqual([after.value, after.configSource], ['60000', 8])
    assert.deepEqual(
      after.synonyms.map(({ value, source }) => [value, source]),
      [
        ['60000', 8],
        ['30000', 5],
      ],
    )
    const configs = [{ name: 'polylog.retry.backoff.ms', value: '5' }]
    const resources = [{ resourceType: groupResource, resourceName: groupId, configs }]
    const { responses } = await client.call(apis[33], 2, { resources, validateOnly: false })
    assert.equal(responses[0]!.errorCode, 0)
    assert.equal((await shown(name)).value, '30000')
    assert.equal((await shown('polylog.retry.backoff.ms')).value, '5')
  })

  test('an unknown setting of a group is refused, with a hint', async () => {
    const { errorCode, errorMessage } = await alter('share.record.lock.duration', '60000')
    assert.equal(errorCode, errorCodes.INVALID_CONFIG.code)
    assert.match(errorMessage!, /share\.record\.lock\.duration\.ms/)
    assert.equal((await alter('share.isolation.level', 'none')).errorCode, errorCodes.INVALID_CONFIG.code)
    assert.equal(
      (await alter('share.isolation.level', 'read_committed', '')).errorCode,
      errorCodes.INVALID_GROUP_ID.code,
    )
  })
})
