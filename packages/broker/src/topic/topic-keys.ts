import { assert } from '../errors/errors.ts'
import type { PartitionState, Topic } from './topics.ts'
import { isInternalTopic } from './topic-name.ts'

/**
 * Topics in the metadata store:
 * - `/topics/{name}`: {"id", "partitionCount", "configs"}; a topic exists if and only if this key does.
 * - `/partitions/{topic id}/{index}`: {"leader", "leaderEpoch", "replicas", "isr"}; written before the topic's key.
 */
export const topicPrefix = '/topics/'

export interface StoredTopic {
  id: string
  partitionCount: number
  configs: Record<string, string>
}

interface StoredPartition {
  leader: number
  leaderEpoch: number
  replicas: number[]
  isr: number[]
}

export function topicKey(name: string): string {
  return `${topicPrefix}${name}`
}

export function partitionPrefix(topicId: string): string {
  return `/partitions/${topicId}/`
}

export function partitionKey(topicId: string, index: number): string {
  return `${partitionPrefix(topicId)}${index}`
}

export function encodeTopic(topic: Topic): string {
  const stored: StoredTopic = {
    id: topic.id,
    partitionCount: topic.partitions.length,
    configs: Object.fromEntries(topic.configs),
  }
  return JSON.stringify(stored)
}

export function decodeTopic(key: string, value: string): StoredTopic & { name: string } {
  return { name: key.slice(topicPrefix.length), ...(JSON.parse(value) as StoredTopic) }
}

export function encodePartition(state: PartitionState): string {
  const stored: StoredPartition = {
    leader: state.leader,
    leaderEpoch: state.leaderEpoch,
    replicas: [...state.replicas],
    isr: [...state.inSyncReplicas],
  }
  return JSON.stringify(stored)
}

/** Puts a topic together from its own key and those of its partitions, which may hold more than the topic has yet. */
export function assembleTopic(stored: StoredTopic & { name: string }, values: ReadonlyMap<number, string>): Topic {
  const partitions: PartitionState[] = []
  for (let index = 0; index < stored.partitionCount; index++) {
    const value = values.get(index)
    assert(value !== undefined, `partition ${index} of topic ${stored.name} has no state`)
    const { leader, leaderEpoch, replicas, isr } = JSON.parse(value) as StoredPartition
    partitions.push({ index, leader, leaderEpoch, replicas, inSyncReplicas: isr })
  }
  return {
    name: stored.name,
    id: stored.id,
    internal: isInternalTopic(stored.name),
    partitions,
    configs: new Map(Object.entries(stored.configs)),
  }
}
