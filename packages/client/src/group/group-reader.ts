import { ClientError } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import { Fetcher } from '../fetcher.ts'
import type { FetchOptions, TopicPartition } from '../fetcher.ts'
import { commitOffsets } from '../groups.ts'
import type { CommittedOffset } from '../groups.ts'
import type { ReceivedRecord } from '../records/record.ts'
import { backoffMs, every, pauseFor } from '../waiting.ts'
import { ClassicMember } from './classic-member.ts'
import { startOffsets } from './start-offsets.ts'

export interface GroupReaderOptions extends FetchOptions {
  group: string
  topics: readonly string[]
  /** Where to start in a partition without a committed offset. */
  from: 'beginning' | 'end'
  /** Time between two signs of life, by which a member also learns of a rebalance. Default 2.5 s. */
  heartbeatIntervalMs?: number
}

/** A member that is silent for so long loses its partitions. */
const sessionTimeoutMs = 10_000
const rebalanceTimeoutMs = 60_000
const joinAttemptsMax = 20
const joinBackoff = { initialMs: 50, maxMs: 1000 }

/**
 * A member of a classic consumer group that is asked for records, as a file is read: what `polylog consume --group` uses. The
 * membership is that of the SDK's GroupSubscription, which calls a handler with each message, tries again and never ends. This
 * one hands out whole runs of records, knows when everything that there is was read, tells of the first error and commits
 * just what its caller says was processed.
 *
 * `poll` takes what it handed out before as processed; that is committed with the next sign of life, before a rebalance and at
 * `close`.
 */
export class GroupReader {
  readonly #cluster: Cluster
  readonly #options: GroupReaderOptions
  readonly #fetcher: Fetcher
  readonly #member: ClassicMember
  readonly #closed = new AbortController()
  #beating: Promise<void> | undefined
  #mustRejoin = true
  /** Offsets after the records handed out and processed, by partition; committed ones are taken out. */
  readonly #processed = new Map<string, CommittedOffset>()
  #handedOut: ReceivedRecord[] = []

  constructor(cluster: Cluster, options: GroupReaderOptions) {
    const { group, topics, from } = options
    this.#cluster = cluster
    this.#options = options
    this.#fetcher = new Fetcher(cluster, { outOfRange: from, ...options })
    const timeouts = { sessionTimeoutMs, rebalanceTimeoutMs }
    this.#member = new ClassicMember(cluster, { group, topics, assignor: 'range', ...timeouts })
  }

  /** Partitions of this member at the moment. */
  get assigned(): readonly TopicPartition[] {
    return this.#fetcher.positions()
  }

  /** Whether everything that could be read in them was read. False before the first assignment. */
  get isAtEnd(): boolean {
    return !this.#mustRejoin && this.#fetcher.isAtEnd
  }

  /** The next records; none when the wait was over first. Joins and rejoins the group as needed. @throws ClientError */
  async poll(): Promise<ReceivedRecord[]> {
    this.#settle()
    if (this.#mustRejoin) {
      await this.#commit()
      await this.#join()
    }
    const records = await this.#fetcher.poll()
    // While the fetch waited the partitions may have gone to another member, who will read these records.
    if (this.#mustRejoin) return []
    this.#handedOut = records
    return records
  }

  /**
   * Commits what was handed out and leaves the group.
   * @param processed how many of the records handed out last were processed, if not all
   * @throws ClientError if it cannot be committed
   */
  async close(processed = this.#handedOut.length): Promise<void> {
    this.#closed.abort()
    await this.#beating
    this.#handedOut = this.#handedOut.slice(0, processed)
    this.#settle()
    await this.#commit()
    await this.#member.leave(this.#cluster.requestTimeoutMs)
  }

  /** What was handed out before this call has been processed. */
  #settle(): void {
    for (const { topic, partition, offset } of this.#handedOut) {
      this.#processed.set(`${topic}/${partition}`, { topic, partition, offset: offset + 1 })
    }
    this.#handedOut = []
  }

  /** Commits what has been processed. A group that has moved on is no error: another member reads on from the last commit. */
  async #commit(): Promise<void> {
    const { current } = this.#member
    if (current === undefined || this.#processed.size === 0) return
    const offsets = [...this.#processed.values()]
    this.#processed.clear()
    try {
      await commitOffsets(this.#cluster, this.#options.group, offsets, current)
    } catch (error) {
      this.#expectRejoin(error)
    }
  }

  async #join(): Promise<void> {
    const { environment } = this.#cluster
    for (let attempt = 1; this.#mustRejoin; attempt++) {
      try {
        const assigned = await this.#member.join([])
        this.#fetcher.clear()
        const starts = await startOffsets(this.#cluster, this.#options.group, assigned, this.#options.from)
        for (const start of starts) this.#fetcher.seek(start, start.offset)
        this.#mustRejoin = false
      } catch (error) {
        if (attempt >= joinAttemptsMax) throw error
        this.#expectRejoin(error)
        await pauseFor(environment, backoffMs(joinBackoff, attempt, environment.random()))
      }
    }
    const intervalMs = this.#options.heartbeatIntervalMs ?? sessionTimeoutMs / 4
    this.#beating ??= every(environment, intervalMs, this.#closed.signal, () => this.#beat())
  }

  /** Tells the coordinator that this member lives, and commits what has been processed since the last time. */
  async #beat(): Promise<void> {
    // The group would only say once more that it must join.
    if (this.#mustRejoin) return
    try {
      await this.#member.heartbeat()
      await this.#commit()
    } catch (error) {
      // Whatever it was, joining again either cures it or tells the caller of poll().
      if (error instanceof ClientError) this.#member.mustRejoin(error)
      this.#mustRejoin = true
    }
  }

  /** @throws the error itself, if it is not one that joining again cures; a broker that cannot be reached is the caller's to know */
  #expectRejoin(error: unknown): void {
    if (!(error instanceof ClientError) || error.kafkaCode === 0 || !this.#member.mustRejoin(error)) throw error
    this.#mustRejoin = true
  }
}
