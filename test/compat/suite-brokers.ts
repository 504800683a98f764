import { appendFileSync } from 'node:fs'
import { Cluster } from '@polylog/client/admin'
import type { ClusterOptions } from '@polylog/client/admin'
import { BrokerProcess } from '../system/broker-process.ts'
import { until } from '../system/wait.ts'

export interface SuiteBrokersOptions {
  /** Ports of loopback at which the suite looks for brokers, one broker at each. They call themselves `localhost:PORT`. */
  readonly ports: readonly number[]
  /** Number of the first; the others count on from there. */
  readonly firstId: number
  /** As `--set` takes them. */
  readonly settings: readonly string[]
  /** The store that makes them a cluster; a broker on its own needs none. */
  readonly metadata?: string
  /** How to get in, where not everybody may. */
  readonly access?: Pick<ClusterOptions, 'tls' | 'credentials'>
  /** File that takes what the brokers logged, once they have ended. */
  readonly log: string | undefined
}

/** Brokers where a suite expects them, each in a process of its own. They know each other when `start` resolves. */
export class SuiteBrokers implements AsyncDisposable {
  readonly #brokers: readonly BrokerProcess[]
  readonly #log: string | undefined
  /** `host:port` of all, with commas between. */
  readonly addresses: string

  private constructor(brokers: readonly BrokerProcess[], log: string | undefined) {
    this.#brokers = brokers
    this.#log = log
    this.addresses = brokers.map(({ address }) => address).join()
  }

  /** @throws Error when one of them does not come up, as when its port is taken */
  static async start(options: SuiteBrokersOptions): Promise<SuiteBrokers> {
    const { ports, firstId, settings, metadata, access, log } = options
    const starts = await Promise.allSettled(
      ports.map((port, index) => {
        const own = [...settings, `broker.id=${firstId + index}`, `advertised.address=localhost:${port}`]
        if (metadata !== undefined) own.push(`metadata=${metadata}`)
        const flags = own.flatMap((setting) => ['--set', setting])
        return BrokerProcess.start({ address: `127.0.0.1:${port}`, flags })
      }),
    )
    const brokers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
    const started = new SuiteBrokers(brokers, log)
    const failure = starts.find((start) => start.status === 'rejected')
    try {
      if (failure !== undefined) throw failure.reason
      await started.#untilAllKnown(access)
    } catch (error) {
      await started[Symbol.asyncDispose]()
      throw error
    }
    return started
  }

  async #untilAllKnown(access: SuiteBrokersOptions['access']): Promise<void> {
    for (const { address } of this.#brokers) {
      await using cluster = new Cluster({ brokers: address, ...access })
      await until(`${address} knows all brokers`, async () => {
        const { brokers } = await cluster.describe([])
        return brokers.length === this.#brokers.length
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#brokers.map((broker) => broker[Symbol.asyncDispose]()))
    if (this.#log === undefined) return
    for (const { address, log } of this.#brokers) appendFileSync(this.#log, `\n##### broker ${address}\n${log}`)
  }
}
