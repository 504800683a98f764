import { apis, errorOf } from '@polylog/wire'
import type { Api, Message } from '@polylog/wire'
import type { Host } from '../../../packages/broker/src/host/host.ts'
import type { Address } from '../../../packages/broker/src/host/network.ts'
import type { SimulatedRandom } from '../../../packages/broker/src/host/simulated/simulated-random.ts'
import type { Catalogue } from './catalogue.ts'
import { logOf } from './catalogue.ts'
import type { Recorder } from './recorder.ts'
import { NoAnswer, WireConnection } from './wire-connection.ts'

/** What every simulated client is made of. */
export interface ClientParts {
  name: string
  host: Host
  /** Brokers to ask first. */
  bootstrap: readonly Address[]
  random: SimulatedRandom
  recorder: Recorder
  catalogue: Catalogue
  /** True once the faults are over: finish what was begun, begin nothing. */
  isEnding: () => boolean
}

/** Connections to brokers and the knowledge of who leads what. */
export class Session {
  readonly parts: ClientParts
  readonly #connections = new Map<string, Promise<WireConnection>>()
  readonly #addresses = new Map<number, Address>()
  readonly #leaders = new Map<string, number>()

  constructor(parts: ClientParts) {
    this.parts = parts
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.parts.host.clock.startTimer(ms, resolve))
  }

  /** A connection to the leader of a log. @throws NoAnswer if there is none to be had at present */
  async leader(topicId: string, partition: number): Promise<WireConnection> {
    const log = logOf(topicId, partition)
    if (!this.#leaders.has(log)) await this.#refresh()
    const node = this.#leaders.get(log)
    const address = node === undefined ? undefined : this.#addresses.get(node)
    // The log may be unknown because it is being made; any broker will say so.
    return address === undefined ? this.any() : this.#connect(address)
  }

  /** Broker id of the leader as far as it is known; -1 if it is not. */
  leaderId(topicId: string, partition: number): number {
    return this.#leaders.get(logOf(topicId, partition)) ?? -1
  }

  /** A connection to some broker of the bootstrap list. @throws NoAnswer */
  any(): Promise<WireConnection> {
    const { bootstrap, random } = this.parts
    return this.#connect(bootstrap[random.below(bootstrap.length)]!)
  }

  connect(address: Address): Promise<WireConnection> {
    return this.#connect(address)
  }

  /** After an error that says somebody else leads. */
  forgetLeaders(): void {
    this.#leaders.clear()
  }

  async close(): Promise<void> {
    for (const opening of this.#connections.values()) {
      try {
        const connection = await opening
        connection.close()
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
      }
    }
    this.#connections.clear()
  }

  /** Asks any broker again and again until it answers; for requests that may be repeated. */
  async insist<Q, I, R, RI>(api: Api<Message<Q, I>, Message<R, RI>>, version: number, request: NoInfer<I>): Promise<R> {
    for (;;) {
      try {
        const connection = await this.any()
        return await connection.exchange(api, version, request, 5000)
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        await this.sleep(this.parts.random.between(20, 200))
      }
    }
  }

  async #refresh(): Promise<void> {
    const connection = await this.any()
    const request = { topics: null, allowAutoTopicCreation: false }
    const { brokers, topics } = await connection.exchange(apis[3], 12, request, 5000)
    for (const { nodeId, host, port } of brokers) this.#addresses.set(nodeId, { host, port })
    for (const { topicId, partitions } of topics) {
      for (const { partitionIndex, leaderId } of partitions) this.#leaders.set(logOf(topicId, partitionIndex), leaderId)
    }
  }

  async #connect(address: Address): Promise<WireConnection> {
    const key = `${address.host}:${address.port}`
    for (;;) {
      let opening = this.#connections.get(key)
      if (opening === undefined) {
        opening = WireConnection.open(this.parts.host, address, this.parts.name)
        this.#connections.set(key, opening)
      }
      try {
        const connection = await opening
        if (connection.isUsable) return connection
      } catch (error) {
        this.#forget(key, opening)
        this.forgetLeaders()
        throw error
      }
      // As clients do: whoever is gone may have a successor.
      this.#forget(key, opening)
      this.forgetLeaders()
    }
  }

  /** Another caller may have opened a new one meanwhile. */
  #forget(key: string, opening: Promise<WireConnection>): void {
    if (this.#connections.get(key) === opening) this.#connections.delete(key)
  }
}

/** Kafka's name of an error code; 'NONE' for 0. */
export function nameOfError(code: number): string {
  return errorOf(code)?.name ?? `error ${code}`
}
