import { EmbeddedMetadataStore } from '../../cluster/embedded/embedded-store.ts'
import type { MetadataStore } from '../../cluster/metadata-store.ts'
import { completeSettings } from '../../config/broker-settings.ts'
import { topicSettings } from '../../config/topic-settings.ts'
import { MemoryDisk } from '../../host/memory/memory-disk.ts'
import type { Host } from '../../host/host.ts'
import { MachineTime } from '../../host/simulated/machine-time.ts'
import type { Scheduler } from '../../host/simulated/scheduler.ts'
import { SimulatedClock } from '../../host/simulated/simulated-clock.ts'
import type { SimulatedNode } from '../../host/simulated/simulated-node.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { ImageFeed } from '../../image/image-feed.ts'
import { brokerKey, partitionKey, topicKey } from '../../image/keys.ts'
import { electLeader, withoutLeader } from '../../image/partition-change.ts'
import { encodePartition, newPartition } from '../../image/partition-state.ts'
import type { PartitionState } from '../../image/partition-state.ts'
import type { BrokerRecord } from '../../image/records.ts'
import { encodeTopic } from '../../image/topic.ts'
import { LogStore } from '../../log/store.ts'
import { silentLogger } from '../../telemetry/logger.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Appended, AppendFault } from '../../topic/partition.ts'
import { buildBatch } from '../../record/build.ts'
import type { Replica } from '../replica.ts'
import { ReplicaManager } from '../replica-manager.ts'
import { DirectPeers } from './direct-peers.ts'
import type { Wire } from './direct-peers.ts'

export const topicId = 'AAAAAAAAAAAAAAAAAAAAAA'
const topicName = 'orders'

/** One broker's replicas, without anything above them. */
export class ReplicaBroker {
  readonly id: number
  readonly node: SimulatedNode
  host: Host
  feed: ImageFeed | undefined
  store: LogStore | undefined
  manager: ReplicaManager | undefined
  epoch = -1

  constructor(id: number, node: SimulatedNode) {
    this.id = id
    this.node = node
    this.host = node.host
  }

  get isUp(): boolean {
    return this.manager !== undefined
  }

  replica(index = 0): Replica | undefined {
    for (const replica of this.manager?.replicas() ?? []) {
      if (replica.topicId === topicId && replica.index === index) return replica
    }
    return undefined
  }

  leads(index = 0): Replica | undefined {
    const replica = this.replica(index)
    return replica?.isLeader ? replica : undefined
  }
}

/**
 * Brokers that replicate one topic on simulated disks, a metadata store that never fails, and a hand that plays the
 * controller. Everything from one seed.
 */
export class ReplicaWorld {
  readonly world: SimulatedWorld
  readonly brokers: ReplicaBroker[] = []
  readonly cuts = new Set<string>()
  readonly configs: Map<string, string>
  logger: Logger = silentLogger
  metadata!: MetadataStore

  constructor(seed: number, brokerCount = 3, configs: Record<string, string> = {}) {
    this.world = new SimulatedWorld(seed)
    this.configs = new Map(Object.entries(configs))
    for (let id = 1; id <= brokerCount; id++) this.brokers.push(new ReplicaBroker(id, this.world.node(`broker-${id}`)))
  }

  get scheduler(): Scheduler {
    return this.world.scheduler
  }

  async begin(): Promise<this> {
    const clock = new SimulatedClock(this.scheduler, new MachineTime(this.scheduler), 'metadata')
    const opening = EmbeddedMetadataStore.open({ disk: new MemoryDisk(), clock, directory: 'metadata' })
    this.metadata = await this.scheduler.complete(opening)
    for (const broker of this.brokers) await this.start(broker)
    return this
  }

  /** Makes the topic with all brokers as replicas of each partition, the first one leading. */
  async createTopic(partitionCount = 1): Promise<void> {
    const epochs = new Map(this.brokers.map(({ id, epoch }) => [id, epoch]))
    const ids = this.brokers.map(({ id }) => id)
    const partitions = Array.from({ length: partitionCount }, (_, index) => newPartition(index, ids, epochs))
    const topic = { name: topicName, id: topicId, internal: false, partitions, configs: this.configs, modRevision: 0 }
    const placement = { kind: 'default' } as const
    await this.#put([
      ...partitions.map((state) => [partitionKey(topicId, state.index), encodePartition(state)] as const),
      [topicKey(topicName), encodeTopic({ ...topic, placement })],
    ])
    await this.until(() => this.brokers.every((broker) => !broker.isUp || broker.replica() !== undefined))
  }

  async #put(pairs: readonly (readonly [string, string])[]): Promise<number> {
    const then = pairs.map(([key, value]) => ({ kind: 'put', key, value }) as const)
    const { revision } = await this.scheduler.complete(this.metadata.transaction({ then }))
    return revision
  }

  /** Starts a broker and registers it under a new epoch. */
  async start(broker: ReplicaBroker): Promise<void> {
    const { clock, disk } = (broker.host = broker.node.host)
    const { logger, metadata } = this
    const settings = completeSettings({ brokerId: broker.id })
    const feed = new ImageFeed({ store: metadata, clock, logger })
    await this.scheduler.complete(feed.start())
    const settingsOf = (configs: ReadonlyMap<string, string>) => topicSettings(configs, settings)
    let manager: ReplicaManager | undefined
    const store = await this.scheduler.complete(
      LogStore.open({
        disk,
        clock,
        logger,
        directory: 'data',
        directoryId: new Uint8Array(16).fill(broker.id),
        settingsOf: () => {
          const all = settingsOf(this.configs)
          return { ...all, segmentBytes: 4096, indexIntervalBytes: 200 }
        },
        journalFileBytes: 1 << 16,
        directBytesMin: 1 << 17,
        tailMemoryBytesMax: 1 << 20,
        openFilesMax: 16,
        durable: (log) => log.onChange(),
      }),
    )
    const wire: Wire = {
      isCut: (source, target) => this.cuts.has(`${source}>${target}`) || !this.brokers[target - 1]!.isUp,
      delayMs: () => this.scheduler.random.between(0.1, 3),
    }
    const peers = new DirectPeers(this.scheduler, broker.id, wire, (id, topic, index) =>
      topic === topicId ? this.brokers[id - 1]!.leads(index) : undefined,
    )
    manager = new ReplicaManager({
      feed,
      metadata,
      store,
      clock,
      logger,
      peers,
      brokerId: broker.id,
      settings: {
        lagMsMax: 1000,
        partitionBytesMax: 2000,
        answerBytesMax: 8000,
        waitMsMax: 200,
        backoffMs: 50,
        catchUpBytesPerSecond: -1,
      },
      topicSettings: (topic) => ({ ...settingsOf(topic.configs), segmentBytes: 4096, indexIntervalBytes: 200 }),
    })
    await this.scheduler.complete(manager.open(false))
    Object.assign(broker, { feed, store, manager })
    await this.register(broker)
  }

  async register(broker: ReplicaBroker): Promise<void> {
    const record: BrokerRecord = {
      directoryId: `d${broker.id}`,
      host: broker.node.name,
      port: 9092,
      rack: '',
      version: '',
      status: 'serving',
      intactSince: 0,
    }
    await this.unregister(broker)
    broker.epoch = await this.#put([[brokerKey(broker.id), JSON.stringify(record)]])
    await this.scheduler.complete(broker.feed!.reached(broker.epoch))
    broker.manager!.register(broker.epoch)
  }

  async unregister(broker: ReplicaBroker): Promise<void> {
    const key = brokerKey(broker.id)
    await this.scheduler.complete(this.metadata.transaction({ then: [{ kind: 'delete', key }] }))
  }

  /** kill -9 or loss of power. */
  crash(broker: ReplicaBroker, end: 'kill' | 'power'): void {
    // The watch is a call into the same process here; the one of a dead process would go on.
    broker.feed?.close()
    Object.assign(broker, { feed: undefined, store: undefined, manager: undefined })
    if (end === 'kill') broker.node.killProcess()
    else {
      broker.node.losePower()
      broker.node.powerOn()
    }
  }

  async state(index = 0): Promise<PartitionState> {
    const feed = new ImageFeed({ store: this.metadata, clock: this.brokers[0]!.host.clock, logger: silentLogger })
    await this.scheduler.complete(feed.start())
    feed.close()
    return feed.image.topicsById.get(topicId)!.partitions[index]!
  }

  /** What the controller would do about one partition. */
  async elect(index = 0, avoid: readonly number[] = [], mayBeUnclean = false): Promise<PartitionState> {
    const feed = new ImageFeed({ store: this.metadata, clock: this.brokers[0]!.host.clock, logger: silentLogger })
    await this.scheduler.complete(feed.start())
    feed.close()
    const state = feed.image.topicsById.get(topicId)!.partitions[index]!
    const minInsyncReplicas = Number(this.configs.get('min.insync.replicas') ?? 1)
    const rules = { mayBeUnclean, minInsyncReplicas, avoid: new Set(avoid) }
    const next = electLeader(state, feed.image.brokers, rules) ?? withoutLeader(state)
    const key = partitionKey(topicId, index)
    const { succeeded } = await this.scheduler.complete(
      this.metadata.transaction({
        compare: [{ key, target: 'modRevision', operator: '=', value: state.modRevision }],
        then: [{ kind: 'put', key, value: encodePartition(next) }],
      }),
    )
    return succeeded ? next : this.elect(index, avoid, mayBeUnclean)
  }

  async until(isTrue: () => boolean, msMax = 20_000): Promise<void> {
    const endMs = this.scheduler.nowMs + msMax
    await this.scheduler.run(() => isTrue() || this.scheduler.nowMs > endMs)
    if (!isTrue()) throw new Error(`not within ${msMax} ms: ${isTrue.toString()}`)
  }
}

/** A batch of one record whose value is `text`. */
export function batchOf(text: string, producer?: { id: number; sequence: number }): Buffer {
  const identity = producer && { producerId: producer.id, producerEpoch: 0, baseSequence: producer.sequence }
  return buildBatch([{ key: null, value: Buffer.from(text) }], { baseTimestampMs: 1_700_000_000_000, ...identity })
}

/** Appends and fails the test if that is refused. */
export function append(replica: Replica, text: string, acks: -1 | 1 = -1): Appended {
  const appended: Appended | AppendFault = replica.append(batchOf(text), true, acks)
  if ('code' in appended) throw new Error(`${appended.code}: ${appended.detail}`)
  return appended
}
