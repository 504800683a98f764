import type { Partition } from './partition.ts'

/** Where one partition lives, as every broker knows it. */
export interface PartitionState {
  index: number
  /** Broker id, -1 while there is none. */
  leader: number
  leaderEpoch: number
  replicas: readonly number[]
  inSyncReplicas: readonly number[]
}

/** A topic as metadata has it. Immutable: a change makes a new object. */
export interface Topic {
  readonly name: string
  /** 22 characters, base64url of a UUID. A topic made again under the same name has another one. */
  readonly id: string
  /** True for topics of the broker itself, such as `__consumer_offsets`. */
  readonly internal: boolean
  readonly partitions: readonly PartitionState[]
  /** Only what was set explicitly; names and values as Kafka writes them. */
  readonly configs: ReadonlyMap<string, string>
}

export interface TopicSpec {
  name: string
  /** -1: the broker's default (`num.partitions`). */
  partitionCount: number
  /** -1: the broker's default. */
  replicationFactor: number
  /** Broker ids per partition; excludes the two numbers above. */
  assignments?: readonly { partition: number; brokers: readonly number[] }[]
  configs: ReadonlyMap<string, string | null>
}

/** Value of a topic setting and where it comes from. */
export interface ConfigEntry {
  name: string
  value: string
  /** What the value would be without the topic's own setting. */
  defaultValue: string
  source: 'topic' | 'broker' | 'default'
  type: 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list'
  documentation: string
  readOnly: boolean
  sensitive: boolean
  /** The broker's setting of the same meaning, if there is one (`log.retention.ms` for `retention.ms`). */
  brokerSynonym?: string
}

/** One step of IncrementalAlterConfigs. */
export interface ConfigChange {
  name: string
  operation: 'set' | 'delete' | 'append' | 'subtract'
  value: string | null
}

/**
 * All topics of the cluster and the partitions this broker leads. Changes go through the metadata store and are visible
 * here before their promise resolves.
 */
export interface Topics {
  list(): readonly Topic[]
  find(name: string): Topic | undefined
  findById(id: string): Topic | undefined

  /** The partition if this broker leads it. */
  partition(name: string, index: number): Partition | undefined
  /** All partitions led here. */
  partitions(): Iterable<Partition>

  /**
   * @throws BrokerError 'topic-exists', 'invalid-topic-name', 'invalid-partition-count', 'invalid-replication-factor',
   * 'invalid-replica-assignment', 'invalid-config', 'limit-exceeded', 'storage'
   */
  create(spec: TopicSpec, validateOnly?: boolean): Promise<Topic>

  /** Makes the topic with defaults unless it exists. @throws as `create` */
  ensure(name: string): Promise<Topic>

  /** @throws BrokerError 'unknown-topic', 'policy-violation' (internal topics) */
  delete(name: string): Promise<void>

  /** @throws BrokerError 'unknown-topic', 'invalid-partition-count', 'invalid-replica-assignment', 'limit-exceeded' */
  addPartitions(
    name: string,
    totalCount: number,
    assignments: readonly (readonly number[])[] | undefined,
    validateOnly?: boolean,
  ): Promise<Topic>

  /** Every topic setting there is, with the value in force. @throws BrokerError 'unknown-topic' */
  describeConfigs(name: string): readonly ConfigEntry[]

  /** @throws BrokerError 'unknown-topic', 'invalid-config' (unknown name, bad value, setting that Polylog does not honour) */
  changeConfigs(name: string, changes: readonly ConfigChange[], validateOnly?: boolean): Promise<void>

  /** Replaces all settings of the topic (AlterConfigs). @throws as `changeConfigs` */
  replaceConfigs(name: string, configs: ReadonlyMap<string, string | null>, validateOnly?: boolean): Promise<void>
}
