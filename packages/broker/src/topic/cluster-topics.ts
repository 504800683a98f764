import type { MetadataStore } from '../cluster/metadata-store.ts'
import type { BrokerSettings } from '../config/broker-table.ts'
import { describeTopicConfigs } from '../config/topic-settings.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Random } from '../host/random.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import { newPartition } from '../image/partition-state.ts'
import { isInternalTopic } from '../image/topic.ts'
import type { Topic } from '../image/topic.ts'
import { changedConfigs, replacedConfigs } from './config-changes.ts'
import type { Partition } from './partition.ts'
import type { ReplicaHost } from './replica-host.ts'
import { inStorageTerms } from './storage-failure.ts'
import { checkAdded, checkSpec } from './topic-spec.ts'
import type { AssignReplicas, SpecSurroundings } from './topic-spec.ts'
import { TopicWriter } from './topic-writer.ts'
import type { Written } from './topic-writer.ts'
import type { ConfigChange, ConfigEntry, Topics, TopicSpec } from './topics.ts'

export interface ClusterTopicsOptions {
  readonly metadata: MetadataStore
  readonly feed: ImageFeed
  readonly replicas: ReplicaHost
  readonly random: Random
  readonly settings: BrokerSettings
  readonly assign: AssignReplicas
  /** Settings of a topic before the broker's defaults: its own, and below them what a policy says. */
  readonly configsInForce: (topic: Topic) => ReadonlyMap<string, string>
}

/** Times that a change is made anew because somebody else was first. */
const conflictsMax = 10

/** The topics of the cluster, as the image shows them, and the replicas of them that are here. */
export class ClusterTopics implements Topics {
  readonly #options: ClusterTopicsOptions
  readonly #writer: TopicWriter
  /** Changes of one topic follow each other, so that those of one broker do not make each other begin anew. */
  readonly #changing = new Map<string, Promise<unknown>>()

  constructor(options: ClusterTopicsOptions) {
    this.#options = options
    this.#writer = new TopicWriter(options.metadata)
  }

  list(): readonly Topic[] {
    return [...this.#options.feed.image.topics.values()]
  }

  find(name: string): Topic | undefined {
    return this.#options.feed.image.topics.get(name)
  }

  findById(id: string): Topic | undefined {
    return this.#options.feed.image.topicsById.get(id)
  }

  partition(name: string, index: number): Partition | undefined {
    const topic = this.find(name)
    return topic && this.#options.replicas.leader(topic.id, index)
  }

  follower(name: string, index: number): Partition | undefined {
    const topic = this.find(name)
    return topic && this.#options.replicas.follower(topic.id, index)
  }

  replicas(): Iterable<Partition> {
    return this.#options.replicas.replicas()
  }

  create(spec: TopicSpec, validateOnly = false): Promise<Topic> {
    return this.#exclusive(spec.name, async () => {
      const topic = this.#newTopic(spec)
      if (validateOnly) return topic
      const done = await this.#settle(await this.#writer.create(topic))
      if (!done) throw new BrokerError('topic-exists', `topic ${spec.name} exists already`)
      return this.find(spec.name) ?? topic
    })
  }

  #newTopic(spec: TopicSpec): Topic {
    const configs = replacedConfigs(spec.configs)
    const { placement, assignments } = checkSpec(spec, this.#surroundings())
    const epochs = this.#brokerEpochs()
    return {
      name: spec.name,
      id: Buffer.from(this.#options.random.bytes(16)).toString('base64url'),
      internal: isInternalTopic(spec.name),
      partitions: assignments.map((replicas, index) => newPartition(index, replicas, epochs)),
      configs,
      placement,
      modRevision: 0,
    }
  }

  async ensure(name: string): Promise<Topic> {
    const known = this.find(name)
    if (known) return known
    try {
      return await this.create({ name, partitionCount: -1, replicationFactor: -1, configs: new Map() })
    } catch (error) {
      const made = this.find(name)
      if (made && error instanceof BrokerError && error.code === 'topic-exists') return made
      throw error
    }
  }

  delete(name: string): Promise<void> {
    return this.#exclusive(name, async () => {
      refuseInternal(this.#existing(name))
      const { id } = this.#existing(name)
      await this.#change(name, (topic) => {
        // One that was made again under the name is another topic.
        if (topic.id !== id) throw unknownTopic(name)
        return this.#writer.remove(topic)
      })
    })
  }

  addPartitions(
    name: string,
    totalCount: number,
    assignments: readonly (readonly number[])[] | undefined,
    validateOnly = false,
  ): Promise<Topic> {
    return this.#exclusive(name, async () => {
      let planned: Topic | undefined
      await this.#change(name, async (topic) => {
        refuseInternal(topic)
        const added = checkAdded(topic, totalCount, assignments, this.#surroundings())
        const present = topic.partitions.length
        const epochs = this.#brokerEpochs()
        const fresh = added.map((replicas, i) => newPartition(present + i, replicas, epochs))
        planned = { ...topic, partitions: [...topic.partitions, ...fresh] }
        return validateOnly ? undefined : this.#writer.grow(planned, present)
      })
      return (validateOnly ? undefined : this.find(name)) ?? planned!
    })
  }

  describeConfigs(name: string): readonly ConfigEntry[] {
    const topic = this.#existing(name)
    const inForce = this.#options.configsInForce(topic)
    return describeTopicConfigs(topic.configs, this.#options.settings).map((entry) => {
      const value = inForce.get(entry.name)
      // What a policy sets is none of the topic's own: a tool that writes back what it reads must not make it so.
      if (value === undefined || topic.configs.has(entry.name)) return entry
      return { ...entry, value, defaultValue: value, source: 'broker' }
    })
  }

  changeConfigs(name: string, changes: readonly ConfigChange[], validateOnly = false): Promise<void> {
    const { settings } = this.#options
    return this.#setConfigs(name, (topic) => changedConfigs(topic.configs, changes, settings), validateOnly)
  }

  replaceConfigs(name: string, configs: ReadonlyMap<string, string | null>, validateOnly = false): Promise<void> {
    return this.#setConfigs(name, () => replacedConfigs(configs), validateOnly)
  }

  #setConfigs(name: string, next: (topic: Topic) => ReadonlyMap<string, string>, validateOnly: boolean): Promise<void> {
    return this.#exclusive(name, () =>
      this.#change(name, async (topic) => {
        const configs = next(topic)
        return validateOnly ? undefined : this.#writer.replace({ ...topic, configs })
      }),
    )
  }

  /** Makes a change of a topic that is there, anew for as long as others come first. */
  async #change(name: string, change: (topic: Topic) => Promise<Written | undefined>): Promise<void> {
    for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
      const written = await change(this.#existing(name))
      if (written === undefined || (await this.#settle(written))) return
    }
    throw new BrokerError('storage', `topic ${name} is being changed by many at the same time`)
  }

  /** Waits until the image has what was written, or what stood in the way. @returns whether it was written */
  async #settle(written: Written): Promise<boolean> {
    const done = 'revision' in written
    await this.#options.feed.reached(done ? written.revision : written.conflictRevision)
    return done
  }

  #surroundings(): SpecSurroundings {
    const { settings, assign, feed } = this.#options
    const { topics, partitionCount, brokers } = feed.image
    return { settings, topics, partitionCount, brokers, assign }
  }

  #brokerEpochs(): ReadonlyMap<number, number> {
    return new Map([...this.#options.feed.image.brokers].map(([id, { epoch }]) => [id, epoch]))
  }

  #existing(name: string): Topic {
    const topic = this.find(name)
    if (!topic) throw unknownTopic(name)
    return topic
  }

  /** Runs `change` when all earlier changes of the topic by this broker are done. */
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

function refuseInternal({ name, internal }: Topic): void {
  if (internal) throw new BrokerError('policy-violation', `${name} is a topic of the broker itself`)
}

function unknownTopic(name: string): BrokerError {
  return new BrokerError('unknown-topic', `there is no topic ${name}`)
}
