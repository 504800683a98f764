/** Access rules as users of a real client meet them: kafkajs makes them, is held to them, and is told so. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import kafkajs from 'kafkajs'
import type { Admin, Kafka as KafkaClient } from 'kafkajs'
import { passwordAuthenticator, startBroker } from 'polylog'
import type { Broker } from 'polylog'

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } = kafkajs

const anyRule = {
  resourceType: AclResourceTypes.ANY,
  resourcePatternType: ResourcePatternTypes.ANY,
  operation: AclOperationTypes.ANY,
  permissionType: AclPermissionTypes.ANY,
}

describe('kafkajs and access rules', () => {
  let broker: Broker
  let admin: Admin

  function clientOf(username: string): KafkaClient {
    return new Kafka({
      brokers: [`${broker.kafka.host}:${broker.kafka.port}`],
      clientId: username,
      logLevel: logLevel.NOTHING,
      sasl: { mechanism: 'plain', username, password: `${username}'s secret` },
      retry: { initialRetryTime: 20, retries: 5 },
    })
  }

  before(async () => {
    broker = await startBroker({
      authenticator: passwordAuthenticator((name, password) => password === `${name}'s secret`),
      authorizerKind: 'acl',
      superUsers: 'User:admin',
      autoCreateTopics: false,
      offsetsPartitionCount: 1,
    })
    admin = clientOf('admin').admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 1 }, { topic: 'secrets' }] })
  })
  after(async () => {
    await admin.disconnect()
    await broker.stop()
  })

  function rule(operation: kafkajs.AclOperationTypes, resourceName = 'orders') {
    return {
      resourceType: AclResourceTypes.TOPIC,
      resourceName,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      principal: 'User:alice',
      host: '*',
      operation,
      permissionType: AclPermissionTypes.ALLOW,
    }
  }

  it('makes, describes and deletes them as a super user', async () => {
    assert.equal(await admin.createAcls({ acl: [rule(AclOperationTypes.READ), rule(AclOperationTypes.ALTER)] }), true)
    const { resources } = await admin.describeAcls({ ...anyRule, principal: 'User:alice' })
    assert.deepEqual(
      resources.map(({ resourceName, acls }) => [
        resourceName,
        acls.map(({ operation }) => operation).toSorted((a, b) => a - b),
      ]),
      [['orders', [AclOperationTypes.READ, AclOperationTypes.ALTER]]],
    )
    const { filterResponses } = await admin.deleteAcls({ filters: [{ ...anyRule, principal: 'User:alice' }] })
    assert.equal(filterResponses[0]!.matchingAcls.length, 2)
    assert.deepEqual((await admin.describeAcls(anyRule)).resources, [])
  })

  it('is refused that and all else as somebody without rights', async () => {
    const alice = clientOf('alice').admin()
    await alice.connect()
    const refused = { type: 'CLUSTER_AUTHORIZATION_FAILED' }
    await assert.rejects(alice.createAcls({ acl: [rule(AclOperationTypes.READ)] }), refused)
    await assert.rejects(alice.describeAcls(anyRule), refused)
    await assert.rejects(alice.deleteAcls({ filters: [anyRule] }), refused)
    await assert.rejects(alice.fetchTopicMetadata({ topics: ['orders'] }), { type: 'TOPIC_AUTHORIZATION_FAILED' })
    await assert.rejects(alice.fetchOffsets({ groupId: 'billing', topics: ['orders'] }))
    assert.deepEqual(await alice.listTopics(), [])
    assert.deepEqual((await alice.listGroups()).groups, [])
    await alice.disconnect()
  })

  it('produces and consumes what it is allowed, and loses it with the rule', async () => {
    const group = { resourceType: AclResourceTypes.GROUP, resourceName: 'bill' }
    const prefixed = { ...rule(AclOperationTypes.READ), ...group, resourcePatternType: ResourcePatternTypes.PREFIXED }
    await admin.createAcls({ acl: [rule(AclOperationTypes.READ), rule(AclOperationTypes.WRITE), prefixed] })
    const kafka = clientOf('alice')
    const producer = kafka.producer({ idempotent: true, allowAutoTopicCreation: false })
    await producer.connect()
    await producer.send({ topic: 'orders', messages: [{ value: 'first' }] })
    await assert.rejects(producer.send({ topic: 'secrets', messages: [{ value: 'x' }] }), {
      message: /not authorized/i,
    })
    const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 })
    const crash = new Promise<Error>((resolve) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error))
    })
    await consumer.connect()
    await consumer.subscribe({ topic: 'orders', fromBeginning: true })
    const received = Promise.withResolvers<string>()
    await consumer.run({ eachMessage: async ({ message }) => received.resolve(String(message.value)) })
    assert.equal(await received.promise, 'first')
    const topicRead = { ...anyRule, resourceType: AclResourceTypes.TOPIC, operation: AclOperationTypes.READ }
    await admin.deleteAcls({ filters: [topicRead] })
    assert.match((await crash).message, /not authorized/i)
    await consumer.disconnect()
    await producer.disconnect()
  })
})
