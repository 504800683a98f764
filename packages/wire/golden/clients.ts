import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Admin, Consumer, Producer } from '@platformatic/kafka'
import kafkajs from 'kafkajs'

/** Each function drives one client through as many APIs as it has, against a recorder on `port`. */

const topic = 'golden'
const groupId = 'golden-group'
const clientId = 'golden-client'

export async function driveKafkajs(port: number): Promise<void> {
  const kafka = new kafkajs.Kafka({ clientId, brokers: [`127.0.0.1:${port}`], logLevel: kafkajs.logLevel.ERROR })
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  await producer.send({ topic, messages: [{ key: 'k', value: 'v', headers: { h: 'x' } }] })
  await producer.disconnect()

  const consumer = kafka.consumer({ groupId, heartbeatInterval: 100, rackId: 'rack-1', maxWaitTimeInMs: 100 })
  const heartbeat = new Promise((resolve) => consumer.on('consumer.heartbeat', resolve))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async () => {} })
  await heartbeat
  await consumer.commitOffsets([{ topic, partition: 0, offset: '5', metadata: 'note' }])
  await consumer.disconnect()

  const admin = kafka.admin()
  await admin.connect()
  const assignment = [{ partition: 0, replicas: [1] }]
  await admin.createTopics({
    topics: [{ topic, numPartitions: 1, configEntries: [{ name: 'retention.ms', value: '1000' }] }],
  })
  await admin.createPartitions({ topicPartitions: [{ topic, count: 2, assignments: [[1]] }] })
  await admin.fetchOffsets({ groupId, topics: [topic] })
  await admin.fetchTopicOffsets(topic)
  await admin.describeGroups([groupId])
  await admin.listGroups()
  await admin.deleteGroups([groupId])
  await admin.describeConfigs({
    includeSynonyms: true,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }],
  })
  await admin.alterConfigs({
    validateOnly: true,
    resources: [
      { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'retention.ms', value: '1' }] },
    ],
  })
  await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: assignment }] })
  await admin.listPartitionReassignments({ topics: [{ topic, partitions: [0] }] })
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '0' }] })
  await admin.deleteTopics({ topics: [topic] })
  const acl = {
    resourceType: kafkajs.AclResourceTypes.TOPIC,
    resourceName: topic,
    resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
    principal: 'User:golden',
    host: '*',
    operation: kafkajs.AclOperationTypes.READ,
    permissionType: kafkajs.AclPermissionTypes.ALLOW,
  }
  await admin.createAcls({ acl: [acl] })
  await admin.describeAcls(acl)
  await admin.deleteAcls({ filters: [acl] })
  await admin.disconnect()
}

export async function drivePlatformatic(port: number): Promise<void> {
  await produceAndConsume(port)
  await joinWithServerAssignment(port)
  await administer(port)
}

/** Before flexible versions some of its calls do not exist. */
export async function drivePlatformaticOld(port: number): Promise<void> {
  await produceAndConsume(port)
}

async function produceAndConsume(port: number): Promise<void> {
  const base = { clientId, bootstrapBrokers: [`127.0.0.1:${port}`], retries: 0 }
  const producer = new Producer({ ...base, idempotent: true })
  await producer.send({ messages: [{ topic, key: Buffer.from('k'), value: Buffer.from('v') }] })
  await producer.close()

  const consumer = new Consumer({ ...base, groupId, heartbeatInterval: 100, sessionTimeout: 10_000, maxWaitTime: 100 })
  const heartbeat = once(consumer, 'consumer:heartbeat:end')
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
  const fetched = once(stream, 'fetch')
  stream.resume()
  await Promise.all([heartbeat, fetched])
  await consumer.commit({ offsets: [{ topic, partition: 0, offset: 5n, leaderEpoch: 0 }] })
  await consumer.listCommittedOffsets({ topics: [{ topic, partitions: [0] }] })
  await stream.close()
  await consumer.close(true)
}

/** The consumer of KIP-848. */
async function joinWithServerAssignment(port: number): Promise<void> {
  const consumer = new Consumer({
    clientId,
    bootstrapBrokers: [`127.0.0.1:${port}`],
    retries: 0,
    groupId,
    groupProtocol: 'consumer',
    groupRemoteAssignor: 'uniform',
    maxWaitTime: 100,
  })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
  const fetched = once(stream, 'fetch')
  stream.resume()
  await fetched
  await stream.close()
  await consumer.close(true)
}

async function administer(port: number): Promise<void> {
  const admin = new Admin({ clientId, bootstrapBrokers: [`127.0.0.1:${port}`], retries: 0 })
  const acl = {
    resourceType: 2,
    resourceName: topic,
    resourcePatternType: 3,
    principal: 'User:golden',
    host: '*',
    operation: 3,
    permissionType: 3,
  } as const
  const filter = {
    resourceType: 2,
    resourceName: topic,
    resourcePatternType: 3,
    principal: 'User:golden',
    host: '*',
    operation: 3,
    permissionType: 3,
  } as const
  await admin.createTopics({
    topics: [topic],
    partitions: 1,
    replicas: 1,
    configs: [{ name: 'retention.ms', value: '1' }],
  })
  await admin.createPartitions({ topics: [{ name: topic, count: 2, assignments: [{ brokerIds: [1] }] }] })
  await admin.listGroups()
  await admin.describeGroups({ groups: [groupId], includeAuthorizedOperations: true })
  await admin.listConsumerGroupOffsets({ groups: [groupId] })
  await admin.deleteConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionIndexes: [0] }] })
  await admin.deleteGroups({ groups: [groupId] })
  await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0] }] })
  await admin.describeConfigs({ resources: [{ resourceType: 2, resourceName: topic }], includeSynonyms: true })
  await admin.alterConfigs({
    resources: [{ resourceType: 2, resourceName: topic, configs: [{ name: 'retention.ms', value: '1' }] }],
  })
  await admin.incrementalAlterConfigs({
    resources: [
      { resourceType: 2, resourceName: topic, configs: [{ name: 'retention.ms', configOperation: 0, value: '1' }] },
    ],
  })
  await admin.listOffsets({ topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1n }] }] })
  await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 0n }] }] })
  await admin.createAcls({ creations: [acl] })
  await admin.describeAcls({ filter })
  await admin.deleteAcls({ filters: [filter] })
  await admin.deleteTopics({ topics: [topic] })
  await admin.close()
}

/** Through kcat, the command of librdkafka. */
export async function driveKcat(port: number): Promise<void> {
  const broker = ['-b', `127.0.0.1:${port}`, '-X', `client.id=${clientId}`]
  await run('kcat', [...broker, '-L', '-J'])
  await run('kcat', [...broker, '-P', '-t', topic, '-p', '0', '-k', 'k', '-X', 'enable.idempotence=true'], 'v\n')
  await run('kcat', [...broker, '-Q', '-t', `${topic}:0:-1`])
  await run('kcat', [...broker, '-C', '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-X', 'fetch.wait.max.ms=100'])
  await run('kcat', [...broker, '-G', groupId, '-X', 'heartbeat.interval.ms=100', '-e', topic])
}

async function run(command: string, options: string[], input = ''): Promise<void> {
  const child = spawn(command, options, { stdio: ['pipe', 'ignore', 'inherit'], timeout: 15_000 })
  child.stdin.end(input)
  await once(child, 'exit')
}
