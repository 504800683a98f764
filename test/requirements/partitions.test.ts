/** Kafka's way to spread a topic: partitions over brokers, replicas of each over different ones. */
import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { addPartitions, ClientError, createTopic } from '@polylog/client/admin'
import { requirement } from './requirement.ts'
import { fetchFrom, produceTo } from './world/raw.ts'
import { RealCluster } from './world/real-cluster.ts'
import { numbered, read, readAll, send } from './world/records.ts'

const topic = 'events'

/** How often each broker occurs. */
function counts(ids: readonly number[], brokers: readonly number[]): number[] {
  return brokers.map((broker) => ids.filter((id) => id === broker).length)
}

function spread(numbers: readonly number[]): number {
  return Math.max(...numbers) - Math.min(...numbers)
}

requirement('K1', async () => {
  await using cluster = await RealCluster.start(3)
  const { brokers } = await cluster.client(cluster.node(2).address).describe()
  equal(brokers.length, 3)
  // Each one answers for itself, at the address that any of them tells.
  for (const { id, host, port } of brokers) {
    equal(cluster.node(id).address, `${host}:${port}`)
    const alone = cluster.client(`${host}:${port}`)
    equal((await alone.describe([])).brokers.length, 3)
    const page = JSON.parse(await cluster.node(id).http('/api/cluster')) as { answeredBy: { brokerId: number } }
    equal(page.answeredBy.brokerId, id)
  }
})

requirement('K2', async () => {
  await using cluster = await RealCluster.start(3)
  await cluster.createTopic({ name: topic, partitionCount: 6, replicationFactor: 1 })
  const client = cluster.client()
  const indexes = [0, 1, 2, 3, 4, 5]
  for (const partition of indexes) await send(client, { topic, partition }, numbered(`of-${partition}`, 10))
  deepEqual(
    counts(
      indexes.map((index) => cluster.partition(topic, index).leader),
      [1, 2, 3],
    ),
    [2, 2, 2],
  )
  for (const index of indexes) {
    const { leader } = cluster.partition(topic, index)
    for (const node of cluster.nodes) equal(node.holds(`of-${index}#0009`), node.id === leader, `broker ${node.id}`)
  }
  const parts = await Promise.all(indexes.map((partition) => readAll(client, { topic, partition })))
  deepEqual(
    parts.flat(),
    indexes.flatMap((index) => numbered(`of-${index}`, 10)),
  )
})

requirement('K3', async () => {
  await using cluster = await RealCluster.start(3)
  await cluster.createTopic({ name: topic, partitionCount: 3, replicationFactor: 1 })
  const client = cluster.client()
  for (const partition of [0, 1, 2]) await send(client, { topic, partition }, ['before'])
  const lost = cluster.leader(topic, 0)
  await lost.kill()
  await cluster.until('it is known to be down', () =>
    cluster.up.every(({ broker }) => !broker.image.brokers.has(lost.id)),
  )
  const after = cluster.client()
  equal((await after.describe([topic])).topics[0]!.partitions[0]!.leader, -1)
  for (const { id } of cluster.up) {
    notEqual((await produceTo(after, id, { topic }, ['no'])).error, '')
    notEqual((await fetchFrom(after, id, { topic })).error, '')
  }
  for (const partition of [1, 2]) {
    await send(after, { topic, partition }, ['after'])
    deepEqual(await read(after, { topic, partition }, 2), ['before', 'after'])
  }
})

requirement('K4', async () => {
  await using cluster = await RealCluster.start(3)
  for (const factor of [1, 2, 3]) {
    const name = `factor-${factor}`
    await cluster.createTopic({ name, partitionCount: 4, replicationFactor: factor })
    const { topics } = await cluster.client().describe([name])
    for (const { replicas } of topics[0]!.partitions) {
      equal(replicas.length, factor)
      equal(new Set(replicas).size, factor)
    }
  }
  const tooMany = createTopic(cluster.client(), { name: 'factor-4', partitionCount: 1, replicationFactor: 4 })
  await rejects(tooMany, (error) => error instanceof ClientError && error.errorName === 'INVALID_REPLICATION_FACTOR')
  equal((await cluster.client().describe(['factor-4'])).topics.length, 0)
})

requirement('K5', async () => {
  await using cluster = await RealCluster.start(4)
  const brokers = [1, 2, 3, 4]
  const topics = ['seven', 'five', 'two']
  await cluster.createTopic({ name: 'seven', partitionCount: 7, replicationFactor: 2 })
  await cluster.createTopic({ name: 'five', partitionCount: 5, replicationFactor: 3 })
  await cluster.createTopic({ name: 'two', partitionCount: 2, replicationFactor: 1 })
  for (const name of topics) {
    const partitions = cluster.partitionsOf(name)
    const leaders = counts(
      partitions.map(({ leader }) => leader),
      brokers,
    )
    ok(spread(leaders) <= 1, `leaders of ${name} per broker: ${leaders.join()}`)
  }
  const replicas = counts(
    topics.flatMap((name) => cluster.partitionsOf(name).flatMap((partition) => partition.replicas)),
    brokers,
  )
  ok(spread(replicas) <= 1, `replicas per broker: ${replicas.join()}`)
})

requirement('K10', async () => {
  await using cluster = await RealCluster.start(2)
  await cluster.createTopic({ name: topic, partitionCount: 2, replicationFactor: 1 })
  const fill = async (partitions: readonly number[], round: string): Promise<void> => {
    for (const partition of partitions) await send(cluster.client(), { topic, partition }, numbered(round, 100))
  }
  const shares = (): number[] => {
    const sizes = cluster.nodes.map(({ broker }) => {
      const logs = [...broker.replicas.replicas()].filter(({ topicName }) => topicName === topic)
      return logs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    })
    const total = sizes.reduce((sum, size) => sum + size, 0)
    return sizes.map((size) => size / total)
  }
  await fill([0, 1], 'first')
  deepEqual(shares(), [0.5, 0.5])
  await Promise.all([cluster.addNode().start(), cluster.addNode().start()])
  await cluster.until('the newcomers are known', () =>
    cluster.up.every(({ broker }) => broker.image.brokers.size === 4),
  )
  await addPartitions(cluster.client(), topic, 4)
  await cluster.inSync(topic)
  await fill([2, 3], 'first')
  await cluster.until('each broker leads a part', () => {
    return new Set(cluster.partitionsOf(topic).map(({ leader }) => leader)).size === 4
  })
  await cluster.inSync(topic)
  // Unlike with a mirror everywhere (R19), everybody now holds half of what two brokers held.
  await cluster.until('the parts are where they belong', () => shares().every((share) => Math.abs(share - 0.25) < 0.01))
  for (const partition of [0, 1, 2, 3]) {
    deepEqual(await read(cluster.client(), { topic, partition }, 100), numbered('first', 100))
  }
})
