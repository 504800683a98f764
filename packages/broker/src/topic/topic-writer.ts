import type { Comparison, KeyValue, MetadataStore, Operation } from '../cluster/metadata-store.ts'
import { BrokerError } from '../errors/errors.ts'
import { partitionKey, partitionPrefix, topicKey } from '../image/keys.ts'
import { encodePartition } from '../image/partition-state.ts'
import type { PartitionState } from '../image/partition-state.ts'
import { decodeTopic, encodeTopic } from '../image/topic.ts'
import type { Topic } from '../image/topic.ts'

/** Puts in one transaction; etcd allows 128 operations. */
const putsMax = 100

/** The topic has been changed meanwhile: whoever wants to go on looks at it again, once the image has this revision. */
export interface Conflict {
  readonly conflictRevision: number
}

/** What became of a change: the revision that has it, or what stood in the way. */
export type Written = { readonly revision: number } | Conflict

/**
 * Writes topics to the metadata store so that any number of brokers may do so at the same time: each transaction compares
 * the topic's own key. Partitions come before, and go with, that key.
 */
export class TopicWriter {
  readonly #store: MetadataStore

  constructor(store: MetadataStore) {
    this.#store = store
  }

  /** Of several that make the same topic, one succeeds; the others get the conflict. */
  async create(topic: Topic): Promise<Written> {
    const written = await this.#putWithPartitions(topic, topic.partitions, 0)
    if ('revision' in written) return written
    // Nobody else knows the id: these are ours alone.
    await this.#store.transaction({ then: [{ kind: 'delete-prefix', prefix: partitionPrefix(topic.id) }] })
    return written
  }

  /**
   * Adds the last partitions of `topic`, those from `presentCount` on. What an attempt that failed has left behind is no
   * part of the topic and is overwritten by the next one.
   */
  grow(topic: Topic, presentCount: number): Promise<Written> {
    return this.#putWithPartitions(topic, topic.partitions.slice(presentCount), topic.modRevision)
  }

  /** Writes the topic's own key. */
  replace(topic: Topic): Promise<Written> {
    return this.#putWithPartitions(topic, [], topic.modRevision)
  }

  async remove(topic: Topic): Promise<Written> {
    const key = topicKey(topic.name)
    const then: Operation[] = [
      { kind: 'delete', key },
      { kind: 'delete-prefix', prefix: partitionPrefix(topic.id) },
    ]
    return this.#attempt(topic, [isAt(key, topic.modRevision)], then)
  }

  /** Partitions first, in as many transactions as it takes; the last one holds the topic's key as well. */
  async #putWithPartitions(topic: Topic, states: readonly PartitionState[], modRevision: number): Promise<Written> {
    const key = topicKey(topic.name)
    const compare: Comparison[] = [isAt(key, modRevision)]
    const puts: Operation[] = states.map((state) => {
      return { kind: 'put', key: partitionKey(topic.id, state.index), value: encodePartition(state) }
    })
    while (puts.length >= putsMax) {
      const written = await this.#attempt(topic, compare, puts.splice(0, putsMax))
      if ('conflictRevision' in written) return written
      // Partitions without a topic are rubbish to the controller, which removes them all together.
      const first = partitionKey(topic.id, states[0]!.index)
      if (compare.length === 1) compare.push({ key: first, target: 'version', operator: '>', value: 0 })
    }
    return this.#attempt(topic, compare, [...puts, { kind: 'put', key, value: encodeTopic(topic) }])
  }

  /** @throws BrokerError 'unknown-topic' if the topic that is to be changed is gone */
  async #attempt(topic: Topic, compare: readonly Comparison[], then: readonly Operation[]): Promise<Written> {
    const get: Operation = { kind: 'get', key: topicKey(topic.name) }
    const { succeeded, revision, responses } = await this.#store.transaction({ compare, then, else: [get] })
    if (succeeded) return { revision }
    const answer = responses[0]
    return conflictOf(topic, answer?.kind === 'get' ? answer.keyValue : undefined)
  }
}

/**
 * The revision of the topic's key, not that of the store: of what lies outside the keys that brokers watch, an image never
 * learns.
 */
function conflictOf(topic: Topic, present: KeyValue | undefined): Conflict {
  const isNew = topic.modRevision === 0
  if (present && (isNew || decodeTopic(topic.name, present.value, 0).id === topic.id)) {
    return { conflictRevision: present.modRevision }
  }
  if (isNew) throw new BrokerError('storage', `topic ${topic.name} took too long to be made and was cleared away`)
  throw new BrokerError('unknown-topic', `there is no topic ${topic.name}`)
}

function isAt(key: string, modRevision: number): Comparison {
  return { key, target: 'modRevision', operator: '=', value: modRevision }
}
