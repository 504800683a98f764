import type { BrokerSettings } from '../config/broker-table.ts'
import { BrokerError } from '../errors/errors.ts'
import { collisionKey, findTopicNameFault } from './topic-name.ts'
import type { Topic, TopicSpec } from './topics.ts'

export interface SpecSurroundings {
  settings: BrokerSettings
  topics: ReadonlyMap<string, Topic>
  /** Partitions of all topics together. */
  partitionCount: number
}

/**
 * Checks what somebody wants a topic to be, its configs apart.
 * @returns the broker ids of each partition
 * @throws BrokerError
 */
export function checkSpec(spec: TopicSpec, around: SpecSurroundings): readonly (readonly number[])[] {
  const nameFault = findTopicNameFault(spec.name)
  if (nameFault !== undefined) throw new BrokerError('invalid-topic-name', nameFault)
  checkCollision(spec.name, around.topics)
  const { brokerId, partitionCountDefault, replicationFactorDefault, topicCountMax } = around.settings
  if (around.topics.size >= topicCountMax) {
    throw new BrokerError('limit-exceeded', `this broker holds at most ${topicCountMax} topics (topic.count.max)`)
  }
  const assignments = spec.assignments
    ? checkAssignments(spec.assignments, brokerId)
    : defaultAssignments(spec.partitionCount === -1 ? partitionCountDefault : spec.partitionCount, around)
  const replicationFactor = spec.replicationFactor === -1 ? replicationFactorDefault : spec.replicationFactor
  if (!spec.assignments && replicationFactor !== 1) {
    const detail = `replication factor ${replicationFactor} was asked for, there is 1 broker`
    throw new BrokerError('invalid-replication-factor', detail)
  }
  checkCount(assignments.length, around)
  return assignments
}

/** Everything on the one broker there is; the count is checked before memory is spent on it. */
function defaultAssignments(count: number, around: SpecSurroundings): readonly (readonly number[])[] {
  checkCount(count, around)
  return Array.from({ length: count }, () => [around.settings.brokerId])
}

function checkCount(count: number, around: SpecSurroundings): void {
  const { partitionCountMax } = around.settings
  if (count < 1) throw new BrokerError('invalid-partition-count', 'a topic has at least one partition')
  if (around.partitionCount + count <= partitionCountMax) return
  const detail = `this broker holds at most ${partitionCountMax} partitions and has ${around.partitionCount}`
  throw new BrokerError('invalid-partition-count', detail)
}

function checkCollision(name: string, topics: ReadonlyMap<string, Topic>): void {
  if (topics.has(name)) throw new BrokerError('topic-exists', `topic ${name} exists already`)
  if (!name.includes('.') && !name.includes('_')) return
  for (const other of topics.keys()) {
    if (collisionKey(other) !== collisionKey(name)) continue
    throw new BrokerError(
      'invalid-topic-name',
      `the name collides with topic ${other}: they differ in "." and "_" only`,
    )
  }
}

function checkAssignments(
  assignments: NonNullable<TopicSpec['assignments']>,
  brokerId: number,
): readonly (readonly number[])[] {
  const sorted = assignments.toSorted((a, b) => a.partition - b.partition)
  for (const [i, { partition, brokers }] of sorted.entries()) {
    if (partition !== i) {
      throw new BrokerError('invalid-replica-assignment', 'partitions must be numbered from 0 without gaps')
    }
    if (brokers.length !== 1 || brokers[0] !== brokerId) {
      const detail = `partition ${i} can only be placed on broker ${brokerId}, the one there is`
      throw new BrokerError('invalid-replica-assignment', detail)
    }
  }
  return sorted.map(({ brokers }) => brokers)
}
