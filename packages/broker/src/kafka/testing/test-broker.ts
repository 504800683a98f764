import { describeBrokerConfigs, completeSettings } from '../../config/broker-settings.ts'
import { GroupCoordinator } from '../../group/coordinator.ts'
import type { Address } from '../../host/network.ts'
import type { Host } from '../../host/host.ts'
import { createNodeHost } from '../../host/node/node-host.ts'
import type { LogFields, Logger } from '../../telemetry/logger.ts'
import type { KafkaConfig } from '../kafka-config.ts'
import { silentKafkaMetrics } from '../kafka-metrics.ts'
import { KafkaListener } from '../listener.ts'
import { MemoryGroupLog } from './memory-group-log.ts'
import { MemoryTopics } from './memory-topics.ts'
import { TestClient } from './test-client.ts'

export interface LogLine {
  readonly level: string
  readonly event: string
  readonly fields: LogFields | undefined
}

/** A Kafka front-end on a loopback port, in front of topics in memory and a real group coordinator. */
export class TestBroker {
  readonly host: Host
  readonly topics: MemoryTopics
  readonly listener: KafkaListener
  readonly lines: LogLine[] = []
  readonly groups: GroupCoordinator
  address: Address = { host: '127.0.0.1', port: 0 }
  private readonly clients: TestClient[] = []

  private constructor(given: Partial<KafkaConfig>) {
    this.host = createNodeHost()
    this.topics = new MemoryTopics(this.host)
    const { clock, random } = this.host
    const logger = this.recorder()
    this.groups = new GroupCoordinator({
      log: new MemoryGroupLog(clock),
      clock,
      random,
      logger,
      topics: this.topics,
    })
    const settings = { ...completeSettings({ dataDirectory: '/tmp' }), ...given }
    let producerId = 1000
    this.listener = new KafkaListener({
      host: this.host,
      topics: this.topics,
      groups: this.groups,
      producerIds: { next: async () => producerId++ },
      brokerSettings: { describe: () => describeBrokerConfigs(settings) },
      config: { ...settings, clusterId: 'test-cluster' },
      logger,
      metrics: silentKafkaMetrics,
    })
  }

  static async start(given: Partial<KafkaConfig> = {}): Promise<TestBroker> {
    const broker = new TestBroker(given)
    for (let partition = 0; partition < 4; partition++) await broker.groups.load(partition)
    broker.address = await broker.listener.start({ host: '127.0.0.1', port: 0 })
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

  /** Events that were logged as errors: a test ends with none unless it provokes one. */
  errors(): LogLine[] {
    return this.lines.filter((line) => line.level === 'error')
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close()
    await this.groups.stop()
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
