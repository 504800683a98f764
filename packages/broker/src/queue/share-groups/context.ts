import type { ErrorCode } from '../../errors/errors.ts'
import { assert, BrokerError } from '../../errors/errors.ts'
import type { GroupLog, GroupRecord } from '../../group/group-log.ts'
import type { Clock } from '../../host/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Topics } from '../../topic/topics.ts'
import type { ShareGroup, TopicLookup } from './share-group.ts'
import { ShareRecordWriter } from './stored-records.ts'

/** Limits of share groups. Kafka's setting in brackets. */
export interface ShareGroupLimits {
  /** Members of one group [group.share.max.size]. */
  readonly memberCountMax: number
  /** Groups that clients may create on this broker; those in the log are loaded beyond it. */
  readonly groupCountMax: number
  /** Topics that one member may subscribe to. */
  readonly subscriptionCountMax: number
  /** Length of a member's id. */
  readonly memberIdLengthMax: number
  /** Length of the name of a member's rack. */
  readonly rackIdLengthMax: number
}

/** What a group may be told by its configuration. */
export interface ShareGroupTimes {
  /** How often members shall be heard of [share.heartbeat.interval.ms]. */
  readonly heartbeatIntervalMs: number
  /** A member not heard of for so long is gone [share.session.timeout.ms]. */
  readonly sessionTimeoutMs: number
}

export interface ShareGroupsParts {
  readonly log: GroupLog
  readonly clock: Clock
  readonly logger: Logger
  /** What members subscribe to. */
  readonly topics: Pick<Topics, 'find' | 'findById'>
  /** As configured now. */
  readonly timesOf: (groupId: string) => ShareGroupTimes
  /** Whether the name is taken by a group of another kind. */
  readonly isTaken: (groupId: string) => boolean
  /** What is left out takes its default. */
  readonly limits?: Partial<ShareGroupLimits>
}

const limitDefaults: ShareGroupLimits = {
  memberCountMax: 200,
  groupCountMax: 100_000,
  subscriptionCountMax: 10_000,
  memberIdLengthMax: 256,
  rackIdLengthMax: 1024,
}

/** The world as all operations on share groups see it, and what is under way. */
export class ShareContext {
  readonly log: GroupLog
  readonly clock: Clock
  readonly logger: Logger
  readonly topics: Pick<Topics, 'find' | 'findById'>
  readonly timesOf: (groupId: string) => ShareGroupTimes
  readonly isTaken: (groupId: string) => boolean
  readonly limits: ShareGroupLimits
  readonly records = new ShareRecordWriter()
  readonly #appends = new Set<Promise<void>>()

  constructor(parts: ShareGroupsParts) {
    this.log = parts.log
    this.clock = parts.clock
    this.logger = parts.logger
    this.topics = parts.topics
    this.timesOf = parts.timesOf
    this.isTaken = parts.isTaken
    this.limits = { ...limitDefaults, ...parts.limits }
    for (const [name, value] of Object.entries(this.limits)) assert(value > 0, `share group limit ${name} is ${value}`)
  }

  readonly lookup: TopicLookup = (name) => {
    const topic = this.topics.find(name)
    return topic && { id: topic.id, partitionCount: topic.partitions.length }
  }

  /** The record of a group's topics. Those that are gone are left out from now on: their progress went with them. */
  topicsRecord(group: ShareGroup): GroupRecord {
    for (const topicId of group.topics.keys()) {
      if (this.topics.findById(topicId) === undefined) group.topics.delete(topicId)
    }
    return this.records.topics(group)
  }

  /**
   * Appends records as one batch; returns the log's error, or null once they are committed. After an error the group is
   * stale: it is written as a whole the next time.
   */
  async append(partition: number, group: ShareGroup, records: readonly GroupRecord[]): Promise<ErrorCode | null> {
    const append = this.log.append(partition, records)
    this.#appends.add(append)
    try {
      await append
      return null
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error
      group.isStale = true
      this.logger.warn('share group not stored', { groupId: group.id, error: error.code })
      return error.code
    } finally {
      this.#appends.delete(append)
    }
  }

  /** Resolves when no append is under way. */
  async settle(): Promise<void> {
    while (this.#appends.size > 0) await Promise.allSettled(this.#appends)
  }
}
