import type { ErrorCode } from '../../errors/errors.ts'
import type { Partition } from '../../topic/partition.ts'
import { findEpochFault, findPartition } from '../find-partition.ts'
import { kafkaLimits } from '../kafka-config.ts'
import type { BrokerPrincipal } from '../peer/broker-proof.ts'
import type { RequestContext } from '../request-context.ts'
import { findDivergence, hangsOnLostRecords } from './divergence.ts'
import type { FetchEntry } from './fetch-entry.ts'
import { faultOf, listenToEach, topicNameOf } from './fetch-reader.ts'
import type { FetchReader, FetchVerdict } from './fetch-reader.ts'
import type { FetchScope } from './fetch-sessions.ts'
import { SessionWatch } from './session-watch.ts'

/**
 * Reads what is on this leader's disk, for a follower, and notes how far the follower is (kafka.md §4.1 rules 1 to 3).
 * Everything is refused to a follower that does not say which leader epoch it is in, or is in another one: what it says
 * of its log would then be about another leader's.
 */
export class FollowerReader implements FetchReader {
  readonly #context: RequestContext
  readonly #follower: BrokerPrincipal
  readonly #scope: FetchScope
  /** Of the session; undefined for a follower without one. */
  readonly #watch: SessionWatch | undefined
  /** Partitions of this request that the follower is no replica of. */
  readonly #refused = new Map<FetchEntry, ErrorCode>()

  constructor(context: RequestContext, follower: BrokerPrincipal, scope: FetchScope) {
    this.#context = context
    this.#follower = follower
    this.#scope = scope
    const { session } = scope
    this.#watch = session && (session.watch ??= new SessionWatch(session.entries.values()))
  }

  /**
   * Tells partitions where the follower is: at each request those about which either side has news; now and then all
   * others, for which nothing counts but that the follower lives and still has all there is.
   */
  note(): void {
    const entries = this.entries()
    for (const entry of entries) this.#note(entry)
    const watch = this.#watch
    if (watch === undefined) return
    const { config, host } = this.#context.services
    const intervalMs = Math.min(kafkaLimits.replicaNoteIntervalMs, config.replicaLagMsMax / 10)
    const nowMs = host.clock.monotonicMs()
    if (nowMs - watch.notedAtMs < intervalMs) return
    watch.notedAtMs = nowMs
    const noted = new Set(entries)
    for (const entry of this.#scope.entries()) if (!noted.has(entry)) this.#noteUnchanged(entry, watch)
  }

  #note(entry: FetchEntry): void {
    const partition = this.locate(entry)
    if (typeof partition === 'string') return
    this.#watch?.watch(entry, partition)
    if (this.judge(partition, entry) !== undefined) return
    const refusal = this.#tell(partition, entry)
    if (refusal !== undefined) this.#refused.set(entry, refusal)
  }

  /** The short way for a partition without news; the long one if something was missed. */
  #noteUnchanged(entry: FetchEntry, watch: SessionWatch): void {
    const partition = watch.partitionOf(entry)
    if (partition !== undefined && this.#tell(partition, entry) === undefined) return
    watch.news.add(entry)
    this.#note(entry)
  }

  #tell(partition: Partition, entry: FetchEntry): ErrorCode | undefined {
    const { currentLeaderEpoch, fetchOffset, lastFetchedEpoch, logStartOffset } = entry
    const { brokerId: replicaId, brokerEpoch: replicaEpoch } = this.#follower
    const place = { currentLeaderEpoch, fetchOffset, lastFetchedEpoch, logStartOffset }
    return partition.noteFetch({ replicaId, replicaEpoch, ...place })
  }

  entries(): readonly FetchEntry[] {
    return this.#watch === undefined ? this.#scope.entries() : [...this.#watch.news]
  }

  locate(entry: FetchEntry): Partition | ErrorCode {
    const name = topicNameOf(entry, this.#context)
    return name === undefined ? 'unknown-topic-id' : findPartition(this.#context.services.topics, name, entry.index)
  }

  judge(partition: Partition, entry: FetchEntry): FetchVerdict | undefined {
    const { currentLeaderEpoch, fetchOffset } = entry
    if (currentLeaderEpoch < 0) return faultOf('invalid-request')
    const epochFault = findEpochFault(partition, currentLeaderEpoch)
    if (epochFault !== undefined) return faultOf(epochFault)
    const end = findDivergence(partition, entry)
    if (hangsOnLostRecords(partition, fetchOffset, end)) return faultOf('storage')
    if (end !== undefined && end.leaderEpoch >= 0) {
      return { kind: 'diverging', epoch: end.leaderEpoch, endOffset: end.endOffset }
    }
    const isInRange = fetchOffset >= partition.logStartOffset && fetchOffset <= partition.logEndOffset
    if (end !== undefined || !isInRange) return faultOf('offset-out-of-range')
    const refusal = this.#refused.get(entry)
    return refusal && faultOf(refusal)
  }

  readyBytes(partition: Partition, { fetchOffset, toldHighWatermark }: FetchEntry): number {
    const isKnown = toldHighWatermark >= 0 || this.#scope.session !== undefined
    if (isKnown && partition.highWatermark > toldHighWatermark) return Number.POSITIVE_INFINITY
    // No record is smaller than a byte, and followers ask for one.
    return Math.max(0, partition.durableOffset - fetchOffset)
  }

  read(partition: Partition, { fetchOffset: offset }: FetchEntry, bytesMax: number, atLeastOne: boolean) {
    return partition.readForReplica({ offset, bytesMax, atLeastOne })
  }

  /** What did not fit into this answer stays in the news. */
  settle(partition: Partition, entry: FetchEntry): void {
    if (this.readyBytes(partition, entry) === 0) this.#watch?.settle(entry)
  }

  listen(listener: () => void): () => void {
    if (this.#watch !== undefined) return this.#watch.listen(listener)
    return listenToEach(this, (partition) => partition.onReplicaAdvance(listener))
  }
}
