import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from '@polylog/client'
import type { Client, ConnectOptions } from '@polylog/client'
import { Cluster, createTopic } from '@polylog/client/admin'
import type { NewTopic } from '@polylog/client/admin'
import type { BrokerSettings } from '../../../packages/broker/src/mod.ts'
import { Node } from './node.ts'

/** One broker with a store of its own, and its data directory. */
export class Alone implements AsyncDisposable {
  readonly node: Node
  readonly #directory: string
  readonly #clients: Cluster[] = []
  readonly #sdks: Client[] = []

  private constructor(directory: string, settings: Partial<BrokerSettings>) {
    this.#directory = directory
    this.node = new Node({ id: 1, directory, store: undefined, settings })
  }

  static async start(settings: Partial<BrokerSettings> = {}): Promise<Alone> {
    const alone = new Alone(mkdtempSync(join(tmpdir(), 'polylog-alone-')), settings)
    await alone.node.start()
    return alone
  }

  /** A client that lives as long as this. */
  client(): Cluster {
    const client = new Cluster({ brokers: this.node.address, requestTimeoutMs: 5000 })
    this.#clients.push(client)
    return client
  }

  /** A client of the SDK that lives as long as this. */
  async sdk(options: Partial<ConnectOptions> = {}): Promise<Client> {
    const client = await connect({ brokers: this.node.address, retry: { initialMs: 20, maxMs: 200 }, ...options })
    this.#sdks.push(client)
    return client
  }

  /** Makes topics; names alone have three partitions. */
  async topics(...topics: (string | NewTopic)[]): Promise<void> {
    const client = this.client()
    for (const topic of topics) {
      await createTopic(client, typeof topic === 'string' ? { name: topic, partitionCount: 3 } : topic)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sdks.map((client) => client.close({ timeoutMs: 0 })))
    await Promise.all(this.#clients.map((client) => client.close()))
    await this.node.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
