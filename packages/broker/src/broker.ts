import { adminHandler } from './admin/admin-handler.ts'
import { addBrokerMetrics, journalSyncHistogram, kafkaTraffic } from './broker-metrics.ts'
import { EmbeddedMetadataStore } from './cluster/embedded/embedded-store.ts'
import { completeSettings, describeBrokerConfigs } from './config/broker-settings.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { openDataDirectory } from './data-directory.ts'
import type { OpenDirectory } from './data-directory.ts'
import { GroupCoordinator } from './group/coordinator.ts'
import { PartitionGroupLog } from './group/partition-group-log.ts'
import type { Disk } from './host/disk.ts'
import type { Host } from './host/host.ts'
import { httpLimitDefaults } from './host/http.ts'
import type { HttpListener, HttpServer } from './host/http.ts'
import { MemoryDisk } from './host/memory/memory-disk.ts'
import type { Address } from './host/network.ts'
import { NetworkError } from './host/network.ts'
import { KafkaListener } from './kafka/listener.ts'
import { Cleaner } from './log/cleaner.ts'
import { LogStore } from './log/store.ts'
import { watchEventLoopDelay } from './telemetry/event-loop-delay.ts'
import type { Logger } from './telemetry/logger.ts'
import { durationBounds, MetricsRegistry } from './telemetry/metrics.ts'
import { LocalTopics } from './topic/local-topics.ts'
import { ProducerIds } from './topic/producer-ids.ts'
import { offsetsTopicName } from './topic/topic-name.ts'
import { version } from './version.ts'

/** What a broker is made of besides its settings. */
export interface BrokerParts {
  host: Host
  http: HttpServer
  logger: Logger
  /** Adds metrics of the process, where the broker has one to itself. */
  addProcessMetrics?: (registry: MetricsRegistry) => void
}

/** Batches from this size on are synced in their segment; see log/group-commit.ts. */
const directBytesMin = 128 * 1024

interface Storage {
  directory: OpenDirectory
  metadata: EmbeddedMetadataStore
  store: LogStore
  topics: LocalTopics
}

/** A single broker: composition of all layers over one host. */
export class Broker {
  readonly settings: BrokerSettings
  readonly metrics: MetricsRegistry
  readonly #parts: BrokerParts
  readonly #endings: (() => void)[] = []
  #storage!: Storage
  #cleaner: Cleaner | undefined
  #groups!: GroupCoordinator
  #kafka!: KafkaListener
  #kafkaAddress: Address | undefined
  #http: HttpListener | undefined
  #stopping: Promise<void> | undefined

  private constructor(settings: BrokerSettings, parts: BrokerParts) {
    this.settings = settings
    this.#parts = parts
    this.metrics = new MetricsRegistry(settings.metricSeriesMax)
  }

  /**
   * Opens the data directory and serves.
   * @throws BrokerError 'storage' | 'invalid-config', NetworkError, JournalDamageError, CheckpointDamageError,
   * MetadataError: each with a message that is fit for the user
   */
  static async start(given: Partial<BrokerSettings>, parts: BrokerParts): Promise<Broker> {
    const broker = new Broker(completeSettings(given), parts)
    try {
      await broker.#start()
    } catch (error) {
      await broker.#abandon()
      throw error
    }
    return broker
  }

  /** Where Kafka clients connect. */
  get kafka(): Address {
    return this.#kafkaAddress!
  }

  /** The HTTP port; undefined if it is off. */
  get http(): Address | undefined {
    return this.#http?.address
  }

  get topics(): LocalTopics {
    return this.#storage.topics
  }

  get groups(): GroupCoordinator {
    return this.#groups
  }

  get store(): LogStore {
    return this.#storage.store
  }

  async #start(): Promise<void> {
    const { settings } = this
    // HTTP first: its port tells a supervisor that the broker lives while a long recovery runs.
    if (settings.httpAddress) await this.#startHttp(settings.httpAddress)
    this.#storage = await this.#openStorage()
    const { topics, store, metadata, directory } = this.#storage
    await this.#startGroups()
    const { host, logger } = this.#parts
    this.#kafka = new KafkaListener({
      host,
      topics,
      groups: this.#groups,
      producerIds: new ProducerIds(metadata),
      brokerSettings: { describe: () => describeBrokerConfigs(settings) },
      config: { ...settings, clusterId: directory.identity.clusterId },
      logger,
      metrics: kafkaTraffic(this.metrics),
    })
    addBrokerMetrics(this.metrics, { store, topics, groups: this.#groups })
    const delay = 'polylog_event_loop_delay_seconds'
    const histogram = this.metrics.histogram(delay, 'How late timers fire.', durationBounds)
    this.#endings.push(watchEventLoopDelay(host.clock, histogram))
    this.#parts.addProcessMetrics?.(this.metrics)
    this.#cleaner = this.#startCleaner()
    this.#kafkaAddress = await this.#listen(settings.kafkaAddress)
  }

  #startCleaner(): Cleaner {
    const { retentionCheckIntervalMs, compactionIntervalMs, compactionMapBytes, producerIdExpirationMs } = this.settings
    const { clock } = this.#parts.host
    const { topics, store } = this.#storage
    const cleaner = new Cleaner({
      store,
      clock,
      logger: this.#parts.logger,
      settingsOf: (log) => topics.settingsOf(log),
      retentionCheckIntervalMs,
      compactionIntervalMs,
      mapBytesMax: compactionMapBytes,
      producerIdExpirationMs,
    })
    cleaner.start()
    return cleaner
  }

  async #openStorage(): Promise<Storage> {
    const { settings } = this
    const { host, logger } = this.#parts
    const { clock, random } = host
    const disk: Disk = settings.durability === 'memory' ? new MemoryDisk() : host.disk
    const directory = await openDataDirectory(disk, random, settings.dataDirectory, settings.brokerId)
    this.#endings.push(() => directory.release())
    const metadataDirectory = `${settings.dataDirectory}/metadata`
    const metadata = await EmbeddedMetadataStore.open({ disk, clock, directory: metadataDirectory, logger })
    const topics = new LocalTopics({ metadata, clock, random, settings, deleted: (name) => this.#topicDeleted(name) })
    await topics.load()
    const syncs = journalSyncHistogram(this.metrics)
    const store = await LogStore.open({
      disk,
      clock,
      logger,
      directory: settings.dataDirectory,
      directoryId: Buffer.from(directory.identity.directoryId, 'hex'),
      settingsOf: (name) => topics.logSettings(name),
      // In memory the journal holds the making of logs only.
      journalFileBytes: settings.durability === 'memory' ? 1 << 20 : settings.journalFileBytes,
      journalBytesMax: settings.journalBytesMax,
      directBytesMin,
      tailMemoryBytesMax: settings.tailMemoryBytes,
      openFilesMax: settings.fileHandleCountMax,
      durable: (log) => log.onChange(),
      synced: (ms) => syncs.observe(ms / 1000),
    })
    await topics.attach(store)
    return { directory, metadata, store, topics }
  }

  async #startGroups(): Promise<void> {
    const { settings } = this
    const { topics } = this.#storage
    const { host, logger } = this.#parts
    if (!topics.find(offsetsTopicName)) {
      const configs = new Map([
        ['cleanup.policy', 'compact'],
        ['segment.bytes', String(settings.offsetsSegmentBytes)],
      ])
      const partitionCount = settings.offsetsPartitionCount
      await topics.create({ name: offsetsTopicName, partitionCount, replicationFactor: -1, configs })
    }
    this.#groups = new GroupCoordinator({
      log: new PartitionGroupLog(topics, offsetsTopicName),
      clock: host.clock,
      random: host.random,
      logger,
      topics,
      config: {
        initialRebalanceDelayMs: settings.groupInitialRebalanceDelayMs,
        sessionTimeoutMsMin: settings.groupSessionTimeoutMsMin,
        sessionTimeoutMsMax: settings.groupSessionTimeoutMsMax,
        groupSizeMax: settings.groupMemberCountMax,
        offsetMetadataBytesMax: settings.offsetMetadataBytesMax,
        offsetsRetentionMs: settings.offsetsRetentionMinutes * 60_000,
        offsetsRetentionCheckIntervalMs: settings.offsetsRetentionCheckIntervalMs,
      },
    })
    const { partitions } = topics.find(offsetsTopicName)!
    await Promise.all(partitions.map(({ index }) => this.#groups.load(index)))
  }

  #topicDeleted(name: string): void {
    this.#groups.onTopicDeleted(name).catch((error: unknown) => {
      this.#parts.logger.warn('offsets of a deleted topic stay for now', { topic: name, error: String(error) })
    })
  }

  /** A loopback address is taken in both families where that can be had: clients may resolve `localhost` to either. */
  async #listen(address: Address): Promise<Address> {
    const isLoopback = address.host === '127.0.0.1' || address.host === 'localhost'
    const first = await this.#kafka.start(isLoopback ? { host: '127.0.0.1', port: address.port } : address)
    if (isLoopback) {
      try {
        await this.#kafka.start({ host: '::1', port: first.port })
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error
        this.#parts.logger.debug('not listening on ::1', { error: error.message })
      }
    }
    return first
  }

  async #startHttp(address: Address): Promise<void> {
    const sources = {
      version,
      metrics: this.metrics,
      kafka: () => (this.#kafkaAddress ? `${this.#kafkaAddress.host}:${this.#kafkaAddress.port}` : 'starting'),
      dataDirectory: this.settings.dataDirectory,
      findUnreadiness: () => this.#findUnreadiness(),
      findDeath: () => this.#findDeath(),
    }
    this.#http = await this.#parts.http.listen(address, adminHandler(sources), httpLimitDefaults)
  }

  #findUnreadiness(): string | undefined {
    if (this.#stopping) return 'stopping'
    if (!this.#kafkaAddress) return 'starting'
    return this.#storage.store.refusal
  }

  #findDeath(): string | undefined {
    if (!this.#kafkaAddress || this.#stopping) return undefined
    return this.#storage.store.failure ?? this.#storage.metadata.failure
  }

  /**
   * Takes no new work, answers what is in flight, tells groups, syncs everything and marks the directory clean.
   * Bounded by `shutdownTimeoutMs` for clients that do not take their answers.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const { store, metadata } = this.#storage
    const { shutdownTimeoutMs } = this.settings
    const listener = this.#kafka.stop({ timeoutMs: shutdownTimeoutMs })
    await this.#groups.stop()
    await listener
    await this.#cleaner?.stop()
    await store.close()
    await metadata.close()
    await this.#http?.close(1000)
    for (const end of this.#endings) end()
  }

  /** Lets go of what a failed start had taken. */
  async #abandon(): Promise<void> {
    await this.#kafka?.stop({ timeoutMs: 0 })
    await this.#cleaner?.stop()
    await this.#http?.close(0)
    await this.#storage?.store.close()
    await this.#storage?.metadata.close()
    for (const end of this.#endings) end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
