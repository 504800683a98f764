import { describeBrokerConfigs, completeSettings } from '../../config/broker-settings.ts'
import { GroupCoordinator } from '../../group/coordinator.ts'
import type { Address } from '../../host/network.ts'
import { GroupConfigAdmin } from '../../queue/group-config-admin.ts'
import { ShareGroups } from '../../queue/share-groups/share-groups.ts'
import { StateLog } from '../../queue/state-log.ts'
import type { Host } from '../../host/host.ts'
import { createNodeHost } from '../../host/node/node-host.ts'
import type { LogFields, Logger } from '../../telemetry/logger.ts'
import type { KafkaConfig } from '../kafka-config.ts'
import { silentKafkaMetrics } from '../kafka-metrics.ts'
import { KafkaListener } from '../listener.ts'
import { ClusterImage } from '../../image/cluster-image.ts'
import type { LiveBroker } from '../../image/records.ts'
import { offsetsTopicName } from '../../topic/topic-name.ts'
import { MemoryClusterAdmin } from './memory-cluster-admin.ts'
import { MemoryGroupLog } from './memory-group-log.ts'
import { MemoryQueues } from './memory-queues.ts'
import { memoryCommits, memoryUserAdmin } from '../../auth/testing/memory-user-admin.ts'
import { MemoryTopics } from './memory-topics.ts'
import { TestClient } from './test-client.ts'
import type { KafkaDependencies } from '../services.ts'
import type { UserAdmin } from '../../auth/user-admin.ts'

export const testSecret = 'ab'.repeat(32)

const defaultPeer = {
  directoryId: 'directory',
  port: 9092,
  rack: '',
  version: '0',
  status: 'serving' as const,
  intactSince: 0,
}

export interface LogLine {
  readonly level: string
  readonly event: string
  readonly fields: LogFields | undefined
}

/** A Kafka front-end on a loopback port, in front of topics in memory and a real group coordinator. */
export class TestBroker {
  readonly host: Host
  readonly topics: MemoryTopics
  readonly image = new ClusterImage(({ key, reason }) => {
    throw new Error(`${key} cannot be read: ${reason}`)
  })
  readonly clusterAdmin = new MemoryClusterAdmin()
  readonly users: UserAdmin = memoryUserAdmin(this.image)
  readonly listener: KafkaListener
  readonly lines: LogLine[] = []
  readonly groups: GroupCoordinator
  readonly shareGroups: ShareGroups
  readonly queues: MemoryQueues
  readonly queueStates: StateLog
  readonly groupConfigs = new GroupConfigAdmin(this.image, memoryCommits(this.image))
  address: Address = { host: '127.0.0.1', port: 0 }
  private readonly clients: TestClient[] = []

  private constructor(
    given: Partial<KafkaConfig>,
    host: Host,
    also: (broker: TestBroker) => Partial<KafkaDependencies>,
  ) {
    this.host = host
    this.topics = new MemoryTopics(this.host)
    const { clock, random } = this.host
    const logger = this.recorder()
    const log = new MemoryGroupLog(clock)
    this.groups = new GroupCoordinator({
      log,
      clock,
      random,
      logger,
      topics: this.topics,
      isTaken: (groupId) => this.shareGroups.has(groupId),
    })
    this.queues = new MemoryQueues(this.topics, clock)
    this.queueStates = new StateLog({ log: new MemoryGroupLog(clock), clock, logger })
    this.shareGroups = new ShareGroups({
      log,
      clock,
      logger,
      topics: this.topics,
      timesOf: () => this.queues.config(),
      isTaken: (groupId) => this.groups.has(groupId),
    })
    const settings = { ...completeSettings({ dataDirectory: '/tmp' }), ...given }
    let producerId = 1000
    this.listener = new KafkaListener({
      host: this.host,
      topics: this.topics,
      groups: this.groups,
      shareGroups: this.shareGroups,
      queues: this.queues,
      queueStates: this.queueStates,
      groupConfigs: this.groupConfigs,
      producerIds: { next: async () => producerId++ },
      brokerSettings: { describe: () => describeBrokerConfigs(settings) },
      image: this.image,
      clusterAdmin: this.clusterAdmin,
      users: this.users,
      config: { clusterId: 'test-cluster', clusterSecret: testSecret, ...settings },
      logger,
      metrics: silentKafkaMetrics,
      poisonsMemory: true,
      ...also(this),
    })
    this.listener.serve()
  }

  /**
   * @param host the world it lives in; the real one unless a test simulates it
   * @param also parts to be used besides, or instead of, the ones made here
   */
  static async start(
    given: Partial<KafkaConfig> = {},
    host = createNodeHost(),
    listen = { host: '127.0.0.1', port: 0 },
    also: (broker: TestBroker) => Partial<KafkaDependencies> = () => ({}),
  ): Promise<TestBroker> {
    const broker = new TestBroker(given, host, also)
    broker.topics.addInternal(offsetsTopicName, 4)
    for (let partition = 0; partition < 4; partition++) {
      await broker.groups.load(partition)
      await broker.shareGroups.load(partition)
      await broker.queueStates.load(partition)
    }
    broker.address = await broker.listener.start(listen)
    return broker
  }

  async connect(): Promise<TestClient> {
    const client = await TestClient.connect(this.host, this.address)
    this.clients.push(client)
    return client
  }

  /** Makes a topic and returns its first partition. */
  async makeTopic(name: string, partitionCount = 1) {
    await this.topics.create({ name, partitionCount, replicationFactor: -1, configs: new Map() })
    return this.topics.partition(name, 0)!
  }

  /** Another broker appears in the cluster. */
  addPeer(peer: Partial<LiveBroker> & { id: number }): LiveBroker {
    const broker: LiveBroker = { ...defaultPeer, host: `host-${peer.id}`, epoch: 100 + peer.id, ...peer }
    this.image.brokers.set(broker.id, broker)
    return broker
  }

  /** As if the fetch sessions of followers had made way for others. */
  forgetSessions(): void {
    const { replicaFetchSessions } = this.listener['services']
    for (const id of replicaFetchSessions['sessions'].keys()) replicaFetchSessions.remove(id)
  }

  /** Ends every connection at once. */
  cutConnections(): void {
    for (const connection of this.listener['connections']) connection.destroy()
  }

  /** Events that were logged as errors: a test ends with none unless it provokes one. */
  errors(): LogLine[] {
    return this.lines.filter((line) => line.level === 'error')
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close()
    await this.groups.stop()
    await this.shareGroups.stop()
    await this.listener.stop({ timeoutMs: 2000 })
  }

  private recorder(): Logger {
    const at = (level: string) => (event: string, fields?: LogFields) => {
      this.lines.push({ level, event, fields })
    }
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }
}

/** Resolves when `condition` holds, looking once a turn; a test's own time limit ends a wait in vain. */
export async function until(condition: () => boolean): Promise<void> {
  const { clock } = createNodeHost()
  while (!condition()) await new Promise<void>((resolve) => clock.endOfTurn(resolve))
}
