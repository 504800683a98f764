import { ManualClock, flush } from '../../group/testing/manual-clock.ts'
import { MemoryGroupLog } from '../../group/testing/memory-group-log.ts'
import { MemoryPartition } from '../../kafka/testing/memory-partition.ts'
import { buildBatch } from '../../record/build.ts'
import type { RecordInput } from '../../record/build.ts'
import { silentLogger } from '../../telemetry/logger.ts'
import type { Partition } from '../../topic/partition.ts'
import type { Topic } from '../../topic/topics.ts'
import type { BatchJudge } from '../batch-judge.ts'
import type { DeadLetters, DeadSpan } from '../dead-letters.ts'
import type { GroupQueueConfig } from '../group-queue-config.ts'
import { LedQueues } from '../led-queues.ts'
import { noCounts } from '../queue-counts.ts'
import type { Acquired, AcquireRequest } from '../queue-manager.ts'
import { StateLog } from '../state-log.ts'
import { testGroupConfig } from './group-config.ts'

const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'
export const queueId = { groupId: 'g', topicId, index: 0 }

/** Queues of one broker over a partition and a state log in memory, with a clock that stands still. */
export class QueueWorld {
  readonly clock = new ManualClock()
  readonly log = new MemoryGroupLog()
  readonly partition: MemoryPartition
  readonly counts = noCounts()
  /** Those that were written, and why they cannot be. */
  readonly dead: DeadSpan[] = []
  deadFault: Error | undefined
  judge: BatchJudge | undefined
  config: GroupQueueConfig
  led: Partition | undefined
  queues!: LedQueues
  stateLog!: StateLog

  private constructor(config: Partial<GroupQueueConfig>) {
    this.config = testGroupConfig(config)
    this.partition = new MemoryPartition(this.clock, 't', topicId, 0)
    this.led = this.partition
  }

  static async make(config: Partial<GroupQueueConfig> = {}): Promise<QueueWorld> {
    const world = new QueueWorld(config)
    await world.restart()
    return world
  }

  /** A new process over the same logs. */
  async restart(): Promise<void> {
    const { clock, log, counts } = this
    this.queues?.stop()
    this.stateLog = new StateLog({ log, clock, logger: silentLogger })
    await this.stateLog.load(0)
    const topic = { name: 't', id: topicId, partitions: [{}] } as unknown as Topic
    const deadLetters: DeadLetters = {
      write: async (_topicName, _from, _id, span) => {
        if (this.deadFault !== undefined) throw this.deadFault
        this.dead.push(span)
        return span.last - span.first + 1
      },
    }
    this.queues = new LedQueues({
      store: this.stateLog,
      clock,
      logger: silentLogger,
      config: () => this.config,
      judge: () => this.judge,
      deadLetters,
      counts,
      stateWritten: () => undefined,
      topics: { findById: (id) => (id === topicId ? topic : undefined), partition: () => this.led },
    })
  }

  /** Appends batches of so many records each, and commits them. */
  async append(...counts: number[]): Promise<void> {
    for (const count of counts) {
      const records: RecordInput[] = Array.from({ length: count }, (_, at) => ({
        key: null,
        value: Buffer.from(`${at}`),
      }))
      this.partition.append(buildBatch(records, { baseTimestampMs: this.clock.nowMs() }), true, -1)
    }
    await this.run()
  }

  /** Lets a time pass, and everything happen that it brings. */
  async run(ms = 1): Promise<void> {
    await this.clock.advance(ms)
    await flush()
  }

  /** What a member gets, as `first-last xcount`. */
  async acquire(memberId: string, given: Partial<AcquireRequest> = {}): Promise<string[]> {
    const request = { recordsMax: 500, bytesMax: 1 << 20, atLeastOne: true, mode: 'batch-optimized' as const, ...given }
    const acquiring = this.acquireRaw({ ...queueId, memberId, ...request })
    const acquired = await this.eventually(acquiring)
    acquired.release()
    return acquired.ranges.map((range) => `${range.firstOffset}-${range.lastOffset} x${range.deliveryCount}`)
  }

  async acquireRaw(request: AcquireRequest): Promise<Acquired> {
    return this.queues.acquire(request)
  }

  /** The outcome of something that needs time to pass. */
  async eventually<T>(promise: Promise<T>): Promise<T> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    promise.then(over, over)
    for (let turn = 0; turn < 200 && !isOver; turn++) await this.run(isOver ? 0 : 1)
    return promise
  }
}
