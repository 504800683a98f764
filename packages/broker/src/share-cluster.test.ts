import { deepEqual, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apis } from '@polylog/wire'
import { Cluster, RecordProducer } from '@polylog/client/admin'
import { InProcessCluster } from './cluster.fixture.ts'
import { createNodeHost } from './host/node/node-host.ts'
import { TestClient } from './kafka/testing/test-client.ts'
import { ShareWorker } from './kafka/testing/share-worker.ts'

const topic = {
  name: 'jobs',
  partitionCount: 2,
  replicationFactor: 3,
  configs: new Map([['min.insync.replicas', '2']]),
}
const group = 'workers'
/** Number of ConfigResource.Type. */
const groupResource = 32
const internalTopics = ['__consumer_offsets', '__share_group_state']

/** Three brokers, a topic, and a group that begins at the start of it. */
async function started(): Promise<InProcessCluster> {
  const cluster = await InProcessCluster.open(3, { sessionTimeoutMs: 3000 })
  await cluster.start()
  await cluster.member(1).broker.topics.create(topic)
  await isWhole(cluster)
  const client = await TestClient.connect(createNodeHost(), cluster.member(1).broker.kafka)
  const configs = [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }]
  const { responses } = await client.call(apis[44], 1, {
    resources: [{ resourceType: groupResource, resourceName: group, configs }],
  })
  client.close()
  deepEqual(
    responses.map(({ errorCode }) => errorCode),
    [0],
  )
  return cluster
}

/** Resolves when every partition, of those topics that there are, has all its replicas. */
function isWhole(cluster: InProcessCluster): Promise<void> {
  const topics = () => ['jobs', ...internalTopics].flatMap((name) => cluster.someone.broker.topics.find(name) ?? [])
  const isInSync = () =>
    topics().every(({ partitions }) => partitions.every(({ inSyncReplicas }) => inSyncReplicas.length === 3))
  return cluster.until('all are in sync', isInSync)
}

function leaderOf(cluster: InProcessCluster, name: string, index: number): number {
  return cluster.someone.broker.topics.find(name)!.partitions[index]!.leader
}

/** Messages by partition and offset, as they lie in the logs. */
function places(cluster: InProcessCluster): string[] {
  return [0, 1].flatMap((index) => {
    const log = cluster.member(leaderOf(cluster, topic.name, index)).broker.topics.partition(topic.name, index)!
    return Array.from({ length: log.highWatermark }, (_, offset) => `${index}/${offset}`)
  })
}

describe('a share group on three brokers', () => {
  it('settles every message once, whichever broker dies', { timeout: 120_000 }, async () => {
    await using cluster = await started()
    await using clients = new Cluster({ brokers: cluster.addresses, requestTimeoutMs: 3000 })
    const producer = new RecordProducer(clients)
    let sentCount = 0
    const produce = async (count: number) => {
      for (let i = 0; i < count; i++) await producer.send(topic.name, [{ key: `k${sentCount++}`, value: 'job' }])
    }
    const workers = ['ann', 'bob'].map((id) => new ShareWorker(cluster, group, id, topic.name))
    const running = workers.map((worker) => worker.run())
    const confirmed = () => new Set(workers.flatMap((worker) => [...worker.confirmed]))
    const caughtUp = () => cluster.until('all messages are settled', () => confirmed().size >= sentCount, 40_000)
    await cluster.until('both have joined', () => workers.every(({ partitions }) => partitions.length > 0))
    await produce(20)
    await caughtUp()
    // One that hangs keeps nothing from the other, whichever partition it lies in.
    workers[0]!.isHung = true
    await produce(20)
    await caughtUp()
    workers[0]!.isHung = false
    const coordinated = cluster.someone.broker.groups.partitionFor(group)
    for (const find of [
      () => leaderOf(cluster, topic.name, 0),
      () => leaderOf(cluster, '__consumer_offsets', coordinated),
      () => leaderOf(cluster, topic.name, 1),
    ]) {
      const victim = cluster.member(find())
      await victim.kill()
      await produce(20)
      await caughtUp()
      await victim.start()
      await isWhole(cluster)
    }
    for (const worker of workers) worker.stop()
    await Promise.all(running)
    deepEqual([...confirmed()].toSorted(), places(cluster).toSorted())
    deepEqual(
      workers.flatMap(({ faults }) => faults),
      [],
    )
    ok(sentCount === 100)
  })
})
