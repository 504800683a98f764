import { BrokerError } from '../../errors/errors.ts'
import type { Host } from '../../host/host.ts'
import { newPartition } from '../../image/partition-state.ts'
import type { PartitionState } from '../../image/partition-state.ts'
import type { ConfigChange, ConfigEntry, Topic, Topics, TopicSpec } from '../../topic/topics.ts'
import { MemoryPartition } from './memory-partition.ts'

const namePattern = /^[a-zA-Z0-9._-]{1,249}$/
const configNames = ['cleanup.policy', 'retention.ms']
const configDefaults: Record<string, string> = { 'cleanup.policy': 'delete', 'retention.ms': '604800000' }

/** Topics in memory for tests of the front-end; broker 1 leads everything, unless a test says otherwise. */
export class MemoryTopics implements Topics {
  /** Set by a test: making a topic takes until the promise resolves. */
  gate: Promise<void> = Promise.resolve()
  private readonly host: Host
  private readonly topics = new Map<string, Topic>()
  private readonly internal = new Map<string, Topic>()
  private readonly held = new Map<string, MemoryPartition>()
  private readonly followed = new Map<string, MemoryPartition>()

  constructor(host: Host) {
    this.host = host
  }

  list(): readonly Topic[] {
    return [...this.topics.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  find(name: string): Topic | undefined {
    return this.topics.get(name) ?? this.internal.get(name)
  }

  findById(id: string): Topic | undefined {
    return this.list().find((topic) => topic.id === id)
  }

  partition(name: string, index: number): MemoryPartition | undefined {
    return this.held.get(`${name}-${index}`)
  }

  follower(name: string, index: number): MemoryPartition | undefined {
    return this.followed.get(`${name}-${index}`)
  }

  replicas(): Iterable<MemoryPartition> {
    return [...this.held.values(), ...this.followed.values()]
  }

  async create(spec: TopicSpec, validateOnly = false): Promise<Topic> {
    await this.gate
    if (!namePattern.test(spec.name)) throw new BrokerError('invalid-topic-name')
    if (this.topics.has(spec.name)) throw new BrokerError('topic-exists', `Topic ${spec.name} exists already.`)
    if (spec.partitionCount === 0 || spec.partitionCount < -1) throw new BrokerError('invalid-partition-count')
    if (spec.replicationFactor !== -1 && spec.replicationFactor !== 1) {
      throw new BrokerError('invalid-replication-factor')
    }
    const configs = new Map<string, string>()
    for (const [name, value] of spec.configs) {
      checkConfig(name)
      if (value !== null) configs.set(name, value)
    }
    const count = spec.assignments?.length ?? (spec.partitionCount === -1 ? 1 : spec.partitionCount)
    const id = Buffer.from(this.host.random.bytes(16)).toString('base64url')
    const topic = { ...makeTopic(spec.name, id, count), configs }
    if (!validateOnly) this.put(topic)
    return topic
  }

  async ensure(name: string): Promise<Topic> {
    return this.find(name) ?? this.create({ name, partitionCount: -1, replicationFactor: -1, configs: new Map() })
  }

  async delete(name: string): Promise<void> {
    const topic = this.known(name)
    if (topic.internal) throw new BrokerError('policy-violation', 'Internal topics cannot be deleted.')
    this.topics.delete(name)
    for (const { index } of topic.partitions) {
      const partition = this.held.get(`${name}-${index}`)
      this.held.delete(`${name}-${index}`)
      partition?.commit({ code: 'unknown-topic', detail: 'The topic was deleted.' })
    }
  }

  async addPartitions(
    name: string,
    totalCount: number,
    _assignments: readonly (readonly number[])[] | undefined,
    validateOnly = false,
  ): Promise<Topic> {
    const topic = this.known(name)
    if (totalCount <= topic.partitions.length) {
      throw new BrokerError('invalid-partition-count', `The topic has ${topic.partitions.length} partitions already.`)
    }
    const grown = { ...topic, partitions: states(totalCount) }
    if (!validateOnly) this.put(grown)
    return grown
  }

  describeConfigs(name: string): readonly ConfigEntry[] {
    const { configs } = this.known(name)
    return configNames.map((config) => ({
      name: config,
      value: configs.get(config) ?? configDefaults[config]!,
      defaultValue: configDefaults[config]!,
      source: configs.has(config) ? ('topic' as const) : ('default' as const),
      type: config === 'retention.ms' ? ('long' as const) : ('list' as const),
      documentation: `What ${config} does.`,
      readOnly: false,
      sensitive: false,
      brokerSynonym: `log.${config}`,
    }))
  }

  async changeConfigs(name: string, changes: readonly ConfigChange[], validateOnly = false): Promise<void> {
    const topic = this.known(name)
    const configs = new Map(topic.configs)
    for (const change of changes) {
      checkConfig(change.name)
      if (change.operation === 'delete') configs.delete(change.name)
      else if (change.operation === 'append') configs.set(change.name, `${configs.get(change.name)},${change.value}`)
      else configs.set(change.name, change.value!)
    }
    if (!validateOnly) this.topics.set(name, { ...topic, configs })
  }

  async replaceConfigs(name: string, configs: ReadonlyMap<string, string | null>, validateOnly = false): Promise<void> {
    const topic = this.known(name)
    for (const config of configs.keys()) checkConfig(config)
    const kept = new Map([...configs].filter((pair): pair is [string, string] => pair[1] !== null))
    if (!validateOnly) this.topics.set(name, { ...topic, configs: kept })
  }

  /** A topic of the broker itself, which `list` does not show so that tests need not count it. */
  addInternal(name: string, partitionCount: number): void {
    const id = Buffer.from(name.padEnd(16).slice(0, 16)).toString('base64url')
    this.internal.set(name, { ...makeTopic(name, id, partitionCount), internal: true })
  }

  /** For a test: another broker now leads the partition. */
  moveAway(name: string, index: number, leader: number): void {
    this.change(name, index, { leader, leaderEpoch: this.find(name)!.partitions[index]!.leaderEpoch + 1 })
    this.held.delete(`${name}-${index}`)
  }

  /** For a test: the state of a partition changes. */
  change(name: string, index: number, change: Partial<PartitionState>): void {
    const topic = this.find(name)!
    const partitions = topic.partitions.map((state) => (state.index === index ? { ...state, ...change } : state))
    const holder = topic.internal ? this.internal : this.topics
    holder.set(name, { ...topic, partitions })
  }

  /** For a test: another broker now leads the partition, this one follows it. */
  follow(name: string, index: number, leader: number): MemoryPartition {
    const key = `${name}-${index}`
    const partition = this.held.get(key)!
    this.moveAway(name, index, leader)
    this.followed.set(key, partition)
    return partition
  }

  private put(topic: Topic): void {
    this.topics.set(topic.name, topic)
    for (const { index } of topic.partitions) {
      const key = `${topic.name}-${index}`
      if (!this.held.has(key)) {
        this.held.set(key, new MemoryPartition(this.host.clock, topic.name, topic.id, index))
      }
    }
  }

  private known(name: string): Topic {
    const topic = this.topics.get(name)
    if (topic === undefined) throw new BrokerError('unknown-topic')
    return topic
  }
}

function makeTopic(name: string, id: string, partitionCount: number): Topic {
  const partitions = states(partitionCount)
  const placement = { kind: 'default' as const }
  return { name, id, internal: false, partitions, configs: new Map(), placement, modRevision: 1 }
}

function states(count: number) {
  return Array.from({ length: count }, (_, index) => newPartition(index, [1], new Map()))
}

function checkConfig(name: string): void {
  if (!configNames.includes(name)) throw new BrokerError('invalid-config', `There is no topic setting "${name}".`)
}
