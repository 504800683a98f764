import { WireError } from '@polylog/wire'
import { assert, BrokerError } from '../errors/errors.ts'
import type { GroupLog, GroupRecord } from '../group/group-log.ts'
import { partitionOf } from '../group/partition-of.ts'
import type { Clock } from '../host/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import { queueKey } from './queue-id.ts'
import type { QueueId } from './queue-id.ts'
import type { QueueStore, QueueSummary, QueueWrite, StoredQueue } from './queue-store.ts'
import { begun, claimed, entryOf, updated, written } from './state-entry.ts'
import type { EntryStep, StateEntry } from './state-entry.ts'
import { readStateRecord, snapshotRecord, tombstones, updateRecord } from './state-records.ts'
import type { StateRecord } from './state-records.ts'

/** Of the malformed records of one partition, this many are logged one by one. */
const malformedLoggedMax = 10

export interface StateLogParts {
  readonly log: GroupLog
  readonly clock: Clock
  readonly logger: Logger
}

/** The queues of one partition of the log. */
interface Shard {
  readonly entries: Map<string, StateEntry>
  /** By queue: the last call under way. Those of one queue follow each other. */
  readonly calls: Map<string, Promise<unknown>>
}

/**
 * The progress of groups as Kafka's ShareSnapshot and ShareUpdate records in a compacted topic, for the queues of those
 * partitions of it that this broker leads. Which one a queue belongs to, its key decides.
 */
export class StateLog implements QueueStore {
  readonly #parts: StateLogParts
  readonly #shards = new Map<number, Shard>()
  /** By partition: the load under way; another one begun meanwhile makes it void. */
  readonly #loading = new Map<number, symbol>()
  #isStopped = false

  constructor(parts: StateLogParts) {
    this.#parts = parts
  }

  /** The partition of the log that keeps a queue. */
  partitionOf(id: QueueId): number {
    return partitionOf(queueKey(id), this.#parts.log.partitionCount)
  }

  get queueCount(): number {
    let count = 0
    for (const { entries } of this.#shards.values()) count += entries.size
    return count
  }

  /** Reads a partition that this broker leads (again). @throws BrokerError 'not-leader', 'storage' */
  async load(partition: number): Promise<void> {
    const { log, logger } = this.#parts
    const token = Symbol('load')
    this.#loading.set(partition, token)
    const shard: Shard = { entries: new Map(), calls: new Map() }
    let malformedCount = 0
    let isWanted = false
    try {
      await log.replay(partition, (key, value) => {
        const record = readOrSkip(key, value)
        if (record !== undefined) take(shard, record)
        else if (++malformedCount <= malformedLoggedMax) {
          logger.warn('malformed queue record skipped', { partition, keyBytes: key.length })
        }
      })
    } finally {
      isWanted = this.#loading.get(partition) === token
      if (isWanted) this.#loading.delete(partition)
    }
    if (!isWanted) return
    this.#shards.set(partition, shard)
    const level = malformedCount > 0 ? 'warn' : shard.entries.size > 0 ? 'info' : 'debug'
    logger[level]('queue state loaded', { partition, queueCount: shard.entries.size, malformedCount })
  }

  /** Another broker leads the partition, or none. */
  unload(partition: number): void {
    this.#loading.delete(partition)
    this.#shards.delete(partition)
  }

  stop(): void {
    this.#isStopped = true
    this.#loading.clear()
    this.#shards.clear()
  }

  initialize(id: QueueId, stateEpoch: number, startOffset: number): Promise<void> {
    return this.#exclusive(id, async (shard, partition) => {
      const before = shard.entries.get(queueKey(id))
      if (before !== undefined && before.stateEpoch > stateEpoch) throw fencedState(before, stateEpoch)
      const nowMs = this.#parts.clock.nowMs()
      await this.#append(shard, partition, begun(id, before, { stateEpoch, startOffset, nowMs }))
    })
  }

  read(id: QueueId, leaderEpoch: number): Promise<StoredQueue | undefined> {
    return this.#exclusive(id, async (shard, partition) => {
      const entry = shard.entries.get(queueKey(id))
      if (entry === undefined) return undefined
      if (entry.leaderEpoch > leaderEpoch) throw fencedLeader(entry, leaderEpoch)
      // Must be durable too: after a failover here the former leader would be let in again.
      if (entry.leaderEpoch < leaderEpoch) await this.#append(shard, partition, claimed(entry, leaderEpoch))
      const { stateEpoch, startOffset, ranges } = entry
      return { stateEpoch, leaderEpoch, startOffset, ranges }
    })
  }

  write(id: QueueId, change: QueueWrite): Promise<void> {
    return this.#exclusive(id, async (shard, partition) => {
      const entry = shard.entries.get(queueKey(id))
      if (entry === undefined) throw new BrokerError('group-not-found', 'nothing is stored of this queue')
      if (entry.stateEpoch !== change.stateEpoch) throw fencedState(entry, change.stateEpoch)
      if (entry.leaderEpoch > change.leaderEpoch) throw fencedLeader(entry, change.leaderEpoch)
      await this.#append(shard, partition, written(entry, change))
    })
  }

  async summary(id: QueueId): Promise<QueueSummary | undefined> {
    return this.#shardOf(id).shard.entries.get(queueKey(id))
  }

  delete(id: QueueId): Promise<void> {
    return this.#exclusive(id, async (shard, partition) => {
      const key = queueKey(id)
      const entry = shard.entries.get(key)
      if (entry === undefined) return
      await this.#write(shard, partition, entry, tombstones(id))
      shard.entries.delete(key)
    })
  }

  /** The topic is gone: so is the progress of all groups on it, as far as it is kept here. */
  async forgetTopic(topicId: string): Promise<void> {
    const ids = [...this.#shards.values()].flatMap(({ entries }) =>
      [...entries.values()].map(({ id }) => id).filter((id) => id.topicId === topicId),
    )
    await Promise.all(ids.map((id) => this.delete(id)))
  }

  /** The topics that queues kept here are about. */
  topicIds(): ReadonlySet<string> {
    const ids = new Set<string>()
    for (const { entries } of this.#shards.values()) for (const { id } of entries.values()) ids.add(id.topicId)
    return ids
  }

  async #append(shard: Shard, partition: number, { entry, record }: EntryStep): Promise<void> {
    const { id } = entry
    const nowMs = this.#parts.clock.nowMs()
    const encoded =
      record.kind === 'snapshot' ? snapshotRecord(id, record.value, nowMs) : updateRecord(id, record.value)
    await this.#write(shard, partition, shard.entries.get(queueKey(id)), [encoded])
    shard.entries.set(queueKey(id), entry)
  }

  async #write(
    shard: Shard,
    partition: number,
    before: StateEntry | undefined,
    records: readonly GroupRecord[],
  ): Promise<void> {
    try {
      await this.#parts.log.append(partition, records)
    } catch (error) {
      if (before !== undefined) shard.entries.set(queueKey(before.id), { ...before, isDoubtful: true })
      throw inStoreTerms(error)
    }
  }

  /** Calls for one queue run one after the other; each sees what the one before has committed. */
  async #exclusive<T>(id: QueueId, work: (shard: Shard, partition: number) => Promise<T>): Promise<T> {
    const { shard, partition } = this.#shardOf(id)
    const key = queueKey(id)
    const before = shard.calls.get(key)
    const call = before === undefined ? work(shard, partition) : before.then(() => work(shard, partition))
    const settled = call.then(
      () => undefined,
      () => undefined,
    )
    shard.calls.set(key, settled)
    try {
      return await call
    } finally {
      if (shard.calls.get(key) === settled) shard.calls.delete(key)
    }
  }

  #shardOf(id: QueueId): { shard: Shard; partition: number } {
    const partition = this.partitionOf(id)
    if (this.#isStopped || !this.#parts.log.leads(partition)) throw new BrokerError('not-coordinator')
    const shard = this.#shards.get(partition)
    if (shard === undefined) throw new BrokerError('coordinator-loading')
    return { shard, partition }
  }
}

function readOrSkip(key: Uint8Array, value: Uint8Array | null): StateRecord | undefined {
  try {
    return readStateRecord(key, value)
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

function take({ entries }: Shard, record: StateRecord): void {
  if (record.kind === 'other') return
  const key = queueKey(record.id)
  if (record.kind === 'snapshot') {
    if (record.value === null) entries.delete(key)
    else entries.set(key, entryOf(record.id, record.value))
    return
  }
  const entry = entries.get(key)
  // Its snapshot is gone if compaction has taken it for an older one: then a newer one follows.
  if (entry !== undefined && record.value !== null) entries.set(key, updated(entry, record.value))
}

function fencedState(entry: StateEntry, given: number): BrokerError {
  assert(entry.stateEpoch !== given, 'epochs differ')
  return new BrokerError('fenced-state-epoch', `state epoch ${given}, where ${entry.stateEpoch} is in force`)
}

function fencedLeader(entry: StateEntry, given: number): BrokerError {
  return new BrokerError('fenced-leader-epoch', `leader epoch ${given}, where ${entry.leaderEpoch} is in force`)
}

/** Whoever leads the log's partition next is to be asked; that is not about the queue's own partition. */
function inStoreTerms(error: unknown): unknown {
  const isElsewhere = error instanceof BrokerError && (error.code === 'not-leader' || error.code === 'unknown-topic')
  return isElsewhere ? new BrokerError('not-coordinator') : error
}
