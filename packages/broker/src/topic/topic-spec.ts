import type { BrokerSettings } from '../config/broker-table.ts'
import { BrokerError } from '../errors/errors.ts'
import type { LiveBroker } from '../image/records.ts'
import type { Placement, Topic } from '../image/topic.ts'
import { collisionKey, findTopicNameFault } from './topic-name.ts'
import type { TopicSpec } from './topics.ts'

/** New partitions that need brokers. */
export interface ReplicaWish {
  readonly topicName: string
  readonly placement: Placement
  /** How many partitions. */
  readonly count: number
  /** Index of the first of them. */
  readonly firstIndex: number
}

/**
 * Chooses brokers for new partitions, spread evenly over those that live; the first of each list leads. There is at least
 * one live broker.
 */
export type AssignReplicas = (wish: ReplicaWish) => readonly (readonly number[])[]

export interface SpecSurroundings {
  readonly settings: BrokerSettings
  readonly topics: ReadonlyMap<string, Topic>
  /** Partitions of all topics together. */
  readonly partitionCount: number
  readonly brokers: ReadonlyMap<number, LiveBroker>
  readonly assign: AssignReplicas
}

export interface CheckedSpec {
  readonly placement: Placement
  /** Broker ids of each partition. */
  readonly assignments: readonly (readonly number[])[]
}

/** Checks what somebody wants a topic to be, its configs apart, and finds places for it. @throws BrokerError */
export function checkSpec(spec: TopicSpec, around: SpecSurroundings): CheckedSpec {
  const nameFault = findTopicNameFault(spec.name)
  if (nameFault !== undefined) throw new BrokerError('invalid-topic-name', nameFault)
  checkCollision(spec.name, around.topics)
  const { partitionCountDefault, topicCountMax } = around.settings
  if (around.topics.size >= topicCountMax) {
    throw new BrokerError('limit-exceeded', `there may be at most ${topicCountMax} topics (topic.count.max)`)
  }
  if (spec.assignments) {
    checkCount(spec.assignments.length, around)
    return { placement: { kind: 'assigned' }, assignments: checkAssignments(spec.assignments, around, 0) }
  }
  const placement = placementOf(spec.replicationFactor, around)
  const count = spec.partitionCount === -1 ? partitionCountDefault : spec.partitionCount
  return { placement, assignments: assign({ topicName: spec.name, placement, count, firstIndex: 0 }, around) }
}

/**
 * Finds places for partitions that a topic shall have in addition.
 * @param assignments of the new partitions only, in their order
 * @throws BrokerError
 */
export function checkAdded(
  topic: Topic,
  totalCount: number,
  assignments: readonly (readonly number[])[] | undefined,
  around: SpecSurroundings,
): readonly (readonly number[])[] {
  const { name: topicName, placement, partitions } = topic
  const firstIndex = partitions.length
  const count = totalCount - firstIndex
  if (count <= 0) {
    const detail = `topic ${topicName} has ${firstIndex} partitions; the number can only grow, not become ${totalCount}`
    throw new BrokerError('invalid-partition-count', detail)
  }
  checkCount(count, around)
  if (!assignments) return assign({ topicName, placement, count, firstIndex }, around)
  if (assignments.length !== count) {
    const detail = `${assignments.length} assignments were given for ${count} new partitions`
    throw new BrokerError('invalid-replica-assignment', detail)
  }
  const numbered = assignments.map((brokers, partition) => ({ partition, brokers }))
  return checkAssignments(numbered, around, firstIndex)
}

function placementOf(replicationFactor: number, { settings, brokers }: SpecSurroundings): Placement {
  const { replicationFactorDefault } = settings
  if (replicationFactor === -1 && replicationFactorDefault === 0) return { kind: 'default' }
  const factor = replicationFactor === -1 ? replicationFactorDefault : replicationFactor
  if (factor >= 1 && factor <= brokers.size) return { kind: 'factor', factor }
  const detail = `replication factor ${factor} was asked for, there ${brokers.size === 1 ? 'is 1 broker' : `are ${brokers.size} brokers`}`
  throw new BrokerError('invalid-replication-factor', detail)
}

/** The count is checked before memory is spent on it. */
function assign(wish: ReplicaWish, around: SpecSurroundings): readonly (readonly number[])[] {
  checkCount(wish.count, around)
  if (around.brokers.size === 0) throw new BrokerError('leader-not-available', 'no broker is registered at present')
  return around.assign(wish)
}

function checkCount(count: number, around: SpecSurroundings): void {
  const { partitionCountMax } = around.settings
  if (count < 1) throw new BrokerError('invalid-partition-count', 'a topic has at least one partition')
  if (around.partitionCount + count <= partitionCountMax) return
  const detail = `there may be at most ${partitionCountMax} partitions (partition.count.max) and are ${around.partitionCount}`
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

/** Who is named must live: a new partition is in sync everywhere and led by the first. */
function checkAssignments(
  assignments: NonNullable<TopicSpec['assignments']>,
  { brokers }: SpecSurroundings,
  firstIndex: number,
): readonly (readonly number[])[] {
  const refuse = (detail: string): never => {
    throw new BrokerError('invalid-replica-assignment', detail)
  }
  const sorted = assignments.toSorted((a, b) => a.partition - b.partition)
  const factor = sorted[0]?.brokers.length
  for (const [i, { partition, brokers: ids }] of sorted.entries()) {
    if (partition !== i) refuse('partitions must be numbered from 0 without gaps')
    const label = `partition ${firstIndex + i}`
    if (ids.length === 0) refuse(`${label} is assigned to no broker`)
    if (new Set(ids).size < ids.length) refuse(`${label} is assigned to the same broker twice`)
    if (ids.length !== factor) refuse(`${label} has ${ids.length} replicas, another has ${factor}`)
    const absent = ids.find((id) => !brokers.has(id))
    if (absent !== undefined) refuse(`${label} is assigned to broker ${absent}, which is not up`)
  }
  return sorted.map(({ brokers: ids }) => ids)
}
