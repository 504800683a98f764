import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  apis,
  decodeVersioned,
  encodeVersioned,
} from '@polylog/wire'
import { ClientError, expectSuccess } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import type { TopicPartition } from '../fetcher.ts'
import { groupedBy } from '../grouping.ts'
import { assignedPartitions } from '../groups.ts'
import type { AssignorName, Subscriber } from './assignors.ts'
import { assign, protocolNames } from './assignors.ts'
import { protocolRefusal } from './group-kind.ts'

export interface ClassicMemberOptions {
  group: string
  topics: readonly string[]
  assignor: AssignorName
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
}

/** What a heartbeat or a commit needs. */
export interface Generation {
  coordinator: number
  generation: number
  memberId: string
}

const memberIdRequired = 79
const inconsistentGroupProtocol = 23
const unknownMember = 25
/** Join again, and it is well: the group moves on, or its coordinator has moved. */
const rejoinCodes: readonly number[] = [14, 15, 16, 22, unknownMember, 27, 82]
const subscriptionVersion = 2

/** The requests of a member of a classic consumer group; when they are made is GroupSubscription's or GroupReader's affair. */
export class ClassicMember {
  readonly #cluster: Cluster
  readonly #options: ClassicMemberOptions
  readonly #lane: string
  #memberId = ''
  #current: Generation | undefined

  constructor(cluster: Cluster, options: ClassicMemberOptions) {
    this.#cluster = cluster
    this.#options = options
    // A join waits for the other members, and heartbeats of others must not wait behind it.
    this.#lane = `join-${Buffer.from(cluster.environment.randomBytes(8)).toString('hex')}`
  }

  get current(): Generation | undefined {
    return this.#current
  }

  /**
   * Joins or joins again, and returns what this member is to read.
   * @param owned what it holds now
   * @throws ClientError; `mustRejoin` says whether to try again
   */
  async join(owned: readonly TopicPartition[]): Promise<TopicPartition[]> {
    const { group, assignor, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    const what = `cannot join group "${group}"`
    const options = { lane: this.#lane, extraTimeoutMs: rebalanceTimeoutMs }
    const coordinator = await this.#cluster.coordinatorOf(group)
    const joined = await this.#cluster.broker(
      coordinator,
      apis[11],
      {
        groupId: group,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId: this.#memberId,
        protocolType: 'consumer',
        protocols: [{ name: protocolNames[assignor], metadata: this.#subscription(owned) }],
      },
      options,
    )
    if (joined.errorCode === memberIdRequired && this.#memberId === '' && joined.memberId !== '') {
      // KIP-394: the first request of a new member only gets it a name.
      this.#memberId = joined.memberId
      return this.join(owned)
    }
    if (joined.errorCode === inconsistentGroupProtocol) {
      throw await protocolRefusal(this.#cluster, coordinator, group, assignor)
    }
    expectSuccess(joined.errorCode, what)
    this.#memberId = joined.memberId
    const isLeader = joined.leader === joined.memberId && !joined.skipAssignment
    const synced = await this.#cluster.broker(
      coordinator,
      apis[14],
      {
        groupId: group,
        generationId: joined.generationId,
        memberId: joined.memberId,
        protocolType: 'consumer',
        protocolName: protocolNames[assignor],
        assignments: isLeader ? await this.#assign(joined.members) : [],
      },
      options,
    )
    expectSuccess(synced.errorCode, what)
    this.#current = { coordinator, generation: joined.generationId, memberId: joined.memberId }
    return assignedPartitions(synced.assignment)
  }

  /** @throws ClientError */
  async heartbeat(): Promise<void> {
    const current = this.#current
    if (current === undefined) return
    const { group, sessionTimeoutMs } = this.#options
    const request = { groupId: group, generationId: current.generation, memberId: current.memberId }
    const timeoutMs = Math.min(this.#cluster.requestTimeoutMs, sessionTimeoutMs)
    const answer = await this.#cluster.broker(current.coordinator, apis[12], request, { lane: 'group', timeoutMs })
    expectSuccess(answer.errorCode, `cannot stay in group "${group}"`)
  }

  /** Whether joining again cures the error. */
  mustRejoin(error: ClientError): boolean {
    if (error.kafkaCode === unknownMember) this.#memberId = ''
    return rejoinCodes.includes(error.kafkaCode) || (error.kafkaCode === 0 && error.retriable)
  }

  /** Tells the group; one that cannot be told finds out by the session's time-out. */
  async leave(timeoutMs: number): Promise<void> {
    const current = this.#current
    this.#current = undefined
    if (current !== undefined) {
      const members = [{ memberId: current.memberId, reason: 'the consumer was closed' }]
      const request = { groupId: this.#options.group, members }
      await this.#cluster
        .broker(current.coordinator, apis[13], request, { lane: 'group', timeoutMs: Math.max(1, timeoutMs) })
        .catch((error: unknown) => {
          if (!(error instanceof ClientError)) throw error
        })
    }
    this.#cluster.closeLane(this.#lane)
  }

  #subscription(owned: readonly TopicPartition[]): Buffer {
    return encodeVersioned(ConsumerProtocolSubscription, subscriptionVersion, {
      topics: [...this.#options.topics],
      ownedPartitions: byTopic(owned),
      generationId: this.#current?.generation ?? -1,
    })
  }

  async #assign(
    members: readonly { memberId: string; metadata: Uint8Array }[],
  ): Promise<{ memberId: string; assignment: Uint8Array }[]> {
    const subscribers = members.map(({ memberId, metadata }): Subscriber => {
      const { topics, ownedPartitions, generationId } = decodeVersioned(ConsumerProtocolSubscription, metadata)
      const owned = ownedPartitions.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      )
      return { memberId, topics, owned, generation: generationId }
    })
    const names = [...new Set(subscribers.flatMap(({ topics }) => topics))]
    const { topics } = await this.#cluster.describe(names)
    const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
    return [...assign(this.#options.assignor, subscribers, counts)].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeVersioned(ConsumerProtocolAssignment, 1, {
        assignedPartitions: byTopic(partitions),
        userData: null,
      }),
    }))
  }
}

function byTopic(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  return [...groupedBy(partitions, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topic,
    partitions: ofTopic.map(({ partition }) => partition),
  }))
}
