import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  apis,
  decodeVersioned,
  encodeVersioned,
} from '@polylog/wire'
import { ClientError, expectSuccess, refusal } from './client-error.ts'
import type { Cluster } from './cluster.ts'
import { Fetcher } from './fetcher.ts'
import type { FetchOptions, TopicPartition } from './fetcher.ts'
import { assignedPartitions, commitOffsets, committedOffsets } from './groups.ts'
import { listOffsets } from './offsets.ts'
import type { ReceivedRecord } from './records/record.ts'

export interface GroupConsumerOptions extends FetchOptions {
  group: string
  topics: readonly string[]
  /** Where to start in a partition without a committed offset. Default 'end', as in Kafka. */
  from?: 'beginning' | 'end'
  /** A member that is silent for so long loses its partitions. Default 10 s. */
  sessionTimeoutMs?: number
  /** Time between two signs of life, by which a member also learns of a rebalance. Default a quarter of the above. */
  heartbeatIntervalMs?: number
}

interface Membership {
  coordinator: number
  generation: number
  memberId: string
}

const unknownMember = 25
const illegalGeneration = 22
const rebalanceInProgress = 27
const memberIdRequired = 79
const rejoinCodes: readonly number[] = [unknownMember, illegalGeneration, rebalanceInProgress, 16, 15, 14]

const protocolName = 'range'
const subscriptionVersion = 1

/**
 * A member of a classic consumer group with the range assignor. `poll` hands out records; what it handed out before counts
 * as processed and is committed at the next interval, before a rebalance and at `close`.
 */
export class GroupConsumer {
  readonly #cluster: Cluster
  readonly #options: GroupConsumerOptions
  readonly #fetcher: Fetcher
  readonly #sessionTimeoutMs: number
  readonly #heartbeatIntervalMs: number
  #membership: Membership | undefined
  #memberId = ''
  #mustRejoin = true
  #heartbeats: NodeJS.Timeout | undefined
  #beating = false
  /** Offsets after the records handed out and processed, by partition; committed ones are taken out. */
  readonly #processed = new Map<string, TopicPartition & { offset: number }>()
  #handedOut: ReceivedRecord[] = []

  constructor(cluster: Cluster, options: GroupConsumerOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000
    this.#heartbeatIntervalMs = options.heartbeatIntervalMs ?? Math.floor(this.#sessionTimeoutMs / 4)
    this.#fetcher = new Fetcher(cluster, { outOfRange: options.from ?? 'end', ...options })
  }

  /** Partitions of this member at the moment. */
  get assigned(): readonly TopicPartition[] {
    return this.#fetcher.positions()
  }

  /** Whether everything that could be read in them was read. False before the first assignment. */
  get isAtEnd(): boolean {
    return this.#membership !== undefined && !this.#mustRejoin && this.#fetcher.isAtEnd
  }

  /** The next records; none when the wait was over first. Joins and rejoins the group as needed. @throws ClientError */
  async poll(): Promise<ReceivedRecord[]> {
    this.#settle()
    if (this.#mustRejoin) {
      await this.commit()
      await this.#join()
    }
    const records = await this.#fetcher.poll()
    // While the fetch waited the partitions may have gone to another member, who will read these records.
    if (this.#mustRejoin) return []
    this.#handedOut = records
    return records
  }

  /** Commits what has been processed. A group that has moved on is no error: another member reads on from the last commit. */
  async commit(): Promise<void> {
    if (this.#membership === undefined || this.#processed.size === 0) return
    const offsets = [...this.#processed.values()]
    this.#processed.clear()
    try {
      await commitOffsets(this.#cluster, this.#options.group, offsets, this.#membership)
    } catch (error) {
      if (!this.#leadsToRejoin(error)) throw error
    }
  }

  /**
   * Commits what was handed out and leaves the group.
   * @param processed how many of the records handed out last were processed, if not all
   */
  async close(processed = this.#handedOut.length): Promise<void> {
    clearInterval(this.#heartbeats)
    this.#handedOut = this.#handedOut.slice(0, processed)
    this.#settle()
    await this.commit()
    const membership = this.#membership
    this.#membership = undefined
    if (membership === undefined) return
    const { group } = this.#options
    const members = [{ memberId: membership.memberId, reason: 'the consumer was closed' }]
    await this.#cluster.broker(membership.coordinator, apis[13], { groupId: group, members })
  }

  /** What was handed out before this call has been processed. */
  #settle(): void {
    for (const { topic, partition, offset } of this.#handedOut) {
      this.#processed.set(`${topic}/${partition}`, { topic, partition, offset: offset + 1 })
    }
    this.#handedOut = []
  }

  async #join(): Promise<void> {
    clearInterval(this.#heartbeats)
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#joinOnce()
        break
      } catch (error) {
        if (attempt >= 20 || !this.#leadsToRejoin(error)) throw error
      }
    }
    this.#mustRejoin = false
    this.#heartbeats = setInterval(() => void this.#beat(), this.#heartbeatIntervalMs)
  }

  async #joinOnce(): Promise<void> {
    const { group, topics } = this.#options
    const what = `cannot join group "${group}"`
    const coordinator = await this.#cluster.coordinatorOf(group)
    const metadata = encodeVersioned(ConsumerProtocolSubscription, subscriptionVersion, { topics: [...topics] })
    const joined = await this.#cluster.broker(
      coordinator,
      apis[11],
      {
        groupId: group,
        sessionTimeoutMs: this.#sessionTimeoutMs,
        rebalanceTimeoutMs: 60_000,
        memberId: this.#memberId,
        protocolType: 'consumer',
        protocols: [{ name: protocolName, metadata }],
      },
      { lane: 'group', extraTimeoutMs: 60_000 },
    )
    if (joined.errorCode === memberIdRequired) this.#memberId = joined.memberId
    expectSuccess(joined.errorCode, what)
    this.#memberId = joined.memberId
    const membership = { coordinator, generation: joined.generationId, memberId: joined.memberId }
    const isLeader = joined.leader === joined.memberId && !joined.skipAssignment
    const synced = await this.#cluster.broker(
      coordinator,
      apis[14],
      {
        groupId: group,
        generationId: joined.generationId,
        memberId: joined.memberId,
        protocolType: 'consumer',
        protocolName,
        assignments: isLeader ? await this.#assign(joined.members) : [],
      },
      { lane: 'group', extraTimeoutMs: 60_000 },
    )
    expectSuccess(synced.errorCode, what)
    this.#membership = membership
    await this.#seek(assignedPartitions(synced.assignment))
  }

  /** Range assignment: each topic's partitions in order, cut into equal pieces over its subscribers by member id. */
  async #assign(
    members: readonly { memberId: string; metadata: Uint8Array }[],
  ): Promise<{ memberId: string; assignment: Uint8Array }[]> {
    const subscriptions = members.map(({ memberId, metadata }) => ({
      memberId,
      topics: decodeVersioned(ConsumerProtocolSubscription, metadata).topics,
    }))
    const names = [...new Set(subscriptions.flatMap(({ topics }) => topics))]
    const found = (await this.#cluster.describe(names)).topics
    const assigned = new Map(members.map(({ memberId }) => [memberId, new Map<string, number[]>()]))
    for (const { name, partitions } of found) {
      const subscribers = subscriptions.filter(({ topics }) => topics.includes(name)).map(({ memberId }) => memberId)
      const pieces = cutIntoRanges(partitions.length, subscribers.length)
      for (const [i, memberId] of subscribers.toSorted().entries()) assigned.get(memberId)!.set(name, pieces[i]!)
    }
    return [...assigned].map(([memberId, topics]) => ({
      memberId,
      assignment: encodeVersioned(ConsumerProtocolAssignment, subscriptionVersion, {
        assignedPartitions: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
        userData: null,
      }),
    }))
  }

  async #seek(partitions: readonly TopicPartition[]): Promise<void> {
    const { group, from } = this.#options
    this.#fetcher.clear()
    const committed = new Map(
      (await committedOffsets(this.#cluster, group)).map((entry) => [
        `${entry.topic}/${entry.partition}`,
        entry.offset,
      ]),
    )
    for (const [topic, entries] of Map.groupBy(partitions, (entry) => entry.topic)) {
      const fresh = entries.filter((entry) => !committed.has(`${topic}/${entry.partition}`)).map((e) => e.partition)
      const starts = await listOffsets(this.#cluster, topic, fresh, from ?? 'end')
      for (const entry of entries) {
        const offset = committed.get(`${topic}/${entry.partition}`) ?? starts.get(entry.partition)
        if (offset === undefined)
          throw refusal(78, `no offset to start from in partition ${entry.partition} of "${topic}"`)
        this.#fetcher.seek(entry, offset)
      }
    }
  }

  /** Tells the coordinator that this member lives, and commits what has been processed since the last time. */
  async #beat(): Promise<void> {
    const membership = this.#membership
    if (membership === undefined || this.#beating) return
    this.#beating = true
    try {
      const answer = await this.#cluster.broker(membership.coordinator, apis[12], {
        groupId: this.#options.group,
        generationId: membership.generation,
        memberId: membership.memberId,
      })
      expectSuccess(answer.errorCode, `cannot stay in group "${this.#options.group}"`)
      await this.commit()
    } catch (error) {
      // Whatever it was, joining again either cures it or tells the caller of poll().
      this.#leadsToRejoin(error)
      this.#mustRejoin = true
    } finally {
      this.#beating = false
    }
  }

  #leadsToRejoin(error: unknown): boolean {
    if (!(error instanceof ClientError)) return false
    if (error.code === memberIdRequired) return true
    if (!rejoinCodes.includes(error.code)) return false
    if (error.code === unknownMember) this.#memberId = ''
    this.#mustRejoin = true
    return true
  }
}

/** `count` indexes cut into `pieces` runs whose lengths differ by one at most, the longer ones first. */
export function cutIntoRanges(count: number, pieces: number): number[][] {
  const ranges: number[][] = []
  let next = 0
  for (let i = 0; i < pieces; i++) {
    const length = Math.floor(count / pieces) + (i < count % pieces ? 1 : 0)
    ranges.push(Array.from({ length }, (_, k) => next + k))
    next += length
  }
  return ranges
}
