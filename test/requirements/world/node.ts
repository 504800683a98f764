import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MetadataStore } from '../../../packages/broker/src/cluster/metadata-store.ts'
import { Broker } from '../../../packages/broker/src/broker.ts'
import type { BrokerSettings } from '../../../packages/broker/src/mod.ts'
import { silentLogger } from '../../../packages/broker/src/telemetry/logger.ts'
import { Life } from './life.ts'

export interface NodeOptions {
  readonly id: number
  readonly directory: string
  /** What all brokers of the cluster share; undefined for a broker on its own. */
  readonly store: MetadataStore | undefined
  readonly settings: Partial<BrokerSettings>
}

/** One broker over its lives: real disk, real sockets, real HTTP. */
export class Node {
  readonly id: number
  readonly directory: string
  /** What it has logged at the level info. */
  readonly events: string[] = []
  readonly #options: NodeOptions
  #life: Life | undefined
  #broker: Broker | undefined
  /** Stays the same over restarts, so that clients find the broker again. */
  #port = 0

  constructor(options: NodeOptions) {
    this.id = options.id
    this.directory = options.directory
    this.#options = options
  }

  get isUp(): boolean {
    return this.#broker !== undefined
  }

  /** @throws TypeError while the broker is down */
  get broker(): Broker {
    return this.#broker!
  }

  /** What can be done to the present life. */
  get life(): Life {
    return this.#life!
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  async start(given: Partial<BrokerSettings> = {}): Promise<void> {
    const { id, directory, store, settings } = this.#options
    const life = new Life(store)
    const all: Partial<BrokerSettings> = {
      brokerId: id,
      dataDirectory: directory,
      kafkaAddress: { host: '127.0.0.1', port: this.#port },
      httpAddress: { host: '127.0.0.1', port: 0 },
      ...settings,
      ...given,
    }
    const { host, http, metadata } = life
    this.#life = life
    const logger = { ...silentLogger, info: (event: string) => void this.events.push(event) }
    this.#broker = await Broker.start(all, { host, http, logger, ...(metadata && { metadata }) })
    this.#port = this.#broker.kafka.port
  }

  /** As told: leadership is handed over, everything is synced. */
  async stop(): Promise<void> {
    await this.#broker?.stop()
    this.#broker = undefined
  }

  /** As by kill -9. */
  async kill(): Promise<void> {
    this.#broker = undefined
    await this.#life?.kill()
  }

  /** Asks the HTTP port. @throws Error unless the answer is a success */
  async http(path: string, method = 'GET', body?: unknown): Promise<string> {
    const { host, port } = this.broker.http!
    const response = await fetch(`http://${host}:${port}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text
  }

  /** Sum of the series of this name in /metrics, with these labels if some are given (`api="Fetch"`). */
  async metric(name: string, labels = ''): Promise<number> {
    let total = 0
    for (const line of (await this.http('/metrics')).split('\n')) {
      const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
      if (match !== null && match[1] === name && (match[2] ?? '').includes(labels)) total += Number(match[3])
    }
    return total
  }

  /** Whether any file of the data directory holds these bytes. */
  holds(text: string): boolean {
    return filesUnder(this.directory).some((path) => readFileSync(path).includes(text))
  }

  /** The segments of a partition, one behind the other. Only a broker that has stopped in peace has all in them. */
  segments(topic: string, index: number): Buffer {
    const logs = join(this.directory, 'logs')
    const folder = readdirSync(logs).find((name) => name.startsWith(`${topic}-${index}.`))
    if (folder === undefined) throw new Error(`broker ${this.id} has no folder of ${topic}-${index}`)
    const names = readdirSync(join(logs, folder)).filter((name) => name.endsWith('.log'))
    return Buffer.concat(names.toSorted().map((name) => readFileSync(join(logs, folder, name))))
  }

  /** End of what this broker has of a partition on its disk, led or not. */
  durableEnd(topic: string, index = 0): number {
    return this.#replica(topic, index)?.log.durableOffset ?? 0
  }

  /** End of what this broker has of a partition, on its disk or not yet. */
  logEnd(topic: string, index = 0): number {
    return this.#replica(topic, index)?.log.endOffset ?? 0
  }

  #replica(topic: string, index: number) {
    for (const replica of this.broker.replicas.replicas()) {
      if (replica.topicName === topic && replica.index === index) return replica
    }
    return undefined
  }
}

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
