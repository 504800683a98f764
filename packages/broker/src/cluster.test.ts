import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cluster, commitOffsets, committedOffsets, Fetcher, RecordProducer } from '@polylog/client/admin'
import { apis } from '@polylog/wire'
import { InProcessCluster } from './cluster.fixture.ts'
import type { ClusterMember } from './cluster.fixture.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import type { PartitionState } from './topic/topics.ts'

const topic = {
  name: 'orders',
  partitionCount: 1,
  replicationFactor: 3,
  configs: new Map([['min.insync.replicas', '2']]),
}

async function consumed(brokers: string, count: number): Promise<string[]> {
  await using cluster = new Cluster({ brokers })
  const fetcher = new Fetcher(cluster, { waitMs: 100 })
  fetcher.seek({ topic: topic.name, partition: 0 }, 0)
  const values: string[] = []
  while (values.length < count) {
    for (const { value } of await fetcher.poll()) values.push(Buffer.from(value!).toString())
  }
  return values
}

function stateOf(cluster: InProcessCluster, name = topic.name): PartitionState {
  return cluster.someone.broker.topics.find(name)!.partitions[0]!
}

/** Produces to the one partition of the topic, one record after the other, and remembers what was acknowledged. */
class Load implements AsyncDisposable {
  readonly sent: string[] = []
  /** Longest time that a record took, in milliseconds. */
  longestMs = 0
  readonly #clients: Cluster
  readonly #producer: RecordProducer

  constructor(brokers: string) {
    this.#clients = new Cluster({ brokers, requestTimeoutMs: 3000 })
    this.#producer = new RecordProducer(this.#clients)
  }

  async send(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const value = `record ${this.sent.length}`
      const startMs = performance.now()
      await this.#producer.send(topic.name, [{ key: 'k', value }])
      this.longestMs = Math.max(this.longestMs, performance.now() - startMs)
      this.sent.push(value)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#clients.close()
  }
}

async function started(
  given: Partial<BrokerSettings> = {},
): Promise<{ cluster: InProcessCluster; leader: () => ClusterMember }> {
  const cluster = await InProcessCluster.open(3, given)
  await cluster.start()
  await cluster.member(1).broker.topics.create(topic)
  return { cluster, leader: () => cluster.member(stateOf(cluster).leader) }
}

// They wait for leases most of the time.
describe('three brokers on one metadata store', { concurrency: true }, () => {
  it('go on without the one that led, and take it back', async () => {
    const { cluster: opened, leader } = await started()
    await using cluster = opened
    await using load = new Load(cluster.addresses)
    equal(stateOf(cluster).replicas.length, 3)
    await load.send(20)
    const first = leader()
    await first.kill()
    await load.send(20)
    notEqual(leader(), first)
    deepEqual(await consumed(cluster.addresses, load.sent.length), load.sent)
    await first.start()
    await cluster.until('all are in sync again', () => stateOf(cluster).inSyncReplicas.length === 3)
    await load.send(20)
    deepEqual(await consumed(cluster.addresses, load.sent.length), load.sent)
  })

  it('tell the size of each replica, not only of the one that leads (DescribeLogDirs)', async () => {
    const { cluster: opened } = await started()
    await using cluster = opened
    await cluster.until('all are in sync', () => stateOf(cluster).inSyncReplicas.length === 3)
    await using load = new Load(cluster.addresses)
    await load.send(20)
    await using clients = new Cluster({ brokers: cluster.addresses })
    const topics = [{ topic: topic.name, partitions: [0] }]
    const ids = cluster.members.map(({ id }) => id)
    const answers = await Promise.all(ids.map((id) => clients.broker(id, apis[35], { topics })))
    const sizes = answers.map(({ results }) => results[0]?.topics[0]?.partitions[0]?.partitionSize)
    // What is acknowledged is on all that are in sync.
    ok(sizes[0]! > 0, `sizes ${sizes.join()}`)
    deepEqual(new Set(sizes), new Set([sizes[0]]))
  })

  it('hand over before they stop, so that producers hardly notice', async (context) => {
    const { cluster: opened, leader } = await started({ sessionTimeoutMs: 30_000 })
    await using cluster = opened
    await using load = new Load(cluster.addresses)
    await load.send(20)
    load.longestMs = 0
    for (let round = 0; round < 3; round++) {
      const first = leader()
      const sending = load.send(100)
      await first.stop()
      await sending
      notEqual(leader(), first)
      await first.start()
      await cluster.until('all are in sync again', () => stateOf(cluster).inSyncReplicas.length === 3)
    }
    deepEqual(await consumed(cluster.addresses, load.sent.length), load.sent)
    context.diagnostic(`longest gap ${load.longestMs.toFixed(0)} ms`)
    // Without a hand-over, a lease would have had to run out first.
    ok(load.longestMs < 10_000, `a record took ${load.longestMs} ms`)
  })

  it('keep what groups have committed when the coordinator is gone', async () => {
    const { cluster: opened } = await started()
    await using cluster = opened
    await using clients = new Cluster({ brokers: cluster.addresses, requestTimeoutMs: 3000 })
    const groups = () => cluster.someone.broker.topics.find('__consumer_offsets')!.partitions
    await cluster.until('the groups have replicas', () => groups().every((p) => p.inSyncReplicas.length === 3))
    const [group, position] = ['readers', { topic: topic.name, partition: 0 }]
    await commitOffsets(clients, group, [{ ...position, offset: 7 }])
    const index = cluster.someone.broker.groups.partitionFor(group)
    const first = groups()[index]!.leader
    await cluster.member(first).kill()
    await cluster.until('another coordinates', () => ![first, -1].includes(groups()[index]!.leader))
    const found = await committedOffsets(clients, group)
    deepEqual(
      found.map(({ offset }) => offset),
      [7],
    )
  })

  it('replace a leader whose disk has stalled', async (context) => {
    const { cluster: opened, leader } = await started()
    await using cluster = opened
    await using load = new Load(cluster.addresses)
    await load.send(20)
    const first = leader()
    first.life.stallDisk()
    const sending = load.send(1)
    await cluster.until('another leads', () => {
      const { leader: present } = cluster.members.find((m) => m !== first)!.broker.topics.find(topic.name)!
        .partitions[0]!
      return present !== first.id && present !== -1
    })
    await sending
    context.diagnostic(`replaced after ${load.longestMs.toFixed(0)} ms`)
    await first.kill()
    await load.send(20)
    deepEqual(await consumed(cluster.addresses, load.sent.length), load.sent)
  })

  it('count a broker as incomplete after a kill if one topic of it trusts the page cache', async () => {
    const { cluster } = await started()
    await using _ends = cluster
    const intactSince = (id: number): number => cluster.someone.broker.image.brokers.get(id)!.intactSince
    const again = async (id: number): Promise<number> => {
      const { epoch } = cluster.someone.broker.image.brokers.get(id)!
      const member = cluster.member(id)
      await member.kill()
      await member.start()
      await cluster.until('it is back', () => (cluster.someone.broker.image.brokers.get(id)?.epoch ?? 0) > epoch)
      return intactSince(id)
    }
    const before = intactSince(3)
    equal(await again(3), before, 'all that was acknowledged was on the disk')
    const configs = new Map([['polylog.durability', 'os']])
    await cluster.someone.broker.topics.create({ ...topic, name: 'careless', configs })
    await cluster.until('it is there', () => cluster.member(3).broker.topics.find('careless') !== undefined)
    ok((await again(3)) > before)
  })

  it('go on while the metadata store is away, and register anew when it is back', async () => {
    const { cluster: opened, leader } = await started()
    await using cluster = opened
    await using load = new Load(cluster.addresses)
    await load.send(20)
    const first = leader()
    for (const { life } of cluster.members) life.cut()
    await cluster.until('the leases have run out', () => cluster.brokerKeyCount() === 0)
    await load.send(20)
    equal(leader(), first)
    for (const { life } of cluster.members) life.mend()
    await cluster.until('all are back', () => cluster.brokerKeyCount() === 3)
    await cluster.until('all are in sync', () => stateOf(cluster).inSyncReplicas.length === 3)
    await load.send(20)
    deepEqual(await consumed(cluster.addresses, load.sent.length), load.sent)
  })

  it('make one cluster when all begin at the same time, with one topic of the groups on all of them', async () => {
    await using cluster = await InProcessCluster.open(3)
    await cluster.start()
    await using clients = new Cluster({ brokers: cluster.addresses })
    const { clusterId, brokers } = await clients.describe()
    ok(clusterId)
    deepEqual(new Set(brokers.map(({ id }) => id)), new Set([1, 2, 3]))
    const replicas = () => cluster.someone.broker.topics.find('__consumer_offsets')!.partitions.map((p) => p.replicas)
    await cluster.until('the topic of the groups has grown', () => replicas().every(({ length }) => length === 3))
    equal((await cluster.store.range('/topics/')).count, 1)
  })
})

describe('a broker that does not fit into the cluster', () => {
  it('says so and stops', async () => {
    await using cluster = await InProcessCluster.open(2)
    const [first, second] = cluster.members
    await first!.start()
    await rejects(
      second!.start({ brokerId: 1 }),
      /broker id 1 is in use by the broker at 127\.0\.0\.1:\d+ with another/,
    )
    const nowhere = { kafkaAddress: { host: '0.0.0.0', port: 0 }, allowAnonymousNetwork: true }
    await rejects(second!.start({ ...nowhere, dataDirectory: '/other' }), /advertised\.address is needed in a cluster/)
    await using elsewhere = await InProcessCluster.open(1)
    await elsewhere.start()
    await elsewhere.member(1).stop()
    await rejects(
      elsewhere.member(1).startOn(cluster.store),
      /data directory belongs to cluster .*, the metadata store to/,
    )
  })
})
