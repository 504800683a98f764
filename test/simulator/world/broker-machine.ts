import { Broker } from '../../../packages/broker/src/broker.ts'
import type { BrokerSettings } from '../../../packages/broker/src/config/broker-table.ts'
import type { Host } from '../../../packages/broker/src/host/host.ts'
import type { HttpServer } from '../../../packages/broker/src/host/http.ts'
import type { Scheduler } from '../../../packages/broker/src/host/simulated/scheduler.ts'
import type { SimulatedNode } from '../../../packages/broker/src/host/simulated/simulated-node.ts'
import type { Logger } from '../../../packages/broker/src/telemetry/logger.ts'

export const kafkaPort = 9092
export const dataDirectory = 'data'

const noHttp: HttpServer = {
  listen: () => Promise.reject(new Error('the simulated broker has no HTTP port')),
}

/** Small sizes, so that files roll, rotate and go within seconds. */
function settingsFor(brokerId: number, durability: 'fsync' | 'os'): Partial<BrokerSettings> {
  const mib = 1024 * 1024
  return {
    brokerId,
    durability,
    dataDirectory,
    kafkaAddress: { host: '0.0.0.0', port: kafkaPort },
    httpAddress: undefined,
    autoCreateTopics: false,
    journalFileBytes: mib,
    journalBytesMax: 3 * mib,
    messageBytesMax: mib / 2,
    requestBytesMax: mib,
    tailMemoryBytes: mib,
    indexIntervalBytes: 512,
    retentionCheckIntervalMs: 2000,
    fileDeleteDelayMs: 1000,
    compactionIntervalMs: 1000,
    compactionMapBytes: mib,
    offsetsPartitionCount: 2,
    offsetsSegmentBytes: 4096,
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
  brokerId: number
  durability: 'fsync' | 'os'
  logger: Logger
  /** Something went wrong that never may. */
  failed: (what: string, error: unknown) => void
  /** Whether a start may fail at present because the disk is made to. */
  mayRefuse: () => boolean
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
  #hasPower = true
  /** Nobody starts it for now. */
  #held = false
  #ailingSinceMs: number | undefined

  constructor(options: BrokerMachineOptions) {
    this.node = options.node
    this.#options = options
  }

  get isUp(): boolean {
    return this.#broker !== undefined
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
    const process = this.#process
    const { brokerId, durability, disguise } = this.#options
    const parts = { host: disguise(this.node.host), http: noHttp, logger: this.#logger(process) }
    Broker.start(settingsFor(brokerId, durability), parts).then(
      (broker) => {
        if (this.#process !== process) return
        this.#starting = false
        this.#broker = broker
      },
      (error: unknown) => this.#refused(process, error),
    )
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
    const { logger, scheduler } = this.#options
    return {
      debug: (event, fields) => logger.debug(event, fields),
      info: (event, fields) => logger.info(event, fields),
      warn: (event, fields) => logger.warn(event, fields),
      error: (event, fields) => {
        if (event === bugLine) this.#options.failed('handler', new Error(String(fields?.['stack'])))
        if (this.#process === process && ailments.includes(event)) this.#ailingSinceMs ??= scheduler.nowMs
        logger.error(event, fields)
      },
    }
  }

  #forget(): void {
    this.#process += 1
    this.#ailingSinceMs = undefined
    this.#broker = undefined
    this.#starting = false
  }

  /** Whether the disk is made to fail at present, and this is what it says. Damage is never an excuse. */
  #isOfDisk(error: unknown): boolean {
    return this.#options.mayRefuse() && /EIO|no space left/.test(String(error))
  }

  #refused(process: number, error: unknown): void {
    if (this.#process !== process) return
    if (!this.#isOfDisk(error)) this.#options.failed('start', error)
    this.#starting = false
    this.kill()
  }
}
