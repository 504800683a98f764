import { clusterSources, guardFacts } from './admin-sources.ts'
import { adminHandler } from './admin/admin-handler.ts'
import type { LoginFacts } from './admin/login-gate.ts'
import { makeAdministration } from './administration.ts'
import type { Administration } from './administration.ts'
import { checkAnonymousNetwork, warnOfBarePasswords } from './anonymous-network.ts'
import type { Authenticator } from './auth/authenticator.ts'
import type { Authorizer } from './auth/authorizer.ts'
import { openAuthorization } from './broker-authorization.ts'
import { BrokerGroups } from './broker-groups.ts'
import { addBrokerMetrics, journalSyncHistogram, kafkaTraffic } from './broker-metrics.ts'
import { httpAccess } from './broker-http-login.ts'
import { BrokerLogin } from './broker-login.ts'
import { BrokerQueues } from './broker-queues.ts'
import { openReplicas } from './broker-replicas.ts'
import { BrokerStorage } from './broker-storage.ts'
import { openTls } from './broker-tls.ts'
import type { BrokerTls } from './broker-tls.ts'
import { addClusterMetrics } from './cluster-metrics.ts'
import { leaseTtlMsMax } from './cluster/metadata-store.ts'
import type { MetadataStore } from './cluster/metadata-store.ts'
import { completeSettings, describeBrokerConfigs } from './config/broker-settings.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { ControllerCandidate } from './controller-candidate.ts'
import { ensureInternalTopic } from './ensure-internal-topic.ts'
import { BrokerError } from './errors/errors.ts'
import type { GroupCoordinator } from './group/coordinator.ts'
import type { Timer } from './host/clock.ts'
import type { ClusterImage } from './image/cluster-image.ts'
import type { OpenCertificates } from './host/certificates.ts'
import type { Host } from './host/host.ts'
import { httpLimitDefaults } from './host/http.ts'
import type { HttpListener, HttpServer } from './host/http.ts'
import type { Address } from './host/network.ts'
import { NetworkError } from './host/network.ts'
import { KafkaListener } from './kafka/listener.ts'
import type { KafkaPeers } from './kafka/peer/kafka-peers.ts'
import type { Cleaner } from './log/cleaner.ts'
import type { LogStore } from './log/store.ts'
import { LifeLines } from './membership/life-lines.ts'
import { Registration } from './membership/registration.ts'
import type { OpenHttpClient } from './open-metadata.ts'
import { ownAddress } from './own-address.ts'
import { GroupConfigAdmin } from './queue/group-config-admin.ts'
import type { ReplicaManager } from './replica/replica-manager.ts'
import { startCleaner } from './start-cleaner.ts'
import { watchEventLoopDelay } from './telemetry/event-loop-delay.ts'
import type { KafkaTraffic } from './telemetry/kafka-traffic.ts'
import { LimitedLogger } from './telemetry/limited-logger.ts'
import type { Logger } from './telemetry/logger.ts'
import { durationBounds, MetricsRegistry } from './telemetry/metrics.ts'
import type { ClusterTopics } from './topic/cluster-topics.ts'
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
  /** For tests: see {@link KafkaListener}. */
  poisonsMemory?: boolean
  /** A metadata store that other brokers use as well, in the place of the one that `metadata` names. Stays open. */
  metadata?: MetadataStore
  /** The way to etcd. */
  openHttpClient?: OpenHttpClient
  /** The way to certificates in files; without it there is no TLS. */
  openCertificates?: OpenCertificates
  /** Says who clients are, in the place of the cluster's users; nobody is served without a login then. */
  authenticator?: Authenticator | undefined
  /** Says what clients may do, in the place of access rules. */
  authorizer?: Authorizer | undefined
}

/** How long a first registration is tried while the metadata store cannot be reached. */
const registrationTimeoutMs = 10_000
/** Part of the time of a graceful stop that is meant for others to take over. */
const handOverShare = 1 / 3
const offsetsRetryMs = 2000

/** A broker: composition of all layers over one host. Alone it is a cluster of one, with the same parts in it. */
export class Broker {
  readonly settings: BrokerSettings
  readonly metrics: MetricsRegistry
  readonly #parts: BrokerParts
  readonly #traffic: KafkaTraffic
  readonly #endings: (() => void)[] = []
  #tls!: BrokerTls
  #storage!: BrokerStorage
  #peers!: KafkaPeers
  #replicas!: ReplicaManager
  #topics!: ClusterTopics
  #producerIds!: ProducerIds
  #administration: Administration | undefined
  #login: BrokerLogin | undefined
  readonly #hasLogin: boolean
  #httpLogin: LoginFacts | 'open' | 'starting'
  #groups!: BrokerGroups
  #queues!: BrokerQueues
  #cleaner: Cleaner | undefined
  #kafka!: KafkaListener
  #registration: Registration | undefined
  #candidate: ControllerCandidate | undefined
  #lifeLines: LifeLines | undefined
  #offsetsRetry: Timer | undefined
  #kafkaAddress: Address | undefined
  #http: HttpListener | undefined
  #stopping: Promise<void> | undefined

  private constructor(settings: BrokerSettings, parts: BrokerParts) {
    this.settings = settings
    this.#parts = parts
    this.#hasLogin = settings.saslMechanisms.length > 0 || parts.authenticator !== undefined
    const hasRules = settings.authorizerKind !== 'none' || parts.authorizer !== undefined
    this.#httpLogin = this.#hasLogin || hasRules ? 'starting' : 'open'
    this.metrics = new MetricsRegistry(settings.metricSeriesMax)
    this.#traffic = kafkaTraffic(this.metrics)
  }

  /**
   * Opens the data directory, joins the cluster and serves.
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

  get topics(): ClusterTopics {
    return this.#topics
  }

  get groups(): GroupCoordinator {
    return this.#groups.classic
  }

  get queues(): BrokerQueues {
    return this.#queues
  }

  get store(): LogStore {
    return this.#storage.logs
  }

  /** What the cluster looks like from here. */
  get image(): ClusterImage {
    return this.#storage.feed.image
  }

  get metadata(): MetadataStore {
    return this.#storage.metadata.store
  }

  /** What operators may ask of the cluster. */
  get administration(): Administration {
    return this.#administration!
  }

  get replicas(): ReplicaManager {
    return this.#replicas
  }

  /** Reads the files of TLS now; else a renewal is noticed when the next connection comes. */
  reloadCertificates(): void {
    this.#tls.certificates?.reload()
  }

  async #start(): Promise<void> {
    const { settings } = this
    const { host, logger, metadata, openHttpClient, openCertificates } = this.#parts
    checkAnonymousNetwork(settings, this.#hasLogin, logger)
    warnOfBarePasswords(settings, this.#hasLogin, logger)
    this.#tls = await openTls(settings, host, openCertificates, { logger, metrics: this.metrics })
    // HTTP first: its port tells a supervisor that the broker lives while a long recovery runs.
    if (settings.httpAddress) await this.#startHttp(settings.httpAddress)
    const syncs = journalSyncHistogram(this.metrics)
    const synced = (ms: number): void => syncs.observe(ms / 1000)
    this.#storage = await BrokerStorage.open({
      host,
      logger,
      settings,
      metadata,
      openHttpClient,
      synced,
      poisonsMemory: this.#parts.poisonsMemory,
    })
    await this.#openReplicas()
    const { feed, metadata: opened } = this.#storage
    this.#administration = makeAdministration({ store: opened.store, feed, clock: host.clock, settings })
    this.#startGroups()
    const { administration } = this
    const { authenticator } = this.#parts
    const login = new BrokerLogin({ settings, host, logger, storage: this.#storage, administration, authenticator })
    this.#login = login
    this.#kafka = this.#makeListener(login)
    this.#endings.push(login.onGone((names) => this.#kafka.disconnect(names)))
    const bound = await this.#listen(settings.kafkaAddress)
    await this.#join(bound)
    this.#addMetrics()
    this.#cleaner = startCleaner({ settings, store: this.store, clock: host.clock, logger, replicas: this.#replicas })
    this.#kafkaAddress = bound
    if (!this.#storage.isAlone) void this.#producerIds.prepare()
  }

  async #openReplicas(): Promise<void> {
    const { settings } = this
    const { logger, poisonsMemory = false } = this.#parts
    const { host } = this.#tls
    const parts = { settings, host, logger, storage: this.#storage, traffic: this.#traffic, poisonsMemory }
    const { peers, replicas, topics } = await openReplicas(parts)
    this.#peers = peers
    this.#replicas = replicas
    this.#topics = topics
  }

  #startGroups(): void {
    const { settings } = this
    const { host, logger } = this.#parts
    this.#groups = new BrokerGroups({
      settings,
      host,
      logger,
      topics: this.#topics,
      replicas: this.#replicas,
      shareTimesOf: (groupId) => this.#queues.configs.of(groupId),
    })
    const { feed } = this.#storage
    this.#queues = new BrokerQueues({
      settings,
      host,
      logger,
      feed,
      topics: this.#topics,
      replicas: this.#replicas,
      calls: this.#peers.calls(feed.image.brokers),
      metrics: this.metrics,
    })
    const forget = feed.onChange((change) => {
      for (const [id, before] of change.topics) {
        if (before && !feed.image.topicsById.has(id)) this.#topicDeleted(before.name)
      }
    })
    this.#endings.push(forget)
  }

  #makeListener({ authenticator, users }: BrokerLogin): KafkaListener {
    const { settings } = this
    const { host, poisonsMemory = false } = this.#parts
    const logger = new LimitedLogger({ logger: this.#parts.logger, clock: host.clock })
    this.#endings.push(() => logger.end())
    const { cluster, metadata, feed } = this.#storage
    this.#producerIds = new ProducerIds(metadata.store)
    const given = this.#parts.authorizer
    const { authorizer, acls, end } = openAuthorization({ settings, store: metadata.store, feed, logger, given })
    this.#endings.push(end)
    const { clock } = host
    this.#httpLogin = httpAccess({ settings, clock, logger, authenticator, authorizer })
    return new KafkaListener({
      host: this.#tls.host,
      topics: this.#topics,
      groups: this.#groups.classic,
      shareGroups: this.#groups.shared,
      queues: this.#queues.led,
      queueStates: this.#queues.states,
      groupConfigs: new GroupConfigAdmin(feed.image, this.administration.cluster),
      producerIds: this.#producerIds,
      brokerSettings: { describe: () => describeBrokerConfigs(settings) },
      image: feed.image,
      clusterAdmin: this.administration.partitions,
      authenticator,
      users,
      authorizer,
      acls,
      config: { ...settings, clusterId: cluster.id, clusterSecret: cluster.secret },
      logger,
      metrics: this.#traffic,
      poisonsMemory,
    })
  }

  /** Registers, and begins to lead, to follow and to be elected. */
  async #join(bound: Address): Promise<void> {
    const { settings } = this
    const { host, logger } = this.#parts
    const { clock, random } = host
    const { metadata, feed, identity, isAlone, logs } = this.#storage
    const { store } = metadata
    this.#registration = new Registration({
      store,
      feed,
      clock,
      random,
      logger,
      brokerId: settings.brokerId,
      directoryId: identity.directoryId,
      address: { ...ownAddress(settings, bound, isAlone), rack: settings.brokerRack, version },
      isVolatile: settings.durability === 'memory',
      isIntact: logs.wasClean || this.#syncsEverything,
      // A store in this process lives and dies with it: there is nobody whom a pause could tell anything.
      sessionTimeoutMs: isAlone ? leaseTtlMsMax : settings.sessionTimeoutMs,
      startTimeoutMs: isAlone ? 0 : registrationTimeoutMs,
      diskWaitMs: () => this.#storage.diskWaitMs,
    })
    this.#registration.onEpoch((epoch) => this.#replicas.register(epoch))
    await this.#registration.register()
    await this.#login!.makeFirstUser()
    // Not earlier: a partition whose only replica is here would be "not led here" for a moment. Not later: followers that
    // fetch from here decide when what groups have committed is known.
    this.#kafka.serve()
    this.#candidate = new ControllerCandidate({
      store,
      feed,
      clock,
      logger,
      settings,
      registration: this.#registration,
    })
    this.#watchOthers(this.#registration)
    await this.#ensureOffsetsTopic()
    await this.#groups.leadership.loaded()
    await this.#queues.leadership.loaded()
  }

  #watchOthers(registration: Registration): void {
    const { brokerId, refusedConfirmMs: confirmMs } = this.settings
    const { metadata, feed, isAlone } = this.#storage
    if (isAlone || confirmMs < 0) return
    this.#lifeLines = new LifeLines({
      store: metadata.store,
      feed,
      clock: this.#parts.host.clock,
      logger: this.#parts.logger,
      peers: this.#peers,
      brokerId,
      brokerEpoch: () => registration.epoch,
      confirmMs,
    })
  }

  /** Whether all that was acknowledged here was on the disk, whatever ended the process before this one. */
  get #syncsEverything(): boolean {
    if (this.settings.durability !== 'fsync') return false
    // One topic that trusts the page cache is enough for the whole broker to be in doubt: who is elected must have everything.
    for (const { settings } of this.#replicas.replicas()) if (settings.durability !== 'fsync') return false
    return true
  }

  /** Whichever broker comes first makes the topic of the groups. */
  async #ensureOffsetsTopic(): Promise<void> {
    const { settings } = this
    const { offsetsPartitionCount: partitionCount, offsetsSegmentBytes: segmentBytes } = settings
    try {
      await ensureInternalTopic(this.#topics, { name: offsetsTopicName, partitionCount, segmentBytes })
    } catch (error) {
      if (!(error instanceof BrokerError) || this.#storage.isAlone) throw error
      this.#parts.logger.warn('the topic of the groups cannot be made yet', { error: error.message })
      this.#offsetsRetry = this.#parts.host.clock.startTimer(offsetsRetryMs, () => {
        if (!this.#stopping) void this.#ensureOffsetsTopic()
      })
    }
  }

  #addMetrics(): void {
    const { host, addProcessMetrics } = this.#parts
    addBrokerMetrics(this.metrics, {
      store: this.store,
      topics: this.#topics,
      replicas: this.#replicas,
      groups: this.#groups.classic,
    })
    const { feed, topicSettings } = this.#storage
    addClusterMetrics(this.metrics, {
      brokerId: this.settings.brokerId,
      image: feed.image,
      minInsyncReplicasOf: (topic) => topicSettings.of(topic).minInsyncReplicas,
    })
    const delay = 'polylog_event_loop_delay_seconds'
    const histogram = this.metrics.histogram(delay, 'How late timers fire.', durationBounds)
    this.#endings.push(watchEventLoopDelay(host.clock, histogram))
    addProcessMetrics?.(this.metrics)
  }

  #topicDeleted(name: string): void {
    this.#groups.classic.onTopicDeleted(name).catch((error: unknown) => {
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
      // The port is open before the data directory is.
      cluster: () => this.#administration && clusterSources(this.settings, this.#storage, this.#administration),
      login: () => this.#httpLogin,
      guard: guardFacts(this.settings, () => this.#http?.address),
    }
    this.#http = await this.#parts.http.listen(address, adminHandler(sources), httpLimitDefaults, this.#tls.http)
  }

  #findUnreadiness(): string | undefined {
    if (this.#stopping) return 'stopping'
    if (!this.#kafkaAddress) return 'starting'
    return this.#registration?.fault ?? this.store.refusal
  }

  #findDeath(): string | undefined {
    if (!this.#kafkaAddress || this.#stopping) return undefined
    return this.store.failure ?? this.#storage.metadata.failure()
  }

  /**
   * Hands leadership over where others can take it, takes no new work, answers what is in flight, tells groups, syncs
   * everything and marks the directory clean. Bounded by `shutdownTimeoutMs` for clients that do not take their answers.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const { shutdownTimeoutMs } = this.settings
    const handOverMs = shutdownTimeoutMs * handOverShare
    this.#offsetsRetry?.cancel()
    await this.#registration?.handOver(handOverMs)
    this.#lifeLines?.close()
    const listener = this.#kafka.stop({ timeoutMs: shutdownTimeoutMs - handOverMs })
    this.#groups.leadership.end()
    await this.#groups.stop()
    await listener
    this.#queues.stop()
    await this.#cleaner?.stop()
    await this.#candidate?.close()
    await this.#replicas.close()
    // While anybody might still be answered, this broker is the leader of what nobody else can lead.
    await this.#registration?.leave(handOverMs)
    for (const end of this.#endings) end()
    await this.#storage.close()
    await this.#http?.close(1000)
  }

  /** Lets go of what a failed start had taken. */
  async #abandon(): Promise<void> {
    this.#registration?.close()
    this.#lifeLines?.close()
    await this.#kafka?.stop({ timeoutMs: 0 })
    this.#groups?.leadership.end()
    this.#queues?.stop()
    await this.#candidate?.close()
    await this.#replicas?.close()
    await this.#cleaner?.stop()
    await this.#http?.close(0)
    for (const end of this.#endings) end()
    await this.#storage?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
