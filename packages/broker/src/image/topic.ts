import type { PartitionState } from './partition-state.ts'

/** How the replicas of a topic were asked for; placement keeps to it (docs/adr/0007-cluster.md). */
export type Placement =
  /** By name, partition by partition: only drains and operators move them. */
  | { readonly kind: 'assigned' }
  /** So many replicas, unless a policy says otherwise. */
  | { readonly kind: 'factor'; readonly factor: number }
  /** Whatever policy or default say: up to three. */
  | { readonly kind: 'default' }

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
  readonly placement: Placement
  /** Revision of the topic's own key. */
  readonly modRevision: number
}

export interface TopicRecord {
  readonly name: string
  readonly id: string
  readonly partitionCount: number
  readonly configs: ReadonlyMap<string, string>
  readonly placement: Placement
  readonly modRevision: number
}

interface StoredTopic {
  id: string
  partitionCount: number
  configs: Record<string, string>
  placement?: Placement
}

const internalTopics: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
])

/** Topics that hold the broker's own state; clients may read but not change them. */
export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name)
}

export function encodeTopic(topic: Topic): string {
  const stored: StoredTopic = {
    id: topic.id,
    partitionCount: topic.partitions.length,
    configs: Object.fromEntries(topic.configs),
    placement: topic.placement,
  }
  return JSON.stringify(stored)
}

export function decodeTopic(name: string, value: string, modRevision: number): TopicRecord {
  const { id, partitionCount, configs, placement } = JSON.parse(value) as StoredTopic
  return {
    name,
    id,
    partitionCount,
    configs: new Map(Object.entries(configs)),
    placement: placement ?? { kind: 'default' },
    modRevision,
  }
}
