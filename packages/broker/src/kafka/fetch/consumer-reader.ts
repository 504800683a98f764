import type { ErrorCode } from '../../errors/errors.ts'
import type { IsolationLevel, Partition } from '../../topic/partition.ts'
import { findEpochFault, findPartition } from '../find-partition.ts'
import { mayTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'
import { findDivergence, hangsOnLostRecords } from './divergence.ts'
import type { FetchEntry } from './fetch-entry.ts'
import { faultOf, listenToEach, topicNameOf } from './fetch-reader.ts'
import type { FetchReader, FetchVerdict } from './fetch-reader.ts'
import type { FetchScope } from './fetch-sessions.ts'

/**
 * Reads what is committed, for consumers. With `replica.selector=rack-aware` a consumer that names its rack is sent to a
 * replica there, and served by this broker where it only follows (KIP-392).
 */
export class ConsumerReader implements FetchReader {
  readonly #context: RequestContext
  readonly #entries: readonly FetchEntry[]
  readonly #isolation: IsolationLevel
  /** Of the consumer; empty if it shall read from leaders. */
  readonly #rack: string

  constructor(context: RequestContext, scope: FetchScope, isolation: IsolationLevel, rackId: string) {
    this.#context = context
    this.#entries = scope.entries()
    this.#isolation = isolation
    this.#rack = context.services.config.replicaSelector === 'rack-aware' ? rackId : ''
  }

  entries(): readonly FetchEntry[] {
    return this.#entries
  }

  locate(entry: FetchEntry): Partition | ErrorCode {
    const { topics } = this.#context.services
    const name = topicNameOf(entry, this.#context)
    if (name === undefined) return 'unknown-topic-id'
    // Asked at each look, so that a fetch which has waited is not answered by rules of the past.
    if (!mayTopic(this.#context, 'read', name)) return 'topic-not-authorized'
    const found = findPartition(topics, name, entry.index)
    if (typeof found !== 'string' || this.#rack === '') return found
    return topics.follower(name, entry.index) ?? found
  }

  judge(partition: Partition, entry: FetchEntry): FetchVerdict | undefined {
    const epochFault = findEpochFault(partition, entry.currentLeaderEpoch)
    if (epochFault !== undefined) return faultOf(epochFault)
    const { fetchOffset } = entry
    if (fetchOffset < partition.logStartOffset) return faultOf('offset-out-of-range')
    if (this.#rack !== '' && this.#isFollowed(partition)) {
      // The leader has more: whoever read there may be ahead of this replica, but not beyond the partition's end.
      return fetchOffset > partition.highWatermark ? { kind: 'not-yet' } : undefined
    }
    const end = findDivergence(partition, entry)
    if (hangsOnLostRecords(partition, fetchOffset, end)) return faultOf('storage')
    if (fetchOffset > partition.logEndOffset) return faultOf('offset-out-of-range')
    if (end !== undefined) {
      if (end.leaderEpoch < 0) return faultOf('offset-out-of-range')
      return { kind: 'diverging', epoch: end.leaderEpoch, endOffset: end.endOffset }
    }
    if (this.#rack === '') return undefined
    const brokerId = partition.preferredReadReplica(this.#rack, fetchOffset)
    return brokerId < 0 ? undefined : { kind: 'elsewhere', brokerId }
  }

  readyBytes(partition: Partition, { fetchOffset, bytesMax }: FetchEntry): number {
    return Math.min(partition.readableBytes(fetchOffset, this.#isolation), Math.max(0, bytesMax))
  }

  read(partition: Partition, { fetchOffset: offset }: FetchEntry, bytesMax: number, atLeastOne: boolean) {
    return partition.read({ offset, bytesMax, atLeastOne, isolation: this.#isolation })
  }

  settle(): void {
    // Every partition of a consumer is looked at for each request.
  }

  listen(listener: () => void): () => void {
    return listenToEach(this, (partition) => partition.onAdvance(listener))
  }

  #isFollowed(partition: Partition): boolean {
    return this.#context.services.topics.partition(partition.topicName, partition.index) !== partition
  }
}
