import type { ErrorCode } from '../errors/errors.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Timer } from '../host/clock.ts'
import type { Partition } from '../topic/partition.ts'
import type { Topics } from '../topic/topics.ts'
import type { GroupQueueConfig } from './group-queue-config.ts'
import { LedQueue } from './led-queue.ts'
import type { QueueSurroundings } from './led-queue.ts'
import { loadQueue } from './load-queue.ts'
import { queueKey } from './queue-id.ts'
import type { QueueId } from './queue-id.ts'
import type { Acquired, AcquireRequest, QueueManager, ReleaseOptions } from './queue-manager.ts'
import type { Acknowledgement } from './queue-messages.ts'
import type { QueueSummary } from './queue-store.ts'

/** A queue that nobody has used for so long is forgotten; the store has it. */
const idleMsMax = 60_000
const sweepIntervalMs = 20_000
/** Unused for so long, it is read anew before it is used. */
const staleMs = 2000

export interface LedQueuesParts extends QueueSurroundings {
  readonly topics: Pick<Topics, 'findById' | 'partition'>
}

interface Opening {
  readonly kind: 'opening'
  readonly opened: Promise<LedQueue>
}

/** A queue in use, or one that is being loaded. */
type Slot = { readonly kind: 'open'; readonly queue: LedQueue } | Opening

/** The queues on the partitions that this broker leads: opened at their first use, closed when leadership or use ends. */
export class LedQueues implements QueueManager {
  readonly #parts: LedQueuesParts
  readonly #slots = new Map<string, Slot>()
  #sweep: Timer
  #isStopped = false

  constructor(parts: LedQueuesParts) {
    this.#parts = parts
    this.#sweep = this.#startSweep()
  }

  config(groupId: string): GroupQueueConfig {
    return this.#parts.config(groupId)
  }

  /** Queues in memory. */
  *queues(): Iterable<LedQueue> {
    for (const slot of this.#slots.values()) if (slot.kind === 'open') yield slot.queue
  }

  acquire(request: AcquireRequest): Acquired | Promise<Acquired> {
    const queue = this.#openSoon(request)
    return queue instanceof Promise ? queue.then((opened) => opened.acquire(request)) : queue.acquire(request)
  }

  isAvailable(id: QueueId): boolean {
    const slot = this.#slots.get(queueKey(id))
    return slot?.kind === 'open' && this.#leads(slot.queue) && slot.queue.isAvailable()
  }

  hasNothing(id: QueueId): boolean {
    const slot = this.#slots.get(queueKey(id))
    return slot?.kind === 'open' && this.#leads(slot.queue) && !this.#isStale(slot.queue) && slot.queue.hasNothing
  }

  onAvailable(id: QueueId, listener: () => void): () => void {
    let isOver = false
    let forget = (): void => undefined
    const opened = this.#openOrReject(id)
    opened.then(
      (queue) => {
        if (isOver) return
        forget = queue.onAvailable(listener)
        listener()
      },
      // Whoever waits asks again, and is told what is wrong.
      () => {
        if (!isOver) listener()
      },
    )
    return () => {
      isOver = true
      forget()
    }
  }

  async acknowledge(
    id: QueueId,
    memberId: string,
    acknowledgements: readonly Acknowledgement[],
  ): Promise<ErrorCode | undefined> {
    try {
      const queue = this.#openSoon(id)
      return await (queue instanceof Promise ? await queue : queue).acknowledge(memberId, acknowledgements)
    } catch (error) {
      if (error instanceof BrokerError) return error.code
      throw error
    }
  }

  async releaseMember(groupId: string, memberId: string, { isAttempt, partition }: ReleaseOptions): Promise<void> {
    const mine = [...this.queues()].filter(({ id }) => {
      if (id.groupId !== groupId) return false
      return partition === undefined || (id.topicId === partition.topicId && id.index === partition.index)
    })
    await Promise.all(
      mine.map(async (queue) => {
        await queue.release(memberId, isAttempt)
        // A group without members may be given other progress, which must not meet an older memory here.
        if (queue.isAtRest) this.#close(queue, 'not-leader')
      }),
    )
  }

  summary(id: QueueId): Promise<QueueSummary | undefined> {
    return this.#parts.store.summary(id)
  }

  async reset(id: QueueId, startOffset: number): Promise<void> {
    const before = await this.#parts.store.summary(id)
    await this.#parts.store.initialize(id, (before?.stateEpoch ?? -1) + 1, startOffset)
    this.#drop(queueKey(id), 'fenced-state-epoch')
  }

  async forget(id: QueueId): Promise<void> {
    await this.#parts.store.delete(id)
    this.#drop(queueKey(id), 'fenced-state-epoch')
  }

  /** Leadership of a partition has come, gone, or begun a new term. */
  leadershipChanged(topicId: string, index: number): void {
    for (const [key, slot] of this.#slots) {
      if (slot.kind === 'opening') {
        if (key.endsWith(`:${topicId}:${index}`)) this.#drop(key, 'not-leader')
        continue
      }
      const { id } = slot.queue
      if (id.topicId === topicId && id.index === index && !this.#leads(slot.queue)) this.#drop(key, 'not-leader')
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#sweep.cancel()
    for (const key of this.#slots.keys()) this.#drop(key, 'stopping')
  }

  #open(id: QueueId): LedQueue | Promise<LedQueue> {
    if (this.#isStopped) throw new BrokerError('stopping')
    const key = queueKey(id)
    const slot = this.#slots.get(key)
    if (slot?.kind === 'opening') return slot.opened
    if (slot !== undefined) {
      if (this.#leads(slot.queue) && !this.#isStale(slot.queue)) return slot.queue
      this.#drop(key, 'not-leader')
    }
    const partition = this.#partitionOf(id)
    const { promise: opened, resolve, reject } = Promise.withResolvers<LedQueue>()
    // Nobody may be waiting when it fails: whoever comes next opens it again and is told.
    opened.catch(() => undefined)
    const opening: Opening = { kind: 'opening', opened }
    this.#slots.set(key, opening)
    this.#load(opening, { groupId: id.groupId, topicId: id.topicId, index: id.index }, partition).then(
      resolve,
      (error: unknown) => {
        if (this.#slots.get(key) === opening) this.#slots.delete(key)
        reject(error)
      },
    )
    return opened
  }

  /**
   * How far a partition goes its new leader may not learn for hours, if nobody can follow it: whoever asks for this one asks for
   * others as well, and would get nothing of them meanwhile. The queue is opened all the same, and listeners are told.
   */
  #openSoon(id: QueueId): LedQueue | Promise<LedQueue> {
    const queue = this.#open(id)
    if (queue instanceof Promise && !this.#partitionOf(id).isSettled) throw new BrokerError('leader-not-available')
    return queue
  }

  async #openOrReject(id: QueueId): Promise<LedQueue> {
    return this.#open(id)
  }

  async #load(opening: Opening, id: QueueId, partition: Partition): Promise<LedQueue> {
    const { store, clock, config } = this.#parts
    await this.#settled(partition)
    const { leaderEpoch } = partition
    const reset = () => config(id.groupId).offsetReset
    const stored = await loadQueue(id, partition, { store, clock, reset })
    const key = queueKey(id)
    const isStale = this.#partitionOf(id) !== partition || partition.leaderEpoch !== leaderEpoch
    if (this.#isStopped) throw new BrokerError('stopping')
    if (isStale || this.#slots.get(key) !== opening) throw new BrokerError('not-leader')
    const queue: LedQueue = new LedQueue(id, partition, { ...stored, leaderEpoch }, this.#parts, () =>
      this.#remove(queue),
    )
    this.#slots.set(key, { kind: 'open', queue })
    return queue
  }

  /** A new leader does not know yet how far the partition goes. */
  #settled(partition: Partition): Promise<void> {
    if (partition.isSettled) return Promise.resolve()
    const { topicName, index } = partition
    return new Promise((resolve, reject) => {
      const forget = partition.onAdvance(() => {
        const isLed = this.#parts.topics.partition(topicName, index) === partition
        if (isLed && !partition.isSettled) return
        forget()
        if (isLed) resolve()
        else reject(new BrokerError('not-leader'))
      })
    })
  }

  #partitionOf({ topicId, index }: QueueId): Partition {
    const topic = this.#parts.topics.findById(topicId)
    if (topic === undefined) throw new BrokerError('unknown-topic-id')
    if (topic.partitions[index] === undefined) throw new BrokerError('unknown-topic')
    const partition = this.#parts.topics.partition(topic.name, index)
    if (partition === undefined) throw new BrokerError('not-leader')
    return partition
  }

  /** While nobody used it, its progress may have been set anew elsewhere; to look again costs little. */
  #isStale(queue: LedQueue): boolean {
    return this.#parts.clock.monotonicMs() - queue.lastUsedMs >= staleMs && queue.isAtRest
  }

  #leads({ partition, leaderEpoch }: LedQueue): boolean {
    const { topicName, index } = partition
    return this.#parts.topics.partition(topicName, index) === partition && partition.leaderEpoch === leaderEpoch
  }

  #drop(key: string, fault: ErrorCode): void {
    const slot = this.#slots.get(key)
    this.#slots.delete(key)
    if (slot?.kind === 'open') slot.queue.end(fault)
  }

  #close(queue: LedQueue, fault: ErrorCode): void {
    this.#remove(queue)
    queue.end(fault)
  }

  #remove(queue: LedQueue): void {
    const key = queueKey(queue.id)
    const slot = this.#slots.get(key)
    if (slot?.kind === 'open' && slot.queue === queue) this.#slots.delete(key)
  }

  #startSweep(): Timer {
    return this.#parts.clock.startTimer(sweepIntervalMs, () => {
      const nowMs = this.#parts.clock.monotonicMs()
      for (const queue of this.queues()) {
        if (nowMs - queue.lastUsedMs >= idleMsMax && queue.isAtRest) this.#close(queue, 'not-leader')
      }
      this.#sweep = this.#startSweep()
    })
  }
}
