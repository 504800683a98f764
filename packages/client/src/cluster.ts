import { apis } from '@polylog/wire'
import type { Api, Message } from '@polylog/wire'
import { formatAddress } from './address.ts'
import type { Address } from './address.ts'
import { BrokerLink } from './broker-link.ts'
import type { LinkOptions } from './broker-link.ts'
import { parseAddresses } from './parse-addresses.ts'
import type { Backoff } from './waiting.ts'
import { backoffMs, pauseFor } from './waiting.ts'
import { ClientError, expectSuccess, refusal } from './client-error.ts'
import { systemEnvironment } from './environment.ts'
import { checkCredentials } from './sasl.ts'
import type { Credentials } from './sasl.ts'
import type { Environment } from './environment.ts'
import type { TlsOptions } from './tls.ts'
import { expectTopicName } from './topic-name.ts'

export interface ClusterOptions {
  /** `host:port`, several with commas between; one that answers is enough. */
  brokers: string
  /** Name that the broker shows for this client. */
  clientId?: string
  connectTimeoutMs?: number
  /** Undefined: plain TCP. */
  tls?: TlsOptions | undefined
  requestTimeoutMs?: number
  /** Default: the machine's. */
  environment?: Environment
  /** Who logs in; without them nobody does. */
  credentials?: Credentials | undefined
  /** Told of each connection that is made, and of each that is lost. */
  onConnection?: (event: ConnectionEvent) => void
}

export type ConnectionEvent =
  | { type: 'connected'; address: Address }
  | { type: 'disconnected'; address: Address; error: ClientError }

export interface BrokerInfo extends Address {
  id: number
  rack: string | null
}

export interface PartitionInfo {
  index: number
  /** Broker id; -1 while there is no leader. */
  leader: number
  replicas: readonly number[]
  inSyncReplicas: readonly number[]
}

export interface TopicInfo {
  name: string
  id: string
  internal: boolean
  /** In the order of their index. */
  partitions: readonly PartitionInfo[]
}

export interface ClusterInfo {
  clusterId: string | null
  controllerId: number
  brokers: readonly BrokerInfo[]
  topics: readonly TopicInfo[]
}

const unknownTopic = 3

/** What is known of a topic is asked again after this time, so that new partitions are found. */
const topicAgeMsMax = 300_000

/**
 * The brokers of a cluster, their connections and what is known of topics: what producers, consumers and admin calls
 * stand on. A long poll travels in a lane of its own, since brokers answer a connection in order.
 */
export class Cluster {
  readonly requestTimeoutMs: number
  readonly environment: Environment
  readonly #onConnection: ClusterOptions['onConnection']
  readonly #seeds: readonly Address[]
  readonly #options: LinkOptions
  readonly #links = new Map<string, Promise<BrokerLink>>()
  readonly #addresses = new Map<number, Address>()
  readonly #topics = new Map<string, TopicInfo & { askedAtMs: number }>()
  readonly #asking = new Map<string, Promise<TopicInfo>>()
  readonly #openOnes = new Set<{ close(): void }>()
  readonly #usable = new Map<string, BrokerLink>()
  #controllerId = -1
  #closed = false

  constructor(options: ClusterOptions) {
    this.#seeds = parseAddresses(options.brokers)
    this.requestTimeoutMs = options.requestTimeoutMs ?? 30_000
    this.environment = options.environment ?? systemEnvironment
    this.#onConnection = options.onConnection
    this.#options = {
      clientId: options.clientId ?? 'polylog',
      connectTimeoutMs: options.connectTimeoutMs ?? 5000,
      tls: options.tls,
      requestTimeoutMs: this.requestTimeoutMs,
      credentials: options.credentials,
    }
    if (options.credentials !== undefined) checkCredentials(options.credentials)
  }

  /** Sends to any broker. @throws ClientError */
  async any<Q, I, R, RI>(api: Api<Message<Q, I>, Message<R, RI>>, value: NoInfer<I>): Promise<R> {
    const link = await this.#anyLink()
    return link.request(api, value, this.requestTimeoutMs)
  }

  /** Sends to the broker of this id. @throws ClientError */
  async broker<Q, I, R, RI>(
    id: number,
    api: Api<Message<Q, I>, Message<R, RI>>,
    value: NoInfer<I>,
    options: { lane?: string; extraTimeoutMs?: number; timeoutMs?: number } = {},
  ): Promise<R> {
    if (!this.#addresses.has(id)) await this.describe([])
    const address = this.#addresses.get(id)
    if (address === undefined) throw new ClientError('unreachable', `the cluster has no broker ${id} at the moment`)
    const link = await this.#link(address, options.lane ?? 'main')
    return link.request(api, value, (options.timeoutMs ?? this.requestTimeoutMs) + (options.extraTimeoutMs ?? 0))
  }

  /** Sends to the controller, which takes administrative requests. @throws ClientError */
  async controller<Q, I, R, RI>(api: Api<Message<Q, I>, Message<R, RI>>, value: NoInfer<I>): Promise<R> {
    if (this.#controllerId < 0) await this.describe([])
    return this.#controllerId < 0 ? this.any(api, value) : this.broker(this.#controllerId, api, value)
  }

  /** Broker id of the coordinator of a group. @throws ClientError */
  async coordinatorOf(group: string): Promise<number> {
    const answer = await this.any(apis[10], { key: group, keyType: 0 })
    expectSuccess(answer.errorCode, `cannot find the coordinator of group "${group}"`, answer.errorMessage)
    this.#addresses.set(answer.nodeId, { host: answer.host, port: answer.port })
    return answer.nodeId
  }

  /**
   * Asks for brokers and topics.
   * @param names undefined: every topic; topics that do not exist are left out
   */
  async describe(names?: readonly string[], create = false): Promise<ClusterInfo> {
    const answer = await this.any(apis[3], {
      topics: names === undefined ? null : names.map((name) => ({ name })),
      allowAutoTopicCreation: create,
    })
    for (const { nodeId, host, port } of answer.brokers) this.#addresses.set(nodeId, { host, port })
    this.#controllerId = answer.controllerId
    const topics: TopicInfo[] = []
    for (const topic of answer.topics) {
      if (topic.name === null || topic.errorCode !== 0) continue
      const partitions = topic.partitions
        .map((p) => ({
          index: p.partitionIndex,
          leader: p.leaderId,
          replicas: p.replicaNodes,
          inSyncReplicas: p.isrNodes,
        }))
        .toSorted((a, b) => a.index - b.index)
      const info = { name: topic.name, id: topic.topicId, internal: topic.isInternal, partitions }
      this.#topics.set(topic.name, { ...info, askedAtMs: this.environment.monotonicMs() })
      topics.push(info)
    }
    const brokers = answer.brokers.map(({ nodeId, host, port, rack }) => ({ id: nodeId, host, port, rack }))
    return { clusterId: answer.clusterId, controllerId: answer.controllerId, brokers, topics }
  }

  /**
   * A topic, from memory if it is known there; with `create`, the broker may make it if its settings allow that.
   * @throws ClientError 'refused' (UNKNOWN_TOPIC_OR_PARTITION) if it does not exist, 'invalid' if it cannot
   */
  async topic(name: string, create = false): Promise<TopicInfo> {
    const known = this.knownTopic(name)
    if (known !== undefined) return known
    expectTopicName(name)
    const key = `${create} ${name}`
    const asking = this.#asking.get(key)
    if (asking !== undefined) return asking
    // Many partitions lose their leader at once; one question serves them all.
    const asked = this.#ask(name, create).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asked)
    return asked
  }

  async #ask(name: string, create: boolean): Promise<TopicInfo> {
    const attempts = create ? 5 : 1
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const found = (await this.describe([name], create)).topics.find((topic) => topic.name === name)
      if (found !== undefined) return found
      // A topic that is being made has no leader for a moment.
      if (attempt < attempts) await pauseFor(this.environment, 50 * attempt)
    }
    throw refusal(unknownTopic, `there is no topic "${name}"`, 'the broker does not have it')
  }

  /**
   * A topic, asked for again while brokers cannot be reached, until the time-out.
   * @throws ClientError what the last attempt met; a topic that does not exist is not waited for
   */
  async topicWhenThere(
    name: string,
    options: { create: boolean; timeoutMs: number; backoff: Backoff; signal?: AbortSignal },
  ): Promise<TopicInfo> {
    const deadlineMs = this.environment.monotonicMs() + options.timeoutMs
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.topic(name, options.create)
      } catch (error) {
        const mayRetry = error instanceof ClientError && error.retriable && error.kafkaCode !== unknownTopic
        const delayMs = backoffMs(options.backoff, attempt, this.environment.random())
        if (!mayRetry || this.environment.monotonicMs() + delayMs > deadlineMs) throw error
        await pauseFor(this.environment, delayMs, options.signal)
      }
    }
  }

  /** What is remembered of a topic, if it is not too old. */
  knownTopic(name: string): TopicInfo | undefined {
    const known = this.#topics.get(name)
    if (known === undefined) return undefined
    return this.environment.monotonicMs() - known.askedAtMs > topicAgeMsMax ? undefined : known
  }

  /** Broker id of the leader. @throws ClientError if there is no such partition or no leader */
  async leaderOf(topic: string, partition: number): Promise<number> {
    const info = await this.topic(topic)
    const found = info.partitions.find((candidate) => candidate.index === partition)
    if (found === undefined) {
      const message = `topic "${topic}" has partitions 0 to ${info.partitions.length - 1}, not ${partition}`
      throw new ClientError('invalid', message)
    }
    if (found.leader < 0) throw refusal(5, `partition ${partition} of "${topic}" cannot be used`)
    return found.leader
  }

  /** Makes the next use of the topic ask the broker again. */
  forget(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Versions of a broker's APIs, by key. @throws ClientError */
  async versions(): Promise<BrokerLink['versions']> {
    return (await this.#anyLink()).versions
  }

  /** Closes the connections of one lane. */
  closeLane(lane: string): void {
    for (const [key, opening] of this.#links) {
      if (!key.startsWith(`${lane} `)) continue
      this.#links.delete(key)
      this.#usable.delete(key)
      opening.then(
        (link) => link.connection.close(),
        () => undefined,
      )
    }
  }

  /** Closes every connection. Calls under way are rejected with 'closed'. */
  async close(): Promise<void> {
    this.#closed = true
    for (const connection of this.#openOnes) connection.close()
    await Promise.allSettled(this.#links.values())
    this.#links.clear()
    this.#usable.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #anyLink(): Promise<BrokerLink> {
    // A broker that is connected comes before one that would have to be reached first and may be gone.
    for (const [key, link] of this.#usable) {
      if (link.connection.usable && key.startsWith('main ')) return link
    }
    let failure: unknown
    for (const address of [...this.#addresses.values(), ...this.#seeds]) {
      try {
        return await this.#link(address, 'main')
      } catch (error) {
        if (this.#closed) throw error
        failure = error
      }
    }
    throw failure
  }

  async #link(address: Address, lane: string): Promise<BrokerLink> {
    if (this.#closed) throw new ClientError('closed', 'the client was closed')
    const key = `${lane} ${formatAddress(address)}`
    const known = this.#links.get(key)
    if (known !== undefined) {
      const link = await known
      if (link.connection.usable) return link
      if (this.#links.get(key) === known) this.#links.delete(key)
      return this.#link(address, lane)
    }
    const opening = this.#open(address, key)
    this.#links.set(key, opening)
    try {
      return await opening
    } catch (error) {
      this.#links.delete(key)
      throw error
    }
  }

  async #open(address: Address, key: string): Promise<BrokerLink> {
    const onLost = (error: ClientError): void => {
      // One that never became usable is its caller's to report.
      if (!this.#usable.delete(key)) return
      this.#onConnection?.({ type: 'disconnected', address, error })
    }
    const link = await BrokerLink.open(address, {
      ...this.#options,
      environment: this.environment,
      openOnes: this.#openOnes,
      onLost,
    })
    if (!link.connection.usable)
      throw new ClientError('unreachable', `lost the connection to ${formatAddress(address)}`)
    this.#usable.set(key, link)
    this.#onConnection?.({ type: 'connected', address })
    return link
  }
}
