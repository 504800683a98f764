import type { ErrorCode } from '../../errors/errors.ts'
import { BrokerError } from '../../errors/errors.ts'
import type { Clock } from '../../host/clock.ts'
import { baseOffsetOf, lastOffsetOf } from '../../record/batch.ts'
import type { Acquired, AcquireRequest, QueueManager, ReleaseOptions } from '../../queue/queue-manager.ts'
import type { Acknowledgement } from '../../queue/queue-messages.ts'
import { queueKey } from '../../queue/queue-id.ts'
import type { QueueId } from '../../queue/queue-id.ts'
import { QueuePartition } from '../../queue/queue-partition.ts'
import type { QueueSummary } from '../../queue/queue-store.ts'
import { testGroupConfig } from '../../queue/testing/group-config.ts'
import type { MemoryTopics } from './memory-topics.ts'

/** Work queues in memory for tests of the front-end: everything is written at once, nothing survives. */
export class MemoryQueues implements QueueManager {
  settings = testGroupConfig()
  /** Set by a test: acquiring fails. */
  failure: ErrorCode | undefined
  /** Set by a test: acquiring takes until the promise resolves. */
  gate: Promise<void> | undefined
  readonly released: { groupId: string; memberId: string; isAttempt: boolean }[] = []
  /** Results that were not released yet. */
  openCount = 0
  /** Acknowledgements as they came. */
  readonly acknowledged: Acknowledgement[] = []
  private readonly topics: MemoryTopics
  private readonly clock: Clock
  private readonly queues = new Map<string, { readonly id: QueueId; readonly partition: QueuePartition }>()
  private readonly listeners = new Set<() => void>()

  constructor(topics: MemoryTopics, clock: Clock) {
    this.topics = topics
    this.clock = clock
  }

  config() {
    return this.settings
  }

  acquire(request: AcquireRequest): Acquired | Promise<Acquired> {
    if (this.gate !== undefined) return this.gate.then(() => this.acquireNow(request))
    return this.acquireNow(request)
  }

  isAvailable(id: QueueId): boolean {
    const ready = this.queueOf(id).nextReady(0)
    return ready !== undefined && ready.first < this.logOf(id).highWatermark
  }

  hasNothing(id: QueueId): boolean {
    return this.failure === undefined && this.gate === undefined && !this.isAvailable(id)
  }

  onAvailable(id: QueueId, listener: () => void): () => void {
    const forget = this.logOf(id).onAdvance(listener)
    this.listeners.add(listener)
    return () => {
      forget()
      this.listeners.delete(listener)
    }
  }

  async acknowledge(id: QueueId, memberId: string, acknowledgements: readonly Acknowledgement[]) {
    this.acknowledged.push(...acknowledgements)
    const queue = this.queueOf(id)
    const fault = queue.acknowledge(memberId, acknowledgements, this.clock.monotonicMs(), () => undefined)
    this.write(queue)
    return fault
  }

  async releaseMember(groupId: string, memberId: string, { isAttempt }: ReleaseOptions): Promise<void> {
    this.released.push({ groupId, memberId, isAttempt })
    for (const { id, partition } of this.queues.values()) {
      if (id.groupId !== groupId) continue
      partition.releaseMember(memberId, isAttempt)
      this.write(partition)
    }
  }

  async summary(id: QueueId): Promise<QueueSummary | undefined> {
    const queue = this.queues.get(queueKey(id))?.partition
    return queue && { stateEpoch: 0, leaderEpoch: 7, startOffset: queue.startOffset, settledCount: 0 }
  }

  async reset(id: QueueId, startOffset: number): Promise<void> {
    this.queues.set(queueKey(id), { id, partition: new QueuePartition(() => this.settings, startOffset) })
  }

  async forget(id: QueueId): Promise<void> {
    this.queues.delete(queueKey(id))
  }

  private acquireNow({ memberId, recordsMax, ...id }: AcquireRequest): Acquired {
    if (this.failure !== undefined) throw new BrokerError(this.failure)
    const queue = this.queueOf(id)
    const log = this.logOf(id)
    const last = log.highWatermark - 1
    const nowMs = this.clock.monotonicMs()
    const start = queue.nextReady(0)?.first ?? Number.POSITIVE_INFINITY
    const ranges = start > last ? [] : queue.acquire(memberId, start, last, recordsMax, nowMs)
    if (ranges.length === 0) return { ranges, recordCount: 0, chunks: [], bytes: 0, release: () => undefined }
    const read = log.read({ offset: start, bytesMax: 1 << 20, atLeastOne: true, isolation: 'read-uncommitted' })
    if (read instanceof Promise) throw new Error('slow reads are not for this double')
    const end = ranges.at(-1)!.lastOffset
    const chunks = read.chunks.filter((each) => baseOffsetOf(each, 0) <= end && lastOffsetOf(each, 0) >= start)
    this.openCount++
    return {
      ranges,
      recordCount: ranges.reduce((sum, { firstOffset, lastOffset }) => sum + lastOffset - firstOffset + 1, 0),
      chunks,
      bytes: chunks.reduce((sum, { length }) => sum + length, 0),
      release: () => {
        this.openCount--
        read.release()
      },
    }
  }

  private queueOf(id: QueueId): QueuePartition {
    const key = queueKey(id)
    const found = this.queues.get(key)?.partition
    if (found !== undefined) return found
    const { groupId, topicId, index } = id
    const partition = new QueuePartition(() => this.settings, 0)
    this.queues.set(key, { id: { groupId, topicId, index }, partition })
    return partition
  }

  private logOf({ topicId, index }: QueueId) {
    const name = this.topics.findById(topicId)?.name
    const log = name === undefined ? undefined : this.topics.partition(name, index)
    if (log === undefined) throw new BrokerError('not-leader')
    return log
  }

  private write(queue: QueuePartition): void {
    for (let batch = queue.takeChanges(); batch !== undefined; batch = queue.takeChanges()) {
      queue.committed(batch, this.clock.monotonicMs())
    }
    for (const listener of this.listeners) this.clock.endOfTurn(listener)
  }
}
