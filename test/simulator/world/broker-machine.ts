import { Broker } from '../../../packages/broker/src/broker.ts'
import { MetadataError } from '../../../packages/broker/src/cluster/metadata-error.ts'
import type { MetadataStore } from '../../../packages/broker/src/cluster/metadata-store.ts'
import type { BrokerSettings } from '../../../packages/broker/src/config/broker-table.ts'
import type { Host } from '../../../packages/broker/src/host/host.ts'
import type { HttpServer } from '../../../packages/broker/src/host/http.ts'
import type { Scheduler } from '../../../packages/broker/src/host/simulated/scheduler.ts'
import type { SimulatedNode } from '../../../packages/broker/src/host/simulated/simulated-node.ts'
import { metadataPort } from '../metadata/protocol.ts'
import type { Recorder } from '../clients/recorder.ts'
import type { LedBy } from '../clients/share-session.ts'
import { RecordingMetadataStore } from '../metadata/recording-store.ts'
import { RemoteMetadataStore } from '../metadata/remote-store.ts'
import type { LogFields, Logger } from '../../../packages/broker/src/telemetry/logger.ts'

export const metadataMachine = 'metadata'
export const kafkaPort = 9092
export const dataDirectory = 'data'

const noHttp: HttpServer = {
  listen: () => Promise.reject(new Error('the simulated broker has no HTTP port')),
}

/** Small sizes, so that files roll, rotate and go within seconds. */
function settingsFor({ brokerId, durability, node }: BrokerMachineOptions): Partial<BrokerSettings> {
  const mib = 1024 * 1024
  return {
    brokerId,
    durability,
    advertisedAddress: { host: node.name, port: kafkaPort },
    replicaLagMsMax: 4000,
    replicaFetchBytesMax: mib / 2,
    dataDirectory,
    kafkaAddress: { host: '0.0.0.0', port: kafkaPort },
    allowAnonymousNetwork: true,
    httpAddress: undefined,
    autoCreateTopics: false,
    journalFileBytes: mib,
    journalBytesMax: 3 * mib,
    messageBytesMax: mib / 2,
    requestBytesMax: mib,
    tailMemoryBytes: mib,
    indexIntervalBytes: 512,
    retentionCheckIntervalMs: 2000,
    compactionIntervalMs: 1000,
    compactionMapBytes: mib,
    offsetsPartitionCount: 2,
    offsetsSegmentBytes: 4096,
    shareStatePartitionCount: 2,
    shareStateSegmentBytes: 4096,
    groupSessionTimeoutMsMin: 1000,
    fetchSessionCountMax: 3,
    shutdownTimeoutMs: 3000,
  }
}

/** Log lines after which a part of the broker is out of service until someone starts it again. */
const ailments = ['sync of a segment failed, the log takes no more records', 'metadata store failed']
/** A log line that says of itself that it is a bug. */
const bugLine = 'kafka handler failed'
/** What the operator needs to come. */
const ailingMsMax = 4000

export interface BrokerMachineOptions {
  node: SimulatedNode
  scheduler: Scheduler
  recorder: Recorder
  brokerId: number
  durability: 'fsync' | 'os'
  /** Whether the metadata store is on a machine of its own, for all brokers. */
  sharesMetadata: boolean
  logger: Logger
  /** Something went wrong that never may. */
  failed: (what: string, error: unknown) => void
  /** Whether a start or stop that began then may fail because the disk was made to. */
  mayRefuse: (sinceMs: number) => boolean
  /** Test of the tests: lets the broker see a broken world. */
  disguise: (host: Host) => Host
}

/** A machine with a broker, and the supervisor that starts it again. */
export class BrokerMachine {
  readonly node: SimulatedNode
  readonly #options: BrokerMachineOptions
  #broker: Broker | undefined
  #process = 0
  #starting = false
  #stopping = false
  #hasPower = true
  /** Nobody starts it for now. */
  #held = false
  #ailingSinceMs: number | undefined
  /** When the start or stop under way began. */
  #begunAtMs = 0

  constructor(options: BrokerMachineOptions) {
    this.node = options.node
    this.#options = options
  }

  get isUp(): boolean {
    return this.#broker !== undefined
  }

  get brokerId(): number {
    return this.#options.brokerId
  }

  get name(): string {
    return this.node.name
  }

  /** Starts the broker unless it runs; called by the supervisor again and again. */
  start(): void {
    if (!this.#hasPower || this.#held || this.#starting) return
    if (this.#broker !== undefined) {
      // A broker whose storage has failed says so; what runs it then starts a new one.
      const ailingMs = this.#options.scheduler.nowMs - (this.#ailingSinceMs ?? Infinity)
      if (this.#broker.store.failure === undefined && ailingMs < ailingMsMax) return
      this.kill()
    }
    this.#starting = true
    this.#begunAtMs = this.#options.scheduler.nowMs
    const process = this.#process
    const { disguise, sharesMetadata } = this.#options
    const host = disguise(this.node.host)
    const parts = { host, http: noHttp, logger: this.#logger(process), poisonsMemory: true }
    const shared = sharesMetadata && { metadata: this.#metadata(host) }
    Broker.start(settingsFor(this.#options), { ...parts, ...shared }).then(
      (broker) => {
        if (this.#process !== process) return
        this.#starting = false
        this.#broker = broker
      },
      (error: unknown) => this.#refused(process, error),
    )
  }

  #metadata(host: Host): MetadataStore {
    const { recorder } = this.#options
    const store = new RemoteMetadataStore(host, { host: metadataMachine, port: metadataPort })
    return new RecordingMetadataStore(store, recorder.metadata, this.name, () => recorder.tick())
  }

  /** Keeps the supervisor from starting it until `release`. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
  }

  /** kill -9. */
  kill(): void {
    if (!this.#hasPower) return
    this.#forget()
    this.node.killProcess()
  }

  losePower(): void {
    if (!this.#hasPower) return
    this.#forget()
    this.#hasPower = false
    this.node.losePower()
  }

  powerOn(): void {
    if (this.#hasPower) return
    this.#hasPower = true
    this.node.powerOn()
  }

  /** A graceful stop; true if there was a broker to stop. */
  stop(): boolean {
    const broker = this.#broker
    if (broker === undefined) return false
    const process = this.#process
    this.#broker = undefined
    this.#starting = true
    this.#stopping = true
    this.#begunAtMs = this.#options.scheduler.nowMs
    const ended = (): void => {
      if (this.#process === process) this.kill()
    }
    broker.stop().then(ended, (error: unknown) => {
      if (this.#process === process && !this.#isOfDisk(error)) this.#options.failed('stop', error)
      ended()
    })
    return true
  }

  #logger(process: number): Logger {
    const { logger, scheduler, node } = this.#options
    const placed = (fields: LogFields | undefined): LogFields => ({
      at: `${Math.round(scheduler.nowMs)} ${node.name}`,
      ...fields,
    })
    return {
      debug: (event, fields) => logger.debug(event, placed(fields)),
      info: (event, fields) => logger.info(event, placed(fields)),
      warn: (event, fields) => logger.warn(event, placed(fields)),
      error: (event, fields) => {
        if (event === bugLine) this.#options.failed('handler', new Error(String(fields?.['stack'])))
        if (this.#process === process && ailments.includes(event)) this.#ailingSinceMs ??= scheduler.nowMs
        logger.error(event, placed(fields))
      },
    }
  }

  #forget(): void {
    this.#process += 1
    this.#ailingSinceMs = undefined
    this.#broker = undefined
    this.#starting = false
    this.#stopping = false
  }

  /** Whether it has been told to stop, and its process has not ended yet. */
  get isStopping(): boolean {
    return this.#stopping
  }

  get broker(): Broker | undefined {
    return this.#broker
  }

  /** As what it leads a log; undefined if it does not. */
  ledBy(topicId: string, partition: number): LedBy | undefined {
    const leader = this.#broker?.replicas.leader(topicId, partition)
    if (leader === undefined) return undefined
    const { leaderEpoch: epoch } = leader
    return { tenure: `${this.name} process ${this.#process} epoch ${epoch}`, epoch }
  }

  /** SIGSTOP. */
  pause(): void {
    this.node.pause()
    this.node.disk.stall()
  }

  /** SIGCONT, for the process with that number: another one was never stopped. */
  resume(process: number): void {
    this.node.disk.release()
    if (this.#process === process) this.node.resume()
  }

  /** Of the process that runs now. */
  get processNumber(): number {
    return this.#process
  }

  /** Whether the disk was made to fail meanwhile, and this is what it says. Damage is never an excuse. */
  #isOfDisk(error: unknown): boolean {
    return this.#options.mayRefuse(this.#begunAtMs) && /EIO|no space left/.test(String(error))
  }

  /** A store that is out of reach keeps a broker from starting; its supervisor tries again. */
  #isOfMetadata(error: unknown): boolean {
    return this.#options.sharesMetadata && error instanceof MetadataError && error.kind === 'unavailable'
  }

  #refused(process: number, error: unknown): void {
    if (this.#process !== process) return
    if (!this.#isOfDisk(error) && !this.#isOfMetadata(error)) this.#options.failed('start', error)
    this.#starting = false
    this.kill()
  }
}
