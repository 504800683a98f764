import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { apis } from '@polylog/wire'
import { ruleOf, openAcls } from '../auth/acl.fixture.ts'
import type { AclRule } from '../image/acl.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { makeTestBatch } from './testing/test-batch.ts'
import { proveBroker } from './testing/prove-broker.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

const listen = { host: '127.0.0.1', port: 0 }
const notAuthorized = { topic: 29, group: 30, cluster: 31 }
const invalidRequest = 42
const securityDisabled = 54
const anyFilter = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}
const newRule = {
  resourceType: 2,
  resourceName: 'orders',
  resourcePatternType: 3,
  principal: 'User:alice',
  host: '*',
  operation: 3,
  permissionType: 3,
}
const [first, last] = apis[29].versions
const aclVersions = Array.from({ length: last - first + 1 }, (_, index) => first + index)

describe('access rules', () => {
  let acls: Awaited<ReturnType<typeof openAcls>>
  let broker: TestBroker
  let client: TestClient
  beforeEach(async () => {
    acls = await openAcls()
    const { authorizer, admin } = acls
    broker = await TestBroker.start({}, createNodeHost(), listen, () => ({ authorizer, acls: admin }))
    client = await broker.connect()
  })
  afterEach(async () => {
    await broker.stop()
    await acls.close()
    assert.deepEqual(broker.errors(), [])
  })

  /** Rules for clients that have not logged in, which those here are. */
  async function allow(...rules: Partial<AclRule>[]): Promise<void> {
    await acls.admin.create(rules.map((rule) => ruleOf({ principal: 'User:ANONYMOUS', ...rule })))
  }

  async function allowAdmin(): Promise<void> {
    await allow({ resourceType: 'cluster', resourceName: 'kafka-cluster', operation: 'alter' })
  }

  for (const version of aclVersions) {
    it(`are made, described and deleted in version ${version}`, async () => {
      await allowAdmin()
      const creations = [
        newRule,
        { ...newRule, resourcePatternType: 4, operation: 2, permissionType: 2, host: '192.0.2.1' },
        { ...newRule, resourceType: 6 },
        { ...newRule, resourceType: 1 },
        { ...newRule, resourcePatternType: 2 },
        { ...newRule, operation: 1 },
        { ...newRule, operation: 99 },
        { ...newRule, permissionType: 1 },
        { ...newRule, principal: 'alice' },
        { ...newRule, resourceName: '' },
        newRule,
      ]
      const made = await client.call(apis[30], version, { creations })
      assert.deepEqual(
        made.results.map(({ errorCode }) => errorCode),
        [0, 0, ...Array.from({ length: 8 }, () => invalidRequest), 0],
      )
      const described = await client.call(apis[29], version, { ...anyFilter, principalFilter: 'User:alice' })
      const entry = { principal: 'User:alice', host: '*', operation: 3, permissionType: 3 }
      const prefixed = { principal: 'User:alice', host: '192.0.2.1', operation: 2, permissionType: 2 }
      assert.deepEqual(described.resources, [
        { resourceType: 2, resourceName: 'orders', patternType: 3, acls: [entry] },
        { resourceType: 2, resourceName: 'orders', patternType: 4, acls: [prefixed] },
      ])
      const matching = { ...anyFilter, resourceTypeFilter: 2, resourceNameFilter: 'orders.eu', patternTypeFilter: 2 }
      const tokens = { ...anyFilter, resourceTypeFilter: 6 }
      const unknown = { ...anyFilter, operation: 77 }
      const { filterResults } = await client.call(apis[31], version, { filters: [matching, tokens, unknown] })
      assert.deepEqual(
        filterResults.map(({ errorCode, matchingAcls }) => [errorCode, matchingAcls.length]),
        [
          [0, 1],
          [0, 0],
          [invalidRequest, 0],
        ],
      )
      const { errorMessage: _none, ...gone } = filterResults[0]!.matchingAcls[0]!
      assert.deepEqual(gone, { errorCode: 0, resourceType: 2, resourceName: 'orders', patternType: 4, ...prefixed })
      assert.equal((await client.call(apis[29], version, tokens)).resources.length, 0)
      assert.equal((await client.call(apis[29], version, unknown)).errorCode, invalidRequest)
    })
  }

  it('say what failed in the store', async () => {
    await allowAdmin()
    await acls.store.close()
    const made = await client.call(apis[30], last, { creations: [newRule] })
    assert.notEqual(made.results[0]!.errorCode, 0)
    const { filterResults } = await client.call(apis[31], last, { filters: [anyFilter] })
    assert.notEqual(filterResults[0]!.errorCode, 0)
  })

  it('are asked again when a fetch has waited', async () => {
    await allow({ operation: 'read' }, { operation: 'write' })
    const partition = await broker.makeTopic('orders')
    const fetching = client.call(apis[1], 12, {
      maxWaitMs: 60_000,
      minBytes: 1,
      maxBytes: 1000,
      topics: [{ topic: 'orders', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
    })
    await until(() => partition.listenerCount > 0)
    await acls.admin.delete([{ operation: 'read' }])
    const producer = await broker.connect()
    const partitionData = [{ index: 0, records: makeTestBatch() }]
    const stored = await producer.call(apis[0], 12, {
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: 'orders', partitionData }],
    })
    assert.equal(stored.responses[0]!.partitionResponses[0]!.errorCode, 0)
    const answer = (await fetching).responses[0]!.partitions[0]!
    assert.deepEqual([answer.errorCode, answer.records?.length ?? 0], [notAuthorized.topic, 0])
  })

  it('are asked again when a join has waited', async () => {
    await allow({ resourceType: 'group', resourceName: 'billing' })
    const times = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000 }
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
    const request = { groupId: 'billing', ...times, memberId: '', protocolType: 'consumer', protocols }
    const first = await client.call(apis[11], 3, request)
    const other = await broker.connect()
    const joining = other.call(apis[11], 3, request)
    await until(() => broker.groups.describe(['billing'])[0]!.members.length === 2)
    await acls.admin.delete([{ resourceType: 'group' }])
    // The member that was there joins again, by a way that asks nobody: the rebalance is over.
    const again = { ...request, instanceId: null, clientId: '', clientHost: '', reason: null }
    const flags = { memberIdRequired: false, skipAssignmentSupported: false }
    const joined = await broker.groups.join({ ...again, ...flags, memberId: first.memberId })
    assert.equal(joined.members.length, 2)
    assert.equal((await joining).errorCode, notAuthorized.group)
  })

  it('that keep a producer without answers out close its connection', async () => {
    await broker.makeTopic('orders')
    const topicData = [{ name: 'orders', partitionData: [{ index: 0, records: makeTestBatch() }] }]
    client.post(apis[0], 9, { acks: 0, timeoutMs: 1000, topicData })
    await client.closedByBroker
    assert.equal(broker.topics.partition('orders', 0)!.logEndOffset, 0)
  })

  it('are told as what a client may do (KIP-430)', async () => {
    await broker.makeTopic('orders')
    await allow(
      {},
      { operation: 'alter-configs' },
      { resourceType: 'group', resourceName: 'bill', patternType: 'prefixed', operation: 'delete' },
    )
    const asked = {
      topics: [{ name: 'orders' }],
      includeTopicAuthorizedOperations: true,
      includeClusterAuthorizedOperations: true,
    }
    const answer = await client.call(apis[3], 8, asked)
    // Read, describe, describe-configs, alter-configs.
    assert.equal(answer.topics[0]!.topicAuthorizedOperations, (1 << 3) | (1 << 8) | (1 << 10) | (1 << 11))
    assert.equal(answer.clusterAuthorizedOperations, 0)
    await allowAdmin()
    const { clusterAuthorizedOperations: told } = await client.call(apis[60], 1, {
      includeClusterAuthorizedOperations: true,
    })
    assert.equal(told, (1 << 7) | (1 << 8))
    const groups = ['billing']
    const described = await client.call(apis[15], 5, { groups, includeAuthorizedOperations: true })
    assert.equal(described.groups[0]!.authorizedOperations, (1 << 6) | (1 << 8))
  })

  it('let a broker do what brokers do, and nothing else', async () => {
    await broker.makeTopic('orders')
    await proveBroker(client, { brokerId: 2, brokerEpoch: 7 })
    const topics = [{ topic: 'orders', partitions: [{ partition: 0, leaderEpoch: 0 }] }]
    const epochs = await client.call(apis[23], 4, { topics })
    assert.equal(epochs.topics[0]!.partitions[0]!.errorCode, 0)
    const named = await client.call(apis[3], 9, { topics: [{ name: 'orders' }] })
    assert.equal(named.topics[0]!.errorCode, notAuthorized.topic)
    const deleted = await client.call(apis[43], 2, { topicPartitions: null, timeoutMs: 1000 })
    assert.equal(deleted.errorCode, notAuthorized.cluster)
  })

  it('do not tell whether there is a topic, however it is asked for', async () => {
    const { topicId } = await broker.makeTopic('orders')
    const [known, unknown] = await Promise.all(
      ['orders', 'nothing'].map(async (name) => {
        const [topic] = (await client.call(apis[3], 12, { topics: [{ name }], allowAutoTopicCreation: true })).topics
        const offsets = { topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }
        const [asked] = (await client.call(apis[2], 5, offsets)).topics
        const [deleted] = (await client.call(apis[20], 6, { topics: [{ name }], timeoutMs: 1000 })).responses
        return JSON.stringify([topic, asked, deleted]).replaceAll(name, 'NAME')
      }),
    )
    assert.equal(known, unknown)
    const byId = await client.call(apis[20], 6, { topics: [{ name: null, topicId }], timeoutMs: 1000 })
    assert.deepEqual([byId.responses[0]!.name, byId.responses[0]!.errorCode], [null, notAuthorized.topic])
    assert.equal(broker.topics.find('nothing'), undefined)
  })
})

describe('without an authorizer', () => {
  it('everybody may do everything, and access rules are refused', async () => {
    const broker = await TestBroker.start()
    const client = await broker.connect()
    assert.equal((await client.call(apis[29], last, anyFilter)).errorCode, securityDisabled)
    const made = await client.call(apis[30], last, { creations: [newRule] })
    assert.equal(made.results[0]!.errorCode, securityDisabled)
    const deleted = await client.call(apis[31], last, { filters: [anyFilter] })
    assert.equal(deleted.filterResults[0]!.errorCode, securityDisabled)
    await broker.stop()
  })
})
