import type { MetadataStore, Operation } from '../cluster/metadata-store.ts'
import type { BrokerSettings } from '../config/broker-table.ts'
import { describeTopicConfigs, topicSettings } from '../config/topic-settings.ts'
import type { TopicSettings } from '../config/topic-settings.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { Log, LogSettings } from '../log/log.ts'
import type { LogStore } from '../log/store.ts'
import { changedConfigs, replacedConfigs } from './config-changes.ts'
import { LocalPartition } from './local-partition.ts'
import type { Partition } from './partition.ts'
import { inStorageTerms } from './storage-failure.ts'
import {
  assembleTopic,
  decodeTopic,
  encodePartition,
  encodeTopic,
  partitionKey,
  partitionPrefix,
  topicKey,
  topicPrefix,
} from './topic-keys.ts'
import { isInternalTopic } from './topic-name.ts'
import { checkSpec } from './topic-spec.ts'
import type { ConfigChange, ConfigEntry, PartitionState, Topic, Topics, TopicSpec } from './topics.ts'

export interface LocalTopicsOptions {
  metadata: MetadataStore
  clock: Clock
  random: Random
  settings: BrokerSettings
  /** Called after a topic is gone. */
  deleted: (name: string) => void
}

/** Puts in one transaction; etcd allows 128 operations. */
const keysPerTransaction = 100

/** The topics of a single broker: it holds and leads every partition. */
export class LocalTopics implements Topics {
  readonly #options: LocalTopicsOptions
  readonly #topics = new Map<string, Topic>()
  readonly #namesById = new Map<string, string>()
  readonly #partitions = new Map<string, LocalPartition[]>()
  readonly #partitionsByLog = new Map<Log, LocalPartition>()
  #store: LogStore | undefined
  /** Changes of one topic follow each other; key is the topic's name. */
  readonly #changing = new Map<string, Promise<unknown>>()
  #partitionCount = 0

  constructor(options: LocalTopicsOptions) {
    this.#options = options
  }

  /** Loads the topics. Before `attach` only their settings can be asked for. */
  async load(): Promise<void> {
    const { metadata } = this.#options
    const { keyValues } = await metadata.range(topicPrefix)
    for (const { key, value } of keyValues) {
      const stored = decodeTopic(key, value)
      const prefix = partitionPrefix(stored.id)
      const states = await metadata.range(prefix)
      const values = new Map(states.keyValues.map((kv) => [Number(kv.key.slice(prefix.length)), kv.value]))
      this.#note(assembleTopic(stored, values))
    }
  }

  /** Joins the topics with their logs: makes those that are missing and removes those of topics that are gone. */
  async attach(store: LogStore): Promise<void> {
    this.#store = store
    for (const topic of this.#topics.values()) this.#openPartitions(topic)
    const wanted = new Set([...this.#partitions.values()].flat().map((partition) => partition.log))
    for (const log of store.logs()) if (!wanted.has(log)) await store.delete(log)
  }

  /** Settings of a log at start, when only its name is known. */
  logSettings(logName: string): LogSettings {
    const topic = this.findById(logName.slice(logName.lastIndexOf('.') + 1))
    return this.#logSettings(topic?.configs ?? new Map())
  }

  /** The settings of the topic that a log belongs to; undefined for a log that is being deleted. */
  settingsOf(log: Log): TopicSettings | undefined {
    return this.#partitionsByLog.get(log)?.settings
  }

  list(): readonly Topic[] {
    return [...this.#topics.values()]
  }

  find(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  findById(id: string): Topic | undefined {
    const name = this.#namesById.get(id)
    return name === undefined ? undefined : this.#topics.get(name)
  }

  partition(name: string, index: number): Partition | undefined {
    return this.#partitions.get(name)?.[index]
  }

  *partitions(): Iterable<LocalPartition> {
    for (const partitions of this.#partitions.values()) yield* partitions
  }

  create(spec: TopicSpec, validateOnly = false): Promise<Topic> {
    return this.#exclusive(spec.name, async () => {
      const { settings } = this.#options
      const configs = replacedConfigs(spec.configs)
      const assignments = checkSpec(spec, { settings, topics: this.#topics, partitionCount: this.#partitionCount })
      const topic: Topic = {
        name: spec.name,
        id: Buffer.from(this.#options.random.bytes(16)).toString('base64url'),
        internal: isInternalTopic(spec.name),
        partitions: assignments.map((replicas, index) => newPartition(index, replicas)),
        configs,
      }
      if (validateOnly) return topic
      await this.#putPartitions(topic.id, topic.partitions)
      await this.#putTopic(topic, 0)
      this.#note(topic)
      this.#openPartitions(topic)
      return topic
    })
  }

  async ensure(name: string): Promise<Topic> {
    const known = this.#topics.get(name)
    if (known) return known
    try {
      return await this.create({ name, partitionCount: -1, replicationFactor: -1, configs: new Map() })
    } catch (error) {
      const made = this.#topics.get(name)
      if (made && error instanceof BrokerError && error.code === 'topic-exists') return made
      throw error
    }
  }

  delete(name: string): Promise<void> {
    return this.#exclusive(name, async () => {
      const topic = this.#existing(name)
      if (topic.internal) throw new BrokerError('policy-violation', `${name} is a topic of the broker itself`)
      await this.#options.metadata.transaction({
        then: [
          { kind: 'delete', key: topicKey(name) },
          { kind: 'delete-prefix', prefix: partitionPrefix(topic.id) },
        ],
      })
      const partitions = this.#partitions.get(name) ?? []
      this.#topics.delete(name)
      this.#namesById.delete(topic.id)
      this.#partitions.delete(name)
      this.#partitionCount -= topic.partitions.length
      for (const { log } of partitions) this.#partitionsByLog.delete(log)
      await Promise.all(partitions.map(({ log }) => this.#store!.delete(log)))
      this.#options.deleted(name)
    })
  }

  addPartitions(
    name: string,
    totalCount: number,
    assignments: readonly (readonly number[])[] | undefined,
    validateOnly = false,
  ): Promise<Topic> {
    return this.#exclusive(name, async () => {
      const topic = this.#existing(name)
      const present = topic.partitions.length
      if (topic.internal) throw new BrokerError('policy-violation', `${name} is a topic of the broker itself`)
      if (totalCount <= present) {
        const detail = `topic ${name} has ${present} partitions; the number can only grow, not become ${totalCount}`
        throw new BrokerError('invalid-partition-count', detail)
      }
      const spec: TopicSpec = { name, partitionCount: totalCount - present, replicationFactor: -1, configs: new Map() }
      if (assignments) spec.assignments = assignments.map((brokers, partition) => ({ partition, brokers }))
      const { settings } = this.#options
      const added = checkSpec(spec, { settings, topics: new Map(), partitionCount: this.#partitionCount })
      if (added.length !== totalCount - present) {
        const detail = `${added.length} assignments were given for ${totalCount - present} new partitions`
        throw new BrokerError('invalid-replica-assignment', detail)
      }
      const fresh = added.map((replicas, i) => newPartition(present + i, replicas))
      const grown: Topic = { ...topic, partitions: [...topic.partitions, ...fresh] }
      if (validateOnly) return grown
      await this.#putPartitions(topic.id, fresh)
      await this.#putTopic(grown, undefined)
      this.#note(grown)
      this.#openPartitions(grown)
      return grown
    })
  }

  describeConfigs(name: string): readonly ConfigEntry[] {
    return describeTopicConfigs(this.#existing(name).configs, this.#options.settings)
  }

  changeConfigs(name: string, changes: readonly ConfigChange[], validateOnly = false): Promise<void> {
    return this.#exclusive(name, () => {
      const topic = this.#existing(name)
      return this.#setConfigs(topic, changedConfigs(topic.configs, changes, this.#options.settings), validateOnly)
    })
  }

  replaceConfigs(name: string, configs: ReadonlyMap<string, string | null>, validateOnly = false): Promise<void> {
    return this.#exclusive(name, () => this.#setConfigs(this.#existing(name), replacedConfigs(configs), validateOnly))
  }

  async #setConfigs(topic: Topic, configs: ReadonlyMap<string, string>, validateOnly: boolean): Promise<void> {
    if (validateOnly) return
    const changed: Topic = { ...topic, configs }
    await this.#putTopic(changed, undefined)
    this.#note(changed)
    const settings = topicSettings(configs, this.#options.settings)
    for (const partition of this.#partitions.get(topic.name) ?? []) {
      partition.settings = settings
      partition.log.settings = this.#logSettings(configs)
    }
  }

  async #putPartitions(topicId: string, states: readonly PartitionState[]): Promise<void> {
    for (let at = 0; at < states.length; at += keysPerTransaction) {
      const puts: Operation[] = states
        .slice(at, at + keysPerTransaction)
        .map((state) => ({ kind: 'put', key: partitionKey(topicId, state.index), value: encodePartition(state) }))
      await this.#options.metadata.transaction({ then: puts })
    }
  }

  /** @param version that the key must have, 0 for a new topic; undefined for any but none */
  async #putTopic(topic: Topic, version: 0 | undefined): Promise<void> {
    const key = topicKey(topic.name)
    const { succeeded } = await this.#options.metadata.transaction({
      compare: [{ key, target: 'version', operator: version === 0 ? '=' : '>', value: 0 }],
      then: [{ kind: 'put', key, value: encodeTopic(topic) }],
    })
    if (!succeeded) throw new BrokerError(version === 0 ? 'topic-exists' : 'unknown-topic')
  }

  #note(topic: Topic): void {
    const before = this.#topics.get(topic.name)
    this.#partitionCount += topic.partitions.length - (before?.partitions.length ?? 0)
    this.#topics.set(topic.name, topic)
    this.#namesById.set(topic.id, topic.name)
  }

  #openPartitions(topic: Topic): void {
    const store = this.#store!
    const settings = topicSettings(topic.configs, this.#options.settings)
    const partitions = this.#partitions.get(topic.name) ?? []
    for (let index = partitions.length; index < topic.partitions.length; index++) {
      const name = `${topic.name.slice(0, 200)}-${index}.${topic.id}`
      const log = store.get(name) ?? store.create(name, this.#logSettings(topic.configs))
      const { leaderEpoch } = topic.partitions[index]!
      const { clock } = this.#options
      const common = { topicName: topic.name, topicId: topic.id, index, leaderEpoch }
      const partition = new LocalPartition({ ...common, clock, store, log, settings })
      partitions.push(partition)
      this.#partitionsByLog.set(log, partition)
    }
    this.#partitions.set(topic.name, partitions)
  }

  #logSettings(configs: ReadonlyMap<string, string>): LogSettings {
    const settings = topicSettings(configs, this.#options.settings)
    const { durability, segmentBytes, segmentMs, segmentJitterMs, segmentIndexBytes, indexIntervalBytes } = settings
    return { durability, segmentBytes, segmentMs, segmentJitterMs, segmentIndexBytes, indexIntervalBytes }
  }

  #existing(name: string): Topic {
    const topic = this.#topics.get(name)
    if (!topic) throw new BrokerError('unknown-topic', `there is no topic ${name}`)
    return topic
  }

  /** Runs `change` when all earlier changes of the topic are done. */
  #exclusive<T>(name: string, change: () => Promise<T>): Promise<T> {
    const before = this.#changing.get(name) ?? Promise.resolve()
    const work = (): Promise<T> => inStorageTerms(change)
    const mine = before.then(work, work)
    const settled = mine.then(
      () => undefined,
      () => undefined,
    )
    this.#changing.set(name, settled)
    void settled.then(() => {
      if (this.#changing.get(name) === settled) this.#changing.delete(name)
    })
    return mine
  }
}

function newPartition(index: number, replicas: readonly number[]): PartitionState {
  return { index, leader: replicas[0]!, leaderEpoch: 0, replicas, inSyncReplicas: replicas }
}
