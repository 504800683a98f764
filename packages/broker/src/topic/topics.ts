import type { ConfigEntry } from '../config/config-entry.ts'
import type { Topic } from '../image/topic.ts'
import type { Partition } from './partition.ts'

export type { ConfigEntry } from '../config/config-entry.ts'
export type { PartitionState } from '../image/partition-state.ts'
export type { Topic } from '../image/topic.ts'

export interface TopicSpec {
  name: string
  /** -1: the broker's default (`num.partitions`). */
  partitionCount: number
  /** -1: the broker's default (`default.replication.factor`). */
  replicationFactor: number
  /** Broker ids per partition; excludes the two numbers above. */
  assignments?: readonly { partition: number; brokers: readonly number[] }[]
  configs: ReadonlyMap<string, string | null>
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
  /** The partition if this broker follows it: for consumers that were sent here (KIP-392). Refuses to append. */
  follower(name: string, index: number): Partition | undefined
  /** All partitions of which there is a replica on this broker, led or followed. */
  replicas(): Iterable<Partition>

  /**
   * @throws BrokerError 'topic-exists', 'invalid-topic-name', 'invalid-partition-count', 'invalid-replication-factor',
   * 'invalid-replica-assignment', 'invalid-config', 'limit-exceeded', 'leader-not-available' (no broker is up), 'storage'
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
