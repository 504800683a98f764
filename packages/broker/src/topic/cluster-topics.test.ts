import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { EmbeddedMetadataStore } from '../cluster/embedded/embedded-store.ts'
import type { MetadataStore, Transaction, TransactionResult } from '../cluster/metadata-store.ts'
import { completeSettings } from '../config/broker-settings.ts'
import type { BrokerSettings } from '../config/broker-table.ts'
import { BrokerError } from '../errors/errors.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { NodeClock } from '../host/node/node-clock.ts'
import { NodeRandom } from '../host/node/node-random.ts'
import { ImageFeed } from '../image/image-feed.ts'
import { brokerKey, partitionPrefix, partitionsPrefix } from '../image/keys.ts'
import type { BrokerRecord } from '../image/records.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { ClusterTopics } from './cluster-topics.ts'
import type { Partition } from './partition.ts'
import { ProducerIds } from './producer-ids.ts'
import type { ReplicaHost } from './replica-host.ts'
import type { AssignReplicas } from './topic-spec.ts'
import type { TopicSpec } from './topics.ts'

const clock = new NodeClock()
const random = new NodeRandom()
const isStorage = { name: 'BrokerError', code: 'storage' }
const isCode = (code: string) => (error: unknown) => error instanceof BrokerError && error.code === code

interface Node {
  readonly topics: ClusterTopics
  readonly feed: ImageFeed
  readonly replicas: FakeReplicas
}

/** Holds a partition object for every name asked for. */
class FakeReplicas implements ReplicaHost {
  readonly led = new Map<string, Partition>()
  readonly followed = new Map<string, Partition>()

  leader(topicId: string, index: number): Partition | undefined {
    return this.led.get(`${topicId}/${index}`)
  }

  follower(topicId: string, index: number): Partition | undefined {
    return this.followed.get(`${topicId}/${index}`)
  }

  replicas(): Iterable<Partition> {
    return [...this.led.values(), ...this.followed.values()]
  }
}

const open: { close(): unknown }[] = []

async function store(): Promise<EmbeddedMetadataStore> {
  const metadata = await EmbeddedMetadataStore.open({ disk: new MemoryDisk(), clock, directory: '/metadata' })
  open.push(metadata)
  return metadata
}

async function brokersUp(metadata: MetadataStore, ids: readonly number[]): Promise<void> {
  for (const id of ids) {
    const address = { host: 'h', port: 9092, rack: '', version: '1' }
    const record: BrokerRecord = { directoryId: `d${id}`, ...address, status: 'serving', intactSince: 0 }
    await metadata.transaction({ then: [{ kind: 'put', key: brokerKey(id), value: JSON.stringify(record) }] })
  }
}

async function node(metadata: MetadataStore, given: Partial<BrokerSettings> = {}): Promise<Node> {
  const settings = completeSettings({ partitionCountDefault: 2, ...given })
  const feed = new ImageFeed({ store: metadata, clock, logger: silentLogger })
  await feed.start()
  open.push(feed)
  const replicas = new FakeReplicas()
  const assign: AssignReplicas = ({ placement, count, firstIndex }) => {
    const ids = [...feed.image.brokers.keys()]
    const size = placement.kind === 'factor' ? placement.factor : Math.min(3, ids.length)
    return Array.from({ length: count }, (_, i) =>
      Array.from({ length: size }, (_unused, at) => ids[(firstIndex + i + at) % ids.length]!),
    )
  }
  const configsInForce = (topic: { configs: ReadonlyMap<string, string> }): ReadonlyMap<string, string> => {
    return new Map([['retention.bytes', '77'], ...topic.configs])
  }
  const topics = new ClusterTopics({ metadata, feed, replicas, random, settings, assign, configsInForce })
  return { topics, feed, replicas }
}

/** One broker alone. */
async function single(given: Partial<BrokerSettings> = {}): Promise<Node & { metadata: EmbeddedMetadataStore }> {
  const metadata = await store()
  await brokersUp(metadata, [1])
  return { ...(await node(metadata, given)), metadata }
}

function spec(name: string, changes: Partial<TopicSpec> = {}): TopicSpec {
  return { name, partitionCount: -1, replicationFactor: -1, configs: new Map(), ...changes }
}

async function keysLeft(metadata: MetadataStore): Promise<readonly string[]> {
  return (await metadata.range(partitionsPrefix)).keyValues.map(({ key }) => key)
}

/** Lets a test act just before a transaction of one broker is made. */
function tappedBefore(metadata: MetadataStore, act: (count: number, transaction: Transaction) => Promise<void>) {
  let count = 0
  const transaction = async (given: Transaction): Promise<TransactionResult> => {
    await act(count++, given)
    return metadata.transaction(given)
  }
  return new Proxy(metadata, {
    get: (target, name) => {
      if (name === 'transaction') return transaction
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

describe('cluster topics', () => {
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  describe('ClusterTopics', () => {
    it('makes a topic that every broker sees, with replicas, epochs and placement', async () => {
      const metadata = await store()
      await brokersUp(metadata, [1, 2, 3, 4])
      const one = await node(metadata)
      const two = await node(metadata)
      const configs = new Map([['retention.ms', '1000']])
      const made = await one.topics.create(spec('orders', { partitionCount: 4, configs }))
      equal(made, one.topics.find('orders'))
      await two.feed.reached(one.feed.image.revision)
      const seen = two.topics.find('orders')!
      deepEqual(seen, made)
      equal(two.topics.findById(made.id), seen)
      deepEqual(two.topics.list(), [seen])
      deepEqual(seen.placement, { kind: 'default' })
      deepEqual([...seen.configs], [['retention.ms', '1000']])
      for (const { replicas, leader, inSyncReplicas, memberEpochs, leaderBrokerEpoch } of seen.partitions) {
        equal(replicas.length, 3)
        equal(leader, replicas[0])
        deepEqual(inSyncReplicas, replicas)
        equal(leaderBrokerEpoch, one.feed.image.brokers.get(leader)!.epoch)
        for (const id of replicas) equal(memberEpochs.get(id), one.feed.image.brokers.get(id)!.epoch)
      }
    })

    it('remembers how replicas were asked for', async () => {
      const metadata = await store()
      await brokersUp(metadata, [1, 2])
      const { topics } = await node(metadata)
      deepEqual((await topics.create(spec('two', { replicationFactor: 2 }))).placement, { kind: 'factor', factor: 2 })
      const assignments = [
        { partition: 1, brokers: [1, 2] },
        { partition: 0, brokers: [2, 1] },
      ]
      const assigned = await topics.create(spec('assigned', { assignments }))
      deepEqual(assigned.placement, { kind: 'assigned' })
      deepEqual(
        assigned.partitions.map(({ replicas }) => replicas),
        [
          [2, 1],
          [1, 2],
        ],
      )
      const firm = await node(metadata, { replicationFactorDefault: 2 })
      deepEqual((await firm.topics.ensure('firm')).placement, { kind: 'factor', factor: 2 })
      const tooMany = await node(metadata, { replicationFactorDefault: 3 })
      await rejects(tooMany.topics.ensure('many'), isCode('invalid-replication-factor'))
    })

    it('finds partitions by name where the replicas are', async () => {
      const { topics, replicas } = await single()
      const { id } = await topics.create(spec('orders'))
      const [led, followed] = [{} as Partition, {} as Partition]
      replicas.led.set(`${id}/0`, led)
      replicas.followed.set(`${id}/1`, followed)
      equal(topics.partition('orders', 0), led)
      equal(topics.partition('orders', 1), undefined)
      equal(topics.follower('orders', 1), followed)
      equal(topics.partition('none', 0), undefined)
      deepEqual([...topics.replicas()], [led, followed])
    })

    it('lets exactly one of many brokers make a topic; the others learn that it exists', async () => {
      const metadata = await store()
      await brokersUp(metadata, [1, 2, 3])
      const nodes = await Promise.all(Array.from({ length: 5 }, () => node(metadata)))
      for (const partitionCount of [3, 250]) {
        const name = `topic-${partitionCount}`
        const outcomes = await Promise.allSettled(
          nodes.map(({ topics }) => topics.create(spec(name, { partitionCount }))),
        )
        const losers = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
        equal(losers.length, 4)
        for (const error of losers) ok(isCode('topic-exists')(error), String(error))
        for (const { topics } of nodes) equal(topics.find(name)?.partitions.length, partitionCount)
      }
      // What the losers had written is gone.
      equal((await keysLeft(metadata)).length, 253)
      const ensured = await Promise.all(nodes.map(({ topics }) => topics.ensure('ensured')))
      equal(new Set(ensured.map(({ id }) => id)).size, 1)
    })

    it('makes a topic once when many ask at the same time', async () => {
      const { topics } = await single()
      const made = await Promise.all(Array.from({ length: 20 }, () => topics.ensure('orders')))
      equal(new Set(made.map(({ id }) => id)).size, 1)
      await rejects(topics.create(spec('orders')), isCode('topic-exists'))
    })

    it('gives up a topic whose partitions were cleared away while it was made', async () => {
      const metadata = await store()
      await brokersUp(metadata, [1])
      const tapped = tappedBefore(metadata, async (count) => {
        if (count === 2) await metadata.transaction({ then: [{ kind: 'delete-prefix', prefix: partitionsPrefix }] })
      })
      const { topics } = await node(tapped)
      await rejects(topics.create(spec('orders', { partitionCount: 250 })), isStorage)
      equal(topics.find('orders'), undefined)
    })

    it('deletes a topic with all its partitions; one made anew has another id', async () => {
      const { topics, metadata } = await single()
      const { id } = await topics.create(spec('orders', { partitionCount: 130 }))
      await topics.delete('orders')
      equal(topics.find('orders'), undefined)
      equal(topics.findById(id), undefined)
      deepEqual(await keysLeft(metadata), [])
      notEqual((await topics.create(spec('orders'))).id, id)
      await rejects(topics.delete('none'), isCode('unknown-topic'))
    })

    it('deletes a topic that others change at the same time, but not the next one of that name', async () => {
      const metadata = await store()
      await brokersUp(metadata, [1])
      const other = await node(metadata)
      const { id } = await other.topics.create(spec('orders'))
      const tapped = tappedBefore(metadata, async (count) => {
        if (count === 0) await other.topics.replaceConfigs('orders', new Map([['retention.ms', '5']]))
      })
      await (await node(tapped)).topics.delete('orders')
      equal(await metadata.get('/topics/orders'), undefined)
      await other.topics.create(spec('orders'))
      const late = tappedBefore(metadata, async (count) => {
        if (count > 0) return
        await other.topics.delete('orders')
        await other.topics.create(spec('orders'))
      })
      await rejects((await node(late)).topics.delete('orders'), isCode('unknown-topic'))
      notEqual(other.topics.find('orders')!.id, id)
    })

    it('adds partitions', async () => {
      const { topics, metadata } = await single()
      const { id } = await topics.create(spec('orders'))
      const grown = await topics.addPartitions('orders', 205, undefined)
      equal(grown.partitions.length, 205)
      equal(topics.find('orders')!.partitions.length, 205)
      equal((await metadata.range(partitionPrefix(id))).count, 205)
      await rejects(topics.addPartitions('orders', 205, undefined), isCode('invalid-partition-count'))
      await rejects(topics.addPartitions('orders', 207, [[1]]), isCode('invalid-replica-assignment'))
      await rejects(topics.addPartitions('orders', 206, [[9]]), isCode('invalid-replica-assignment'))
      await rejects(topics.addPartitions('none', 3, undefined), isCode('unknown-topic'))
      deepEqual((await topics.addPartitions('orders', 206, [[1]])).partitions[205]!.replicas, [1])
    })

    it('adds partitions from several brokers at once, without a gap and without touching those that are there', async () => {
      const metadata = await store()
      await brokersUp(metadata, [1, 2, 3])
      const nodes = await Promise.all([node(metadata), node(metadata), node(metadata)])
      await nodes[0]!.topics.create(spec('orders'))
      for (const { feed } of nodes) await feed.reached(nodes[0]!.feed.image.revision)
      const before = nodes[0]!.topics.find('orders')!.partitions
      const counts = [130, 260, 140]
      await Promise.allSettled(nodes.map(({ topics }, i) => topics.addPartitions('orders', counts[i]!, undefined)))
      for (const { feed } of nodes) await feed.reached((await metadata.get('/topics/orders'))!.modRevision)
      const [topic, ...others] = nodes.map(({ topics }) => topics.find('orders')!)
      ok(counts.includes(topic!.partitions.length))
      for (const other of others) deepEqual(other, topic)
      deepEqual(topic!.partitions.slice(0, 2), before)
      equal((await nodes[0]!.topics.addPartitions('orders', 300, undefined)).partitions.length, 300)
    })

    it('changes settings from several brokers at once without losing one', async () => {
      const metadata = await store()
      await brokersUp(metadata, [1])
      const nodes = await Promise.all([node(metadata), node(metadata)])
      await nodes[0]!.topics.create(spec('orders'))
      await nodes[1]!.feed.reached(nodes[0]!.feed.image.revision)
      const names = ['retention.ms', 'segment.ms', 'retention.bytes', 'segment.bytes']
      await Promise.all(
        names.map((name, i) =>
          nodes[i % 2]!.topics.changeConfigs('orders', [{ name, operation: 'set', value: '20000000' }]),
        ),
      )
      for (const { feed, topics } of nodes) {
        await feed.reached((await metadata.get('/topics/orders'))!.modRevision)
        deepEqual([...topics.find('orders')!.configs.keys()].toSorted(), names.toSorted())
      }
    })

    it('describes what is in force, and does not call a setting of a policy one of the topic', async () => {
      const { topics } = await single()
      await topics.create(spec('orders', { configs: new Map([['retention.ms', '5']]) }))
      const entries = topics.describeConfigs('orders')
      const [own, policy] = ['retention.ms', 'retention.bytes'].map((name) => entries.find((row) => row.name === name)!)
      deepEqual([own!.value, own!.source], ['5', 'topic'])
      deepEqual([policy!.value, policy!.defaultValue, policy!.source], ['77', '77', 'broker'])
    })

    it('only checks when asked to', async () => {
      const { topics, metadata } = await single()
      const { revision } = await metadata.range('')
      equal((await topics.create(spec('orders', { partitionCount: 3 }), true)).partitions.length, 3)
      equal(topics.find('orders'), undefined)
      equal((await metadata.range('')).revision, revision)
      await topics.create(spec('orders', { partitionCount: 3 }))
      equal((await topics.addPartitions('orders', 4, undefined, true)).partitions.length, 4)
      await topics.replaceConfigs('orders', new Map([['retention.ms', '5']]), true)
      equal(topics.find('orders')!.partitions.length, 3)
      equal(topics.find('orders')!.configs.size, 0)
    })

    it('keeps its own topics from being deleted', async () => {
      const { topics } = await single()
      await topics.create(spec('__consumer_offsets'))
      equal(topics.find('__consumer_offsets')!.internal, true)
      await rejects(topics.delete('__consumer_offsets'), isCode('policy-violation'))
      await rejects(topics.addPartitions('__consumer_offsets', 100, undefined), isCode('policy-violation'))
    })

    it('tells clients to try again when no broker is registered', async () => {
      const { topics } = await node(await store())
      await rejects(topics.create(spec('orders')), isCode('leader-not-available'))
    })

    it('says that storage failed when the metadata store is out of service', async () => {
      const { topics, metadata } = await single()
      await topics.create(spec('orders'))
      await metadata.close()
      await rejects(topics.create(spec('more')), isStorage)
      await rejects(topics.delete('orders'), isStorage)
      await rejects(topics.addPartitions('orders', 5, undefined), isStorage)
      await rejects(topics.replaceConfigs('orders', new Map([['retention.ms', '1000']])), isStorage)
      await rejects(new ProducerIds(metadata).next(), isStorage)
      await rejects(topics.create(spec('orders')), isCode('topic-exists'))
    })
  })

  describe('ProducerIds', () => {
    it('go on while the store is away, out of blocks that were taken before', async () => {
      const metadata = await store()
      const ids = new ProducerIds(metadata)
      await ids.prepare()
      const given = new Set<number>()
      for (let i = 0; i < 600; i++) given.add(await ids.next())
      await ids.prepare()
      await metadata.close()
      for (let i = 0; i < 1400; i++) given.add(await ids.next())
      equal(given.size, 2000)
      await rejects(ids.next(), isStorage)
    })

    it('never gives an id twice, over restarts and together', async () => {
      const metadata = await store()
      const seen = new Set<number>()
      for (let restart = 0; restart < 3; restart++) {
        const ids = new ProducerIds(metadata)
        const other = new ProducerIds(metadata)
        const given = await Promise.all(Array.from({ length: 1500 }, (_, i) => (i % 3 === 0 ? other : ids).next()))
        for (const id of given) {
          ok(!seen.has(id), `${id} was given before`)
          seen.add(id)
        }
      }
      equal(seen.size, 4500)
    })
  })
})
