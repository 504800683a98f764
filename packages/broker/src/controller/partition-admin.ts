import type { Transaction } from '../cluster/metadata-store.ts'
import { BrokerError } from '../errors/errors.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import { topicKey } from '../image/keys.ts'
import { cancelReassignment, electLeader, hasLeader, startReassignment } from '../image/partition-change.ts'
import type { PartitionState } from '../image/partition-state.ts'
import { encodeTopic } from '../image/topic.ts'
import type { Topic } from '../image/topic.ts'
import { BrokerLoads } from './broker-loads.ts'
import type { ClusterAdmin } from './cluster-admin.ts'
import { allPartitions, brokerRoles, isSettled, targetOf } from './cluster-view.ts'
import type { TopicPartition } from './cluster-view.ts'
import { partitionsPerWriteMax, PartitionWrite } from './partition-writes.ts'
import { planPreferredLeader } from './plan-balance.ts'
import { targetReplicas } from './replica-target.ts'
import type { TopicRules } from './topic-rules.ts'

export interface PartitionName {
  readonly topicId: string
  readonly index: number
}

export interface ReassignmentRequest extends PartitionName {
  /** Broker ids, the preferred leader first; null takes back the reassignment under way. */
  readonly replicas: readonly number[] | null
}

export interface PartitionOutcome extends PartitionName {
  /** Undefined if it was done. */
  readonly error: BrokerError | undefined
}

export interface Reassignment extends PartitionName {
  readonly topic: string
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

export interface PartitionAdminParts {
  readonly admin: ClusterAdmin
  readonly feed: ImageFeed
  readonly rules: TopicRules
}

const replicaCountMax = 100

/** A new state for a partition; the same state if nothing is to be done; or why it cannot be. */
type Change = (partition: TopicPartition) => PartitionState | BrokerError

/**
 * What operators ask of single partitions, on any registered broker: it is written into the partition's state at once, by
 * compare-and-set like everything else, and the controller carries on from there. Methods reject as those of
 * `ClusterAdmin` do; what is wrong with one partition is in its outcome.
 */
export class PartitionAdmin {
  readonly #parts: PartitionAdminParts

  constructor(parts: PartitionAdminParts) {
    this.#parts = parts
  }

  get #image(): ClusterImage {
    return this.#parts.feed.image
  }

  /**
   * Moves partitions to other brokers, or takes that back. Who assigns by hand takes over: the placement of the topic
   * becomes 'assigned', so that policies and balance leave it alone from then on.
   * Outcomes: 'unknown-topic-id', 'unknown-topic', 'invalid-replica-assignment', 'no-reassignment', 'timed-out'.
   */
  async alterReassignments(requests: readonly ReassignmentRequest[]): Promise<readonly PartitionOutcome[]> {
    const targets = new Map(requests.map((request) => [nameOf(request), request.replicas]))
    const change: Change = (partition) => {
      const target = targets.get(nameOf({ topicId: partition.topic.id, index: partition.state.index }))!
      return target === null ? this.#cancelled(partition) : this.#reassigned(partition.state, target)
    }
    const topicIds = new Set<string>()
    for (const request of requests) {
      const found = this.#find(request)
      if (!(found instanceof BrokerError) && !(change(found) instanceof BrokerError)) topicIds.add(request.topicId)
    }
    for (const topicId of topicIds) await this.#takeOver(topicId)
    return this.#change(requests, change)
  }

  /** Reassignments under way, of the topics named or of all. */
  listReassignments(topicIds?: ReadonlySet<string>): readonly Reassignment[] {
    const found: Reassignment[] = []
    for (const { topic, state } of allPartitions(this.#image)) {
      if (isSettled(state) || (topicIds !== undefined && !topicIds.has(topic.id))) continue
      const { index, replicas, adding, removing } = state
      found.push({ topicId: topic.id, topic: topic.name, index, replicas, adding, removing })
    }
    return found
  }

  /**
   * 'preferred': gives the leadership to the first replica. 'unclean': gives partitions without a leader one that may lack
   * acknowledged records, if none that has them all is up.
   * Outcomes: 'election-not-needed', 'preferred-leader-not-available', 'eligible-leader-not-available', and as above.
   */
  electLeaders(
    kind: 'preferred' | 'unclean',
    partitions: readonly PartitionName[],
  ): Promise<readonly PartitionOutcome[]> {
    return this.#change(partitions, (partition) =>
      kind === 'preferred' ? this.#electPreferred(partition) : this.#electUnclean(partition),
    )
  }

  /**
   * Adds the replicas that the policy of a topic asks for but, with `ha-sync-mode: manual`, does not add by itself.
   * @throws BrokerError 'unknown-topic-id'
   */
  async syncTopic(topicId: string): Promise<readonly PartitionOutcome[]> {
    const topic = this.#image.topicsById.get(topicId)
    if (topic === undefined) throw new BrokerError('unknown-topic-id')
    const { placement } = this.#parts.rules.of(topic)
    if (placement.kind === 'assigned' || placement.mayGrow) return []
    const loads = new BrokerLoads()
    for (const { state } of allPartitions(this.#image)) loads.add(targetOf(state))
    const around = { brokers: brokerRoles(this.#image), loads, lost: new Set<number>(), mayRebalance: false }
    const names = topic.partitions.map(({ index }) => ({ topicId, index }))
    return this.#change(names, ({ state }) => {
      const target = targetReplicas(state, { ...placement, mayGrow: true }, around)
      const isSame = target.join() === targetOf(state).join()
      return isSame ? state : startReassignment(state, target)
    })
  }

  #reassigned(state: PartitionState, target: readonly number[]): PartitionState | BrokerError {
    const { live } = brokerRoles(this.#image)
    if (target.length === 0 || target.length > replicaCountMax || new Set(target).size !== target.length) {
      return assignmentFault(`a partition has 1 to ${replicaCountMax} replicas, each on another broker`)
    }
    const unknown = target.find((id) => !live.has(id) && !state.replicas.includes(id))
    if (unknown !== undefined) return assignmentFault(`broker ${unknown} is not up`)
    return isSettled(state) && target.join() === state.replicas.join() ? state : startReassignment(state, target)
  }

  #cancelled({ topic, state }: TopicPartition): PartitionState | BrokerError {
    if (isSettled(state)) return new BrokerError('no-reassignment')
    const cancelled = cancelReassignment(state)
    if (cancelled !== undefined) return cancelled
    // One that was coming leads already: it has to hand over first.
    const { live, avoided } = brokerRoles(this.#image)
    const avoid = new Set([...avoided, ...state.adding])
    const { minInsyncReplicas } = this.#parts.rules.of(topic)
    const led = electLeader(state, live, { mayBeUnclean: false, minInsyncReplicas, avoid })
    const after = led === undefined ? undefined : cancelReassignment(led)
    return after ?? new BrokerError('eligible-leader-not-available', 'only replicas that are being added are in sync')
  }

  #electPreferred({ topic, state }: TopicPartition): PartitionState | BrokerError {
    const brokers = brokerRoles(this.#image)
    if (state.leader === state.replicas[0] && hasLeader(state, brokers.live))
      return new BrokerError('election-not-needed')
    const next = planPreferredLeader(state, this.#parts.rules.of(topic), brokers)
    return next ?? new BrokerError('preferred-leader-not-available')
  }

  #electUnclean({ topic, state }: TopicPartition): PartitionState | BrokerError {
    const { live, avoided } = brokerRoles(this.#image)
    if (hasLeader(state, live)) return new BrokerError('election-not-needed')
    const { minInsyncReplicas } = this.#parts.rules.of(topic)
    const next = electLeader(state, live, { mayBeUnclean: true, minInsyncReplicas, avoid: avoided })
    return next ?? new BrokerError('eligible-leader-not-available')
  }

  #find({ topicId, index }: PartitionName): TopicPartition | BrokerError {
    const topic = this.#image.topicsById.get(topicId)
    if (topic === undefined) return new BrokerError('unknown-topic-id')
    const state = topic.partitions[index]
    return state === undefined
      ? new BrokerError('unknown-topic', `${topic.name} has no partition ${index}`)
      : { topic, state }
  }

  async #takeOver(topicId: string): Promise<void> {
    await this.#parts.admin.commit((): Transaction | undefined => {
      const topic = this.#image.topicsById.get(topicId)
      if (topic === undefined || topic.placement.kind === 'assigned') return undefined
      const key = topicKey(topic.name)
      const next: Topic = { ...topic, placement: { kind: 'assigned' } }
      return {
        compare: [this.#parts.admin.fence(), { key, target: 'modRevision', operator: '=', value: topic.modRevision }],
        then: [{ kind: 'put', key, value: encodeTopic(next) }],
      }
    })
  }

  /** Makes changes, some partitions at a time; each group is worked out anew until it can be written. */
  async #change(partitions: readonly PartitionName[], change: Change): Promise<readonly PartitionOutcome[]> {
    const unique = [...new Map(partitions.map((name) => [nameOf(name), name])).values()]
    const outcomes = new Map<string, PartitionOutcome>()
    for (let at = 0; at < unique.length; at += partitionsPerWriteMax) {
      const some = await this.#changeSome(unique.slice(at, at + partitionsPerWriteMax), change)
      for (const outcome of some) outcomes.set(nameOf(outcome), outcome)
    }
    return partitions.map((name) => outcomes.get(nameOf(name))!)
  }

  async #changeSome(partitions: readonly PartitionName[], change: Change): Promise<readonly PartitionOutcome[]> {
    let outcomes: PartitionOutcome[] = []
    let left: readonly PartitionName[] = partitions
    const make = (): Transaction | undefined => {
      const write = new PartitionWrite(this.#parts.admin.fence())
      const taken: PartitionOutcome[] = []
      for (const name of left) {
        if (!write.hasRoom) break
        const found = this.#find(name)
        const after = found instanceof BrokerError ? found : change(found)
        const error = after instanceof BrokerError ? after : undefined
        taken.push({ topicId: name.topicId, index: name.index, error })
        if (!(found instanceof BrokerError) && !(after instanceof BrokerError) && after !== found.state) {
          write.add({ topic: found.topic, before: found.state, after })
        }
      }
      outcomes = taken
      return write.changes.length === 0 ? undefined : write.transaction()
    }
    const all: PartitionOutcome[] = []
    while (left.length > 0) {
      try {
        await this.#parts.admin.commit(make)
      } catch (error) {
        if (!(error instanceof BrokerError) || error.code !== 'timed-out') throw error
        outcomes = outcomes.map((outcome) => ({ ...outcome, error: outcome.error ?? error }))
      }
      all.push(...outcomes)
      left = left.slice(outcomes.length)
    }
    return all
  }
}

function nameOf({ topicId, index }: PartitionName): string {
  return `${topicId}/${index}`
}

function assignmentFault(detail: string): BrokerError {
  return new BrokerError('invalid-replica-assignment', detail)
}
