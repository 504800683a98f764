import { ClientError } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import { recordBytesOf } from '../records/batch.ts'
import type { OutgoingRecord } from '../records/record.ts'
import { bytesOf } from '../records/record.ts'
import type { Deferred } from '../waiting.ts'
import { deferred, within } from '../waiting.ts'
import { IdentitySource } from './identity.ts'
import type { SenderOptions } from './partition-sender.ts'
import { PartitionSender } from './partition-sender.ts'
import type { Partitioner } from './partitioners.ts'
import type { RecordWaiter } from './pending-record.ts'
import { PendingRecord } from './pending-record.ts'
import { ProduceChannels } from './produce-channels.ts'

export interface RecordSenderOptions extends SenderOptions {
  partitioner: Partitioner
  acks: -1 | 1
  idempotent: boolean
  createTopics: boolean
  deliveryTimeoutMs: number
  /** Bytes that may be on their way; calls beyond it wait. */
  bufferBytesMax: number
}

/** What a sender does unless it is told otherwise. */
export const senderDefaults = {
  compression: 'none',
  lingerMs: 0,
  /** Below Kafka's limit for a message. */
  batchBytesMax: 1_000_000,
  deliveryTimeoutMs: 60_000,
  createTopics: true,
} as const

interface Route {
  /** Records that wait for the topic's number of partitions to be known, in order. */
  waiting: { pending: PendingRecord; key: Uint8Array | null }[]
  asking: boolean
  partitionCount: number
  readonly partitions: Map<number, PartitionSender>
}

/**
 * Takes records in, in order, as long as there is room, finds their partitions and hands them to the senders. Order of two
 * records of one partition is the order of their calls, whether or not they had to wait for room or for the topic.
 */
export class RecordSender {
  readonly #cluster: Cluster
  readonly #options: RecordSenderOptions
  readonly #parts: ConstructorParameters<typeof PartitionSender>[0]
  readonly #routes = new Map<string, Route>()
  readonly #admissions: PendingRecord[] = []
  readonly #idle: Deferred<void>[] = []
  #bufferedBytes = 0
  #bufferedCount = 0
  #closed = false

  constructor(cluster: Cluster, options: RecordSenderOptions) {
    this.#cluster = cluster
    this.#options = options
    const identities = options.idempotent ? new IdentitySource(cluster) : undefined
    this.#parts = { cluster, channels: new ProduceChannels(cluster, options.acks), identities }
  }

  /** Whether a record of this size would have to wait. */
  hasRoom(size: number): boolean {
    if (this.#admissions.length > 0) return false
    return this.#bufferedCount === 0 || this.#bufferedBytes + size <= this.#options.bufferBytesMax
  }

  /** Sends records, after those before them, and tells the waiter, now or later, what became of each. */
  push(topic: string, records: readonly OutgoingRecord[], waiter: RecordWaiter): void {
    const nowMs = this.#cluster.environment.monotonicMs()
    const route = this.#routeOf(topic)
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!
      const pending = new PendingRecord(topic, record, recordBytesOf(record), waiter, i)
      if (this.#closed) pending.fail(new ClientError('closed', 'the producer was closed'))
      else if (this.hasRoom(pending.size)) this.#admit(pending, route, nowMs)
      else this.#admissions.push(pending)
    }
  }

  /** Resolves when everything sent so far is stored or has failed. */
  async flush(): Promise<void> {
    if (this.#bufferedCount === 0 && this.#admissions.length === 0) return
    const idle = deferred<void>()
    this.#idle.push(idle)
    this.#hurry()
    await idle.promise
    // Those who wait for the last messages are told first.
    await new Promise<void>((resolve) => this.#cluster.environment.soon(resolve))
  }

  /** Takes nothing more, sends what there is, and fails the rest with 'closed' after the time-out. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true
    const { environment } = this.#cluster
    const late = new ClientError(
      'closed',
      `the producer was closed before the message was stored, after ${timeoutMs} ms`,
    )
    try {
      await within(environment, this.flush(), timeoutMs, () => late)
    } catch (error) {
      if (error !== late) throw error
      for (const pending of this.#admissions.splice(0)) pending.fail(late)
      for (const route of this.#routes.values()) {
        for (const { pending } of route.waiting.splice(0)) pending.fail(late)
        for (const sender of route.partitions.values()) sender.abandon(late)
      }
    }
  }

  #hurry(): void {
    for (const { partitions } of this.#routes.values()) for (const sender of partitions.values()) sender.flush()
  }

  #admit(pending: PendingRecord, route: Route, nowMs: number): void {
    this.#bufferedBytes += pending.size
    this.#bufferedCount++
    pending.admit(nowMs + this.#options.deliveryTimeoutMs, this.#release)
    const key = bytesOf(pending.record.key)
    if (route.partitionCount > 0 && route.waiting.length === 0) return this.#place(route, pending, key)
    route.waiting.push({ pending, key })
    if (!route.asking) void this.#ask(pending.topic, route)
  }

  /** There is room again: those that wait for it come in. A field, so that a function is not made for each record. */
  readonly #release = (size: number): void => {
    this.#bufferedBytes -= size
    this.#bufferedCount--
    while (this.#admissions.length > 0) {
      const next = this.#admissions[0]!
      if (this.#bufferedCount > 0 && this.#bufferedBytes + next.size > this.#options.bufferBytesMax) break
      this.#admissions.shift()
      this.#admit(next, this.#routeOf(next.topic), this.#cluster.environment.monotonicMs())
      if (this.#closed) this.#hurry()
    }
    if (this.#bufferedCount > 0 || this.#admissions.length > 0) return
    for (const idle of this.#idle.splice(0)) idle.resolve()
  }

  #routeOf(topic: string): Route {
    let route = this.#routes.get(topic)
    if (route === undefined) {
      route = { waiting: [], asking: false, partitionCount: 0, partitions: new Map() }
      this.#routes.set(topic, route)
    }
    const known = this.#cluster.knownTopic(topic)
    if (known !== undefined) route.partitionCount = known.partitions.length
    return route
  }

  async #ask(topic: string, route: Route): Promise<void> {
    route.asking = true
    try {
      const { partitions } = await this.#cluster.topicWhenThere(topic, {
        create: this.#options.createTopics,
        timeoutMs: this.#options.deliveryTimeoutMs,
        backoff: this.#options.backoff,
      })
      route.partitionCount = partitions.length
      for (const { pending, key } of route.waiting.splice(0)) this.#place(route, pending, key)
    } catch (error) {
      const failure = error instanceof ClientError ? error : new ClientError('invalid', String(error), { cause: error })
      for (const { pending } of route.waiting.splice(0)) pending.fail(failure)
    } finally {
      route.asking = false
    }
  }

  #place(route: Route, pending: PendingRecord, key: Uint8Array | null): void {
    const { partitionCount } = route
    const { topic, record, size } = pending
    let partition: number
    try {
      partition = record.partition ?? this.#options.partitioner({ topic, partitionCount, key, size })
    } catch (error) {
      return pending.fail(new ClientError('invalid', `the partitioner failed: ${String(error)}`, { cause: error }))
    }
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
      const message = `topic "${topic}" has partitions 0 to ${partitionCount - 1}, not ${partition}`
      return pending.fail(new ClientError('invalid', message))
    }
    let sender = route.partitions.get(partition)
    if (sender === undefined) {
      sender = new PartitionSender(this.#parts, this.#options, topic, partition)
      route.partitions.set(partition, sender)
    }
    sender.push(pending)
    if (this.#closed) sender.flush()
  }
}
