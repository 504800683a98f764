import type { MetadataStore } from './cluster/metadata-store.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { openDataDirectory } from './data-directory.ts'
import type { DirectoryIdentity } from './data-directory.ts'
import { BrokerError } from './errors/errors.ts'
import type { Disk } from './host/disk.ts'
import { DiskError } from './host/disk.ts'
import type { Host } from './host/host.ts'
import { MemoryDisk } from './host/memory/memory-disk.ts'
import { ImageFeed } from './image/image-feed.ts'
import type { ClusterRecord } from './image/records.ts'
import { LogStore } from './log/store.ts'
import { ensureCluster } from './membership/cluster-record.ts'
import { connectToEtcd, isEmbedded, openEmbedded } from './open-metadata.ts'
import type { OpenHttpClient, OpenMetadata } from './open-metadata.ts'
import type { Logger } from './telemetry/logger.ts'
import { logSettingsOf } from './topic/log-settings.ts'
import { TopicSettingsInForce } from './topic-settings-in-force.ts'
import { WatchedDisk } from './watched-disk.ts'

/** Batches from this size on are synced in their segment; see log/group-commit.ts. */
const directBytesMin = 48 * 1024

export interface StorageParts {
  readonly host: Host
  readonly logger: Logger
  readonly settings: BrokerSettings
  /** A store that is there already and is not closed with the broker. */
  readonly metadata: MetadataStore | undefined
  readonly openHttpClient: OpenHttpClient | undefined
  /** Told of each journal sync. */
  readonly synced: (ms: number) => void
  /** See `LogStoreOptions`. */
  readonly poisonsMemory: boolean | undefined
}

/** What a broker keeps, and what it knows of the cluster. */
export class BrokerStorage {
  /** Whether the metadata store is part of the data directory, so that nobody else has a say in what there is. */
  readonly isAlone: boolean
  identity!: DirectoryIdentity
  cluster!: ClusterRecord
  metadata!: OpenMetadata
  feed!: ImageFeed
  topicSettings!: TopicSettingsInForce
  logs!: LogStore
  readonly #disk: WatchedDisk | undefined
  /** In the order in which things were taken. */
  readonly #endings: (() => void | Promise<void>)[] = []

  private constructor(parts: StorageParts) {
    this.isAlone = parts.metadata === undefined && isEmbedded(parts.settings)
    // Where nobody could take over, nobody needs to know that the disk has stalled.
    this.#disk = this.isAlone ? undefined : new WatchedDisk(diskOf(parts), parts.host.clock)
  }

  /**
   * @throws BrokerError 'storage' | 'invalid-config', JournalDamageError, CheckpointDamageError, MetadataError; nothing is
   * left open then
   */
  static async open(parts: StorageParts): Promise<BrokerStorage> {
    const storage = new BrokerStorage(parts)
    try {
      await storage.#open(parts)
    } catch (error) {
      await storage.close()
      throw isFull(error) ? explainFull(error) : error
    }
    return storage
  }

  /** How long the oldest sync has been waiting for the disk. */
  get diskWaitMs(): number {
    return this.#disk?.waitMs ?? 0
  }

  /** Lets go of everything, the logs first. */
  async close(): Promise<void> {
    for (const end of this.#endings.splice(0).reverse()) await end()
  }

  async #open(parts: StorageParts): Promise<void> {
    const { host, settings, logger } = parts
    const disk = this.#disk ?? diskOf(parts)
    const { random, clock } = host
    const user = { brokerId: settings.brokerId, metadata: this.isAlone ? 'embedded' : 'external' } as const
    const directory = await openDataDirectory(disk, random, settings.dataDirectory, user)
    this.#endings.push(() => directory.release())
    this.metadata = await openMetadata(parts, disk)
    this.#endings.push(() => this.metadata.close())
    const { store } = this.metadata
    const known = { clusterId: directory.identity?.clusterId, mayFound: this.isAlone }
    this.cluster = await ensureCluster(store, random, known)
    this.identity = await directory.adopt(this.cluster.id)
    this.feed = new ImageFeed({ store, clock, logger })
    this.#endings.push(() => this.feed.close())
    await this.feed.start()
    this.topicSettings = new TopicSettingsInForce(this.feed, settings)
    this.logs = await this.#openLogs(parts, disk)
    this.#endings.push(() => this.logs.close())
  }

  #openLogs({ host, logger, settings, synced, poisonsMemory = false }: StorageParts, disk: Disk): Promise<LogStore> {
    return LogStore.open({
      disk,
      clock: host.clock,
      logger,
      directory: settings.dataDirectory,
      directoryId: Buffer.from(this.identity.directoryId, 'hex'),
      settingsOf: (logName) => {
        const topic = this.feed.image.topicsById.get(logName.slice(logName.lastIndexOf('.') + 1))
        return logSettingsOf(topic ? this.topicSettings.of(topic) : this.topicSettings.ofNone())
      },
      // In memory the journal holds the making of logs only.
      journalFileBytes: settings.durability === 'memory' ? 1 << 20 : settings.journalFileBytes,
      journalBytesMax: settings.journalBytesMax,
      journalSpareBytesMax: settings.journalSpareBytesMax,
      directBytesMin,
      tailMemoryBytesMax: settings.tailMemoryBytes,
      poisonsMemory,
      openFilesMax: settings.fileHandleCountMax,
      durable: (log) => log.onChange(),
      synced,
    })
  }
}

function isFull(error: unknown): error is DiskError {
  return error instanceof DiskError && error.kind === 'full'
}

/** Recovery writes what the journal holds into segments, and a checkpoint; until then nobody can be served from them. */
function explainFull(error: DiskError): BrokerError {
  const detail = `${error.message}: a start needs room for what the last stop or crash has left in the journal; make room and start again, nothing is lost`
  return new BrokerError('storage', detail, { cause: error })
}

function diskOf({ settings, host }: StorageParts): Disk {
  return settings.durability === 'memory' ? new MemoryDisk() : host.disk
}

async function openMetadata(parts: StorageParts, disk: Disk): Promise<OpenMetadata> {
  const { metadata, settings, host, logger, openHttpClient } = parts
  if (metadata) return { store: metadata, failure: () => undefined, close: () => Promise.resolve() }
  if (isEmbedded(settings)) return openEmbedded(disk, host, settings, logger)
  return connectToEtcd(host, settings, logger, openHttpClient)
}
