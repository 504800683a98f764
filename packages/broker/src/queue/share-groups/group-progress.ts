import type { ErrorCode } from '../../errors/errors.ts'
import { BrokerError } from '../../errors/errors.ts'
import type { Topics } from '../../topic/topics.ts'
import type { QueueId } from '../queue-id.ts'
import type { QueueManager } from '../queue-manager.ts'
import type { GroupTopic } from './messages.ts'
import type { ShareGroups } from './share-groups.ts'

export interface GroupProgressParts {
  readonly groups: ShareGroups
  readonly queues: Pick<QueueManager, 'summary' | 'reset' | 'forget' | 'config'>
  readonly topics: Pick<Topics, 'find' | 'findById' | 'partition' | 'follower'>
}

/** How far a group is in one partition. */
export interface PartitionProgress {
  readonly index: number
  readonly error: ErrorCode | undefined
  /** First offset that is not settled; -1 if the group has not begun. */
  readonly startOffset: number
  readonly leaderEpoch: number
  /** Records that are not settled; -1 if that is not known here. */
  readonly lag: number
}

export interface TopicProgress {
  readonly topicId: string
  readonly topicName: string
  readonly partitions: readonly PartitionProgress[]
}

export interface WantedTopic {
  readonly topicName: string
  readonly partitions: readonly number[]
}

const unknownTopicId = 'AAAAAAAAAAAAAAAAAAAAAA'

/** What administrators may look at and change of a share group's progress; its coordinator is asked. */
export class GroupProgress {
  readonly #parts: GroupProgressParts

  constructor(parts: GroupProgressParts) {
    this.#parts = parts
  }

  /**
   * @param wanted null: everything that the group has read of, of topics that exist
   * @returns nothing for a group that does not exist, as Kafka does
   */
  async describe(
    groupId: string,
    wanted: readonly WantedTopic[] | null,
  ): Promise<readonly TopicProgress[] | ErrorCode> {
    const { groups, topics } = this.#parts
    const known = groups.topicsOf(groupId)
    if (known === 'group-not-found') return []
    if (typeof known === 'string') return known
    const all = () =>
      known.flatMap(({ topicId, partitionCount }) => {
        const topicName = topics.findById(topicId)?.name
        const partitions = Array.from({ length: partitionCount }, (_, index) => index)
        return topicName === undefined ? [] : { topicName, partitions }
      })
    return Promise.all((wanted ?? all()).map((each) => this.#describeTopic(groupId, each)))
  }

  /**
   * Sets where a group without members goes on; -1 leaves it to the group's settings. Outcomes are in the order of what was
   * asked.
   */
  async reset(
    groupId: string,
    topicName: string,
    offsets: readonly { readonly index: number; readonly startOffset: number }[],
  ): Promise<{ topicId: string; errors: readonly (ErrorCode | undefined)[] }> {
    const { groups, queues, topics } = this.#parts
    const topic = topics.find(topicName)
    if (topic === undefined) return { topicId: unknownTopicId, errors: offsets.map(() => 'unknown-topic') }
    const partitionCount = topic.partitions.length
    const fault = await groups.noteTopics(groupId, [{ topicId: topic.id, topicName, partitionCount }])
    const errors = offsets.map(async ({ index, startOffset }): Promise<ErrorCode | undefined> => {
      if (fault !== null) return fault
      if (topic.partitions[index] === undefined) return 'unknown-topic'
      if (startOffset < -1) return 'invalid-request'
      return errorOf(() => queues.reset({ groupId, topicId: topic.id, index }, startOffset))
    })
    return { topicId: topic.id, errors: await Promise.all(errors) }
  }

  /** Makes a group without members forget a topic. */
  async forget(groupId: string, topicName: string): Promise<{ topicId: string; error: ErrorCode | undefined }> {
    const { groups, topics } = this.#parts
    const known = groups.topicsOf(groupId)
    if (typeof known === 'string') return { topicId: unknownTopicId, error: known }
    const topicId = topics.find(topicName)?.id
    // A topic that is gone can be forgotten as well.
    const found = known.find((each) =>
      topicId === undefined ? each.topicName === topicName : each.topicId === topicId,
    )
    if (found === undefined) return { topicId: topicId ?? unknownTopicId, error: 'unknown-topic' }
    const error = await errorOf(() => this.#forgetTopic(groupId, found))
    if (error !== undefined) return { topicId: found.topicId, error }
    return { topicId: found.topicId, error: (await groups.forgetTopics(groupId, [found.topicId])) ?? undefined }
  }

  /** Deletes a group without members and all its progress. */
  deleteGroup(groupId: string): Promise<ErrorCode | null> {
    return this.#parts.groups.delete(groupId, async (topics) => {
      await Promise.all(topics.map((topic) => this.#forgetTopic(groupId, topic)))
    })
  }

  async #forgetTopic(groupId: string, { topicId, partitionCount }: GroupTopic): Promise<void> {
    const { queues } = this.#parts
    await Promise.all(Array.from({ length: partitionCount }, (_, index) => queues.forget({ groupId, topicId, index })))
  }

  async #describeTopic(groupId: string, { topicName, partitions }: WantedTopic): Promise<TopicProgress> {
    const topic = this.#parts.topics.find(topicName)
    const described = partitions.map((index) => {
      if (topic?.partitions[index] === undefined) return Promise.resolve(unknown(index, undefined))
      return this.#describePartition({ groupId, topicId: topic.id, index }, topicName)
    })
    return { topicId: topic?.id ?? unknownTopicId, topicName, partitions: await Promise.all(described) }
  }

  async #describePartition(id: QueueId, topicName: string): Promise<PartitionProgress> {
    try {
      const summary = await this.#parts.queues.summary(id)
      if (summary === undefined || summary.startOffset < 0) return unknown(id.index, undefined)
      const { startOffset, leaderEpoch, settledCount } = summary
      const lag = this.#lagOf(id, topicName, startOffset, settledCount)
      return { index: id.index, error: undefined, startOffset, leaderEpoch, lag }
    } catch (error) {
      if (error instanceof BrokerError) return unknown(id.index, error.code)
      throw error
    }
  }

  /** Leader and followers know where a partition ends. */
  #lagOf({ groupId, index }: QueueId, topicName: string, startOffset: number, settledCount: number): number {
    const { topics, queues } = this.#parts
    const replica = topics.partition(topicName, index) ?? topics.follower(topicName, index)
    if (replica === undefined || settledCount < 0) return -1
    const isCommitted = queues.config(groupId).isolation === 'read-committed'
    const endOffset = isCommitted ? replica.lastStableOffset : replica.highWatermark
    return Math.max(0, endOffset - Math.max(startOffset, replica.logStartOffset) - settledCount)
  }
}

function unknown(index: number, error: ErrorCode | undefined): PartitionProgress {
  return { index, error, startOffset: -1, leaderEpoch: 0, lag: -1 }
}

async function errorOf(work: () => Promise<void>): Promise<ErrorCode | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof BrokerError) return error.code
    throw error
  }
}
