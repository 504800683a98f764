import { Broker } from './broker.ts'
import { EmbeddedMetadataStore } from './cluster/embedded/embedded-store.ts'
import { MetadataError } from './cluster/metadata-error.ts'
import type { MetadataStore, Watch, WatchListener } from './cluster/metadata-store.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import type { OpenCertificates } from './host/certificates.ts'
import type { Disk } from './host/disk.ts'
import type { Host } from './host/host.ts'
import type { HttpServer } from './host/http.ts'
import { MemoryDisk } from './host/memory/memory-disk.ts'
import { CertificateFiles } from './host/node/certificate-files.ts'
import { createNodeHost } from './host/node/node-host.ts'
import type { Address, Connection, Listener, Network } from './host/network.ts'
import { NetworkError } from './host/network.ts'
import { mortalClock } from './host/simulated/mortal-clock.ts'
import { brokerPrefix } from './image/keys.ts'
import { silentLogger } from './telemetry/logger.ts'
import type { Logger } from './telemetry/logger.ts'

const noHttp: HttpServer = { listen: () => Promise.reject(new Error('there is no HTTP here')) }

/** One life of a process: when it is killed, its connections break, its timers stop, and nobody answers it any more. */
class Life {
  readonly host: Host
  readonly metadata: MetadataStore
  readonly #connections = new Set<Connection>()
  readonly #listeners = new Set<Listener>()
  readonly #watches = new Map<WatchListener, Watch>()
  #isDead = false
  #isCut = false
  /** Syncs that wait for the disk to go on. */
  #stalled: (() => void)[] | undefined

  constructor(disk: MemoryDisk, store: MetadataStore) {
    const real = createNodeHost()
    this.host = {
      ...real,
      clock: mortalClock(real.clock, () => this.#isDead),
      disk: this.#disk(disk),
      network: this.#network(real.network),
    }
    this.metadata = this.#line(store)
  }

  /** The metadata store cannot be reached. */
  cut(): void {
    this.#isCut = true
    const watches = new Map(this.#watches)
    this.#watches.clear()
    for (const [listener, watch] of watches) {
      watch.cancel()
      listener({ kind: 'failed', error: lineCut() })
    }
  }

  mend(): void {
    this.#isCut = false
  }

  stallDisk(): void {
    this.#stalled = []
  }

  async #synced(sync: () => Promise<void>): Promise<void> {
    if (this.#stalled) await new Promise<void>((resolve) => this.#stalled!.push(resolve))
    await sync()
  }

  /** Without its lock, which ends with the process: a disk in memory cannot know when that is. */
  #disk(real: MemoryDisk): Disk {
    return new Proxy<Disk>(real, {
      get: (target, name) => {
        if (name === 'lock') return () => ({ release: () => undefined })
        if (name === 'syncDirectory') return (path: string) => this.#synced(() => target.syncDirectory(path))
        if (name === 'open') {
          return (path: string, mode: 'read' | 'write' | 'create') => {
            const file = target.open(path, mode)
            const sync = file.sync.bind(file)
            return Object.assign(file, { sync: () => this.#synced(sync) })
          }
        }
        const value = Reflect.get(target, name, target) as unknown
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  async kill(): Promise<void> {
    this.#isDead = true
    for (const connection of this.#connections) connection.destroy()
    await Promise.all([...this.#listeners].map((listener) => listener.close()))
  }

  #network(real: Network): Network {
    const note = (connection: Connection): Connection => {
      this.#connections.add(connection)
      if (this.#isDead) connection.destroy()
      return connection
    }
    return {
      listen: async (address: Address, accepted, tls) => {
        const listener = await real.listen(address, (connection) => accepted(note(connection)), tls)
        this.#listeners.add(listener)
        return listener
      },
      connect: async (address, timeoutMs, tls) => {
        if (this.#isDead) throw new NetworkError('unreachable', 'the process is dead')
        return note(await real.connect(address, timeoutMs, tls))
      },
    }
  }

  #line(store: MetadataStore): MetadataStore {
    const call = async <T>(make: () => Promise<T>): Promise<T> => {
      if (this.#isDead) throw new MetadataError('closed', 'the process is dead')
      if (this.#isCut) throw lineCut()
      const made = await make()
      if (this.#isDead) throw new MetadataError('closed', 'the process is dead')
      if (this.#isCut) throw lineCut()
      return made
    }
    const watch = (prefix: string, fromRevision: number, listener: WatchListener): Watch => {
      const made = store.watch(prefix, fromRevision, (outcome) => {
        if (!this.#isDead) listener(outcome)
      })
      this.#watches.set(listener, made)
      return made
    }
    return {
      get: (key) => call(() => store.get(key)),
      range: (prefix, options) => call(() => store.range(prefix, options)),
      transaction: (transaction) => call(() => store.transaction(transaction)),
      watch,
      grantLease: (ttlMs) => call(() => store.grantLease(ttlMs)),
      keepAlive: (id) => call(() => store.keepAlive(id)),
      revokeLease: (id) => call(() => store.revokeLease(id)),
      close: () => Promise.resolve(),
    }
  }
}

function lineCut(): MetadataError {
  return new MetadataError('unavailable', 'the line to the metadata store is cut')
}

/** One broker of the cluster, over its lives: the disk stays. */
export class ClusterMember {
  readonly id: number
  readonly #cluster: InProcessCluster
  readonly #disk = new MemoryDisk()
  #life: Life | undefined
  #broker: Broker | undefined

  constructor(id: number, cluster: InProcessCluster) {
    this.id = id
    this.#cluster = cluster
  }

  get broker(): Broker {
    return this.#broker!
  }

  get isUp(): boolean {
    return this.#broker !== undefined
  }

  get address(): string {
    return `127.0.0.1:${this.broker.kafka.port}`
  }

  start(given: Partial<BrokerSettings> = {}): Promise<Broker> {
    return this.startOn(this.#cluster.store, given)
  }

  async startOn(store: MetadataStore, given: Partial<BrokerSettings> = {}): Promise<Broker> {
    const { settings, logger } = this.#cluster
    const life = new Life(this.#disk, store)
    const { host, metadata } = life
    const openCertificates: OpenCertificates = (files, tell) => new CertificateFiles(files, tell)
    const parts = { host, http: noHttp, logger: logger(this.id), metadata, openCertificates }
    this.#life = life
    this.#broker = await Broker.start({ ...settings, brokerId: this.id, ...given }, parts)
    return this.#broker
  }

  async stop(): Promise<void> {
    await this.#broker?.stop()
    this.#broker = undefined
  }

  /** The present life: what can be done to it. */
  get life(): Life {
    return this.#life!
  }

  /** The process is gone, without a word to anybody. */
  async kill(): Promise<void> {
    this.#broker = undefined
    await this.#life?.kill()
  }
}

/** Brokers in one process, over real loopback, on one metadata store in memory. */
export class InProcessCluster {
  readonly store: EmbeddedMetadataStore
  readonly members: readonly ClusterMember[]
  readonly settings: Partial<BrokerSettings>
  readonly logger: (id: number) => Logger
  readonly #brokerKeys = new Set<string>()

  private constructor(
    store: EmbeddedMetadataStore,
    count: number,
    given: Partial<BrokerSettings>,
    logger: (id: number) => Logger,
  ) {
    this.store = store
    this.logger = logger
    this.settings = {
      kafkaAddress: { host: '127.0.0.1', port: 0 },
      httpAddress: undefined,
      dataDirectory: '/data',
      durability: 'fsync',
      sessionTimeoutMs: 1000,
      offsetsPartitionCount: 3,
      replicaFetchWaitMsMax: 100,
      replicaFetchBackoffMs: 20,
      shutdownTimeoutMs: 10_000,
      ...given,
    }
    store.watch(brokerPrefix, 1, (outcome) => {
      if (outcome.kind !== 'changes') throw new Error('the watch of the test has ended')
      for (const event of outcome.events) {
        if (event.kind === 'put') this.#brokerKeys.add(event.keyValue.key)
        else this.#brokerKeys.delete(event.key)
      }
    })
    this.members = Array.from({ length: count }, (_, i) => new ClusterMember(i + 1, this))
  }

  /** @param count brokers, with the ids 1 to `count`; none of them is started */
  static async open(
    count: number,
    given: Partial<BrokerSettings> = {},
    logger: (id: number) => Logger = () => silentLogger,
  ): Promise<InProcessCluster> {
    const { clock } = createNodeHost()
    const store = await EmbeddedMetadataStore.open({ disk: new MemoryDisk(), clock, directory: '/metadata' })
    return new InProcessCluster(store, count, given, logger)
  }

  /** Starts all brokers at the same time. */
  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => member.start()))
  }

  /** Addresses of the brokers that are up, for clients. */
  get addresses(): string {
    return this.members
      .filter(({ isUp }) => isUp)
      .map(({ address }) => address)
      .join()
  }

  /** Registrations that the store holds at present. */
  brokerKeyCount(): number {
    return this.#brokerKeys.size
  }

  member(id: number): ClusterMember {
    return this.members[id - 1]!
  }

  /** Any broker that is up. */
  get someone(): ClusterMember {
    return this.members.find(({ isUp }) => isUp)!
  }

  /** Resolves when the condition holds. */
  async until(what: string, condition: () => boolean, timeoutMs = 20_000): Promise<void> {
    const { clock } = createNodeHost()
    const deadlineMs = clock.monotonicMs() + timeoutMs
    while (!condition()) {
      if (clock.monotonicMs() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
      await new Promise<void>((resolve) => clock.startTimer(5, resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()))
    await this.store.close()
  }
}
