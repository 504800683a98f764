import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, createTopic } from '@polylog/client/admin'
import type { NewTopic, PartitionInfo } from '@polylog/client/admin'
import { EmbeddedMetadataStore } from '../../../packages/broker/src/cluster/embedded/embedded-store.ts'
import { MemoryDisk } from '../../../packages/broker/src/host/memory/memory-disk.ts'
import { createNodeHost } from '../../../packages/broker/src/host/node/node-host.ts'
import type { BrokerSettings } from '../../../packages/broker/src/mod.ts'
import { until } from '../../system/wait.ts'
import { Node } from './node.ts'

/** Longest wait for something that a cluster does by itself. */
const patienceMs = 30_000

const settingsOfAll: Partial<BrokerSettings> = {
  durability: 'fsync',
  // As by default: on a machine that stands still for a second now and then, nobody may lose what it leads by that.
  sessionTimeoutMs: 3000,
  // One partition, so that a test can tell what its own topics do.
  offsetsPartitionCount: 1,
  // Small, because tests look into all files.
  journalFileBytes: 4 << 20,
  replicaFetchWaitMsMax: 100,
  replicaFetchBackoffMs: 20,
  shutdownTimeoutMs: 6000,
}

/** Brokers in one process, each with a data directory, Kafka port and HTTP port of its own, on one metadata store. */
export class RealCluster {
  readonly nodes: Node[] = []
  readonly #store: EmbeddedMetadataStore
  readonly #root: string
  readonly #settingsOf: (id: number) => Partial<BrokerSettings>
  readonly #clients: Cluster[] = []

  private constructor(store: EmbeddedMetadataStore, settingsOf: (id: number) => Partial<BrokerSettings>) {
    this.#store = store
    this.#settingsOf = settingsOf
    this.#root = mkdtempSync(join(tmpdir(), 'polylog-requirements-'))
  }

  /** Starts `count` brokers, with the ids 1 to `count`, and waits until their own topic is settled. */
  static async start(
    count: number,
    settings: Partial<BrokerSettings> = {},
    settingsOf: (id: number) => Partial<BrokerSettings> = () => ({}),
  ): Promise<RealCluster> {
    const { clock } = createNodeHost()
    const store = await EmbeddedMetadataStore.open({ disk: new MemoryDisk(), clock, directory: '/metadata' })
    const cluster = new RealCluster(store, (id) => ({ ...settingsOfAll, ...settings, ...settingsOf(id) }))
    try {
      for (let i = 0; i < count; i++) cluster.addNode()
      await Promise.all(cluster.nodes.map((node) => node.start()))
      await cluster.settled()
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
    return cluster
  }

  /** One more broker, with the next id; it is not started. */
  addNode(): Node {
    const id = this.nodes.length + 1
    const directory = join(this.#root, `broker-${id}`)
    const node = new Node({ id, directory, store: this.#store, settings: this.#settingsOf(id) })
    this.nodes.push(node)
    return node
  }

  node(id: number): Node {
    return this.nodes[id - 1]!
  }

  others(id: number): Node[] {
    return this.nodes.filter((node) => node.id !== id)
  }

  /** Addresses of all brokers, up or not: what a client is configured with. */
  get addresses(): string {
    return this.nodes.map(({ address }) => address).join()
  }

  /** A client that lives as long as the cluster. */
  client(brokers = this.addresses, requestTimeoutMs = 5000): Cluster {
    const client = new Cluster({ brokers, requestTimeoutMs, connectTimeoutMs: 2000 })
    this.#clients.push(client)
    return client
  }

  /** Makes a topic through any broker, and waits until all of them know it with all replicas in sync. */
  async createTopic(topic: NewTopic): Promise<void> {
    await createTopic(this.client(), topic)
    await this.inSync(topic.name)
  }

  async inSync(topic: string): Promise<void> {
    await this.until(`${topic} is in sync everywhere`, () =>
      this.up.every(({ broker }) => {
        const partitions = broker.topics.find(topic)?.partitions ?? []
        return (
          partitions.length > 0 &&
          partitions.every((p) => p.leader !== -1 && p.replicas.length === p.inSyncReplicas.length)
        )
      }),
    )
  }

  /** `PUT /api/policies/{name}` at any broker; resolves when all of them know it. */
  async setPolicy(name: string, pattern: string, definition: Record<string, unknown>): Promise<void> {
    await this.up[0]!.http(`/api/policies/${name}`, 'PUT', { pattern, definition })
    await this.until(`policy ${name} is known`, () => this.up.every(({ broker }) => broker.image.policies.has(name)))
  }

  /** What the cluster's metadata say of a partition, as told by this broker. */
  partition(topic: string, index = 0, node = this.up[0]!): PartitionInfo {
    const found = node.broker.topics.find(topic)?.partitions[index]
    if (found === undefined) throw new Error(`broker ${node.id} knows no ${topic}-${index}`)
    return found
  }

  /** Ids of the brokers with a replica, in their order. */
  holders(topic: string, index = 0, node = this.up[0]!): number[] {
    return this.partition(topic, index, node).replicas.toSorted((a, b) => a - b)
  }

  leader(topic: string, index = 0): Node {
    return this.node(this.partition(topic, index).leader)
  }

  get up(): Node[] {
    return this.nodes.filter(({ isUp }) => isUp)
  }

  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    return until(what, condition, patienceMs)
  }

  /** Sum of a counter over all brokers that are up. */
  async total(metric: string): Promise<number> {
    const values = await Promise.all(this.up.map((node) => node.metric(metric)))
    return values.reduce((sum, value) => sum + value, 0)
  }

  /** Waits until every broker knows every other, and the topic of the groups has the replicas it shall have. */
  async settled(): Promise<void> {
    const wanted = Math.min(3, this.up.length)
    await this.until('all brokers know each other', () =>
      this.up.every(({ broker }) => broker.image.brokers.size === this.up.length),
    )
    await this.until('the topic of the groups is settled', () =>
      this.up.every((node) =>
        this.partitionsOf('__consumer_offsets', node).every(
          ({ replicas, inSyncReplicas, leader }) =>
            replicas.length === wanted && inSyncReplicas.length === wanted && leader !== -1,
        ),
      ),
    )
  }

  partitionsOf(topic: string, node = this.up[0]!): readonly PartitionInfo[] {
    return node.broker.topics.find(topic)?.partitions ?? []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
    // Killed and not stopped: nobody is there any more to hand anything over to.
    await Promise.all(this.nodes.map((node) => node.kill()))
    await this.#store.close()
    rmSync(this.#root, { recursive: true, force: true })
  }
}
