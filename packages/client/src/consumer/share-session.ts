import { apis } from '@polylog/wire'
import type { ShareFetchResponse } from '@polylog/wire'
import { ClientError, refusal } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import { groupedBy } from '../grouping.ts'
import { decodeRecords } from '../records/batch.ts'
import type { ReceivedRecord } from '../records/record.ts'
import type { Backoff, Deferred } from '../waiting.ts'
import { backoffMs, deferred, pauseFor } from '../waiting.ts'
import type { Acknowledgement, Delivery, SharePartition } from './delivery.ts'
import { batchesOf, partitionKey } from './delivery.ts'

/** What a session needs of the reader it belongs to. */
export interface SessionOwner {
  readonly group: string
  readonly memberId: string
  readonly lane: string
  /** How many messages this session may ask for now, 0 for none. */
  wanted(): number
  /** How long the broker may hold an empty answer. */
  waitMs(): number
  hasAcknowledgements(brokerId: number): boolean
  /** Takes the acknowledgements that go to this broker. */
  takeAcknowledgements(brokerId: number): Acknowledgement[]
  /** Those could not be told and are to be tried again. */
  putBack(acknowledgements: readonly Acknowledgement[]): void
  deliver(deliveries: Delivery[]): void
  /** An offset range of a partition that was lent but holds no record. */
  gap(partition: SharePartition, firstOffset: number, lastOffset: number): void
  /** A batch that cannot be read. */
  unreadable(partition: SharePartition, firstOffset: number, lastOffset: number, error: ClientError): void
  /** A partition is led by another broker, or is gone. */
  metadataStale(): void
  /** The group does not know this member. */
  unknownMember(): void
  onError(error: ClientError): void
}

const sessionErrors: readonly number[] = [122, 123]
const memberErrors: readonly number[] = [25, 69, 110]
const leaderErrors: readonly number[] = [3, 5, 6, 74, 100]
/** Acknowledgements that come in so quick succession travel together. */
const acknowledgeLingerMs = 4
const misdirectedPauseMs = 100
const fetchBytesMax = 16 * 1024 * 1024
const recordLimitMode = 1
const finalEpoch = -1

/**
 * The conversation with one broker about its share partitions: one request at a time, as the protocol wants, each the next
 * epoch. Acknowledgements travel with the next fetch, or alone when nothing is to be fetched.
 */
export class ShareSession {
  readonly brokerId: number
  readonly #cluster: Cluster
  readonly #owner: SessionOwner
  readonly #backoff: Backoff
  readonly #stopped = new AbortController()
  #wake: Deferred<void> = deferred()
  #epoch = 0
  /** What the broker knows to be fetched in this session. */
  readonly #known = new Map<string, SharePartition>()
  #desired = new Map<string, SharePartition>()
  #failures = 0
  #misdirected = false
  #running: Promise<void> | undefined

  constructor(cluster: Cluster, owner: SessionOwner, backoff: Backoff, brokerId: number) {
    this.#cluster = cluster
    this.#owner = owner
    this.#backoff = backoff
    this.brokerId = brokerId
  }

  /** Partitions to be fetched from now on. */
  want(partitions: readonly SharePartition[]): void {
    this.#desired = new Map(partitions.map((partition) => [partition.key, partition]))
    this.wake()
    this.#running ??= this.#run()
  }

  /** Something has changed: room for messages, or an acknowledgement. */
  wake(): void {
    this.#wake.resolve()
  }

  /** Fetches nothing more, tells the last acknowledgements and gives the rest back. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopped.abort()
    this.wake()
    await this.#running
    if (this.#epoch === 0) return
    const acknowledgements = this.#owner.takeAcknowledgements(this.brokerId)
    this.#epoch = finalEpoch
    await this.#guarded(acknowledgements, () => this.#acknowledge(acknowledgements, timeoutMs))
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      this.#wake = deferred()
      const wanted = this.#desired.size > 0 ? this.#owner.wanted() : 0
      if (wanted === 0) await this.#settleOrWait()
      else {
        // The request that opens a session cannot carry any.
        const acknowledgements = this.#epoch > 0 ? this.#owner.takeAcknowledgements(this.brokerId) : []
        const separate: Acknowledgement[] = []
        const along: Acknowledgement[] = []
        for (const one of acknowledgements) (this.#mustGoAlone(one) ? separate : along).push(one)
        if (separate.length > 0) await this.#guarded(separate, () => this.#acknowledge(separate))
        await this.#guarded(along, () => this.#fetch(wanted, this.#owner.waitMs(), along))
        await this.#pauseIfMisdirected()
      }
    }
  }

  /** A broker that no longer leads a partition says so at once, until the metadata are known to have changed. */
  async #pauseIfMisdirected(): Promise<void> {
    if (!this.#misdirected) return
    this.#misdirected = false
    await pauseFor(this.#cluster.environment, misdirectedPauseMs, this.#stopped.signal).catch(() => undefined)
  }

  /** Nothing is to be fetched: tells what there is to tell, or waits until there is something to do. */
  async #settleOrWait(): Promise<void> {
    const { environment } = this.#cluster
    const { signal } = this.#stopped
    if (!this.#owner.hasAcknowledgements(this.brokerId)) await this.#wake.promise
    if (signal.aborted || (this.#desired.size > 0 && this.#owner.wanted() > 0)) return
    await pauseFor(environment, acknowledgeLingerMs, signal).catch(() => undefined)
    if (signal.aborted || (this.#desired.size > 0 && this.#owner.wanted() > 0)) return
    const acknowledgements = this.#owner.takeAcknowledgements(this.brokerId)
    if (acknowledgements.length === 0) return
    if (this.#epoch > 0) return this.#guarded(acknowledgements, () => this.#acknowledge(acknowledgements))
    // Only a fetch opens a session, and without one nothing can be acknowledged.
    this.#owner.putBack(acknowledgements)
    if (this.#desired.size > 0) await this.#guarded([], () => this.#fetch(1, 0, []))
    else await pauseFor(environment, this.#backoff.initialMs, signal).catch(() => undefined)
  }

  /** Renewals have a form of their own, and a partition that is no longer fetched must not be asked for again. */
  #mustGoAlone(acknowledgement: Acknowledgement): boolean {
    const { key } = acknowledgement
    return acknowledgement.type === 'renew' || !this.#desired.has(key) || !this.#known.has(key)
  }

  async #guarded(acknowledgements: readonly Acknowledgement[], request: () => Promise<void>): Promise<void> {
    try {
      await request()
      this.#failures = 0
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      await this.#afterFailure(error, acknowledgements)
    }
  }

  async #afterFailure(error: ClientError, acknowledgements: readonly Acknowledgement[]): Promise<void> {
    this.#owner.putBack(acknowledgements)
    this.#epoch = 0
    this.#known.clear()
    if (this.#stopped.signal.aborted) return
    this.#failures++
    const isSession = sessionErrors.includes(error.kafkaCode)
    if (memberErrors.includes(error.kafkaCode)) this.#owner.unknownMember()
    else if (!isSession) {
      this.#owner.metadataStale()
      if (!error.retriable && error.code !== 'closed') this.#owner.onError(error)
    }
    if (isSession && this.#failures === 1) return
    const { environment } = this.#cluster
    const delayMs = backoffMs(this.#backoff, this.#failures, environment.random())
    await pauseFor(environment, delayMs, this.#stopped.signal).catch(() => undefined)
  }

  async #fetch(wanted: number, waitMs: number, acknowledgements: readonly Acknowledgement[]): Promise<void> {
    const { group, memberId, lane } = this.#owner
    const added = [...this.#desired].filter(([key]) => !this.#known.has(key)).map(([, partition]) => partition)
    const dropped = [...this.#known].filter(([key]) => !this.#desired.has(key)).map(([, partition]) => partition)
    const request = {
      groupId: group,
      memberId,
      shareSessionEpoch: this.#epoch,
      maxWaitMs: waitMs,
      minBytes: waitMs > 0 ? 1 : 0,
      maxBytes: fetchBytesMax,
      maxRecords: wanted,
      batchSize: wanted,
      shareAcquireMode: recordLimitMode,
      topics: topicsOf([...added.map((partition) => ({ ...partition, batches: [] })), ...grouped(acknowledgements)]),
      forgottenTopicsData: [...groupedBy(dropped, ({ topicId }) => topicId)].map(([topicId, partitions]) => ({
        topicId,
        partitions: partitions.map(({ partition }) => partition),
      })),
    }
    const answer = await this.#cluster.broker(this.brokerId, apis[78], request, { lane, extraTimeoutMs: waitMs })
    if (answer.errorCode !== 0) {
      throw refusal(answer.errorCode, `cannot fetch for share group "${group}"`, answer.errorMessage)
    }
    for (const partition of added) this.#known.set(partition.key, partition)
    for (const partition of dropped) this.#known.delete(partition.key)
    this.#nextEpoch()
    this.#settle(acknowledgements, resultsOf(answer))
    this.#take(answer)
  }

  async #acknowledge(acknowledgements: readonly Acknowledgement[], timeoutMs?: number): Promise<void> {
    const { group, memberId, lane } = this.#owner
    const request = {
      groupId: group,
      memberId,
      shareSessionEpoch: this.#epoch,
      isRenewAck: acknowledgements.some(({ type }) => type === 'renew'),
      topics: topicsOf(grouped(acknowledgements)),
    }
    const options = timeoutMs === undefined ? { lane } : { lane, timeoutMs: Math.max(1, timeoutMs) }
    const answer = await this.#cluster.broker(this.brokerId, apis[79], request, options)
    if (answer.errorCode !== 0) {
      throw refusal(answer.errorCode, `cannot acknowledge for share group "${group}"`, answer.errorMessage)
    }
    if (this.#epoch !== finalEpoch) this.#nextEpoch()
    const results = new Map<string, { code: number; message: string | null }>()
    for (const { topicId, partitions } of answer.responses) {
      for (const { partitionIndex, errorCode, errorMessage } of partitions) {
        results.set(partitionKey({ topicId, partition: partitionIndex }), { code: errorCode, message: errorMessage })
      }
    }
    this.#settle(acknowledgements, results)
  }

  #nextEpoch(): void {
    this.#epoch = this.#epoch >= 0x7fffffff ? 1 : this.#epoch + 1
  }

  #settle(
    acknowledgements: readonly Acknowledgement[],
    results: ReadonlyMap<string, { code: number; message: string | null }>,
  ): void {
    for (const acknowledgement of acknowledgements) {
      const { code, message } = results.get(acknowledgement.key) ?? { code: 0, message: null }
      if (code === 0) acknowledgement.resolve()
      else {
        const { topic, partition, firstOffset } = acknowledgement
        const what = `cannot ${acknowledgement.type} message ${firstOffset} of partition ${partition} of "${topic}"`
        acknowledgement.reject(refusal(code, what, message))
        if (leaderErrors.includes(code)) this.#owner.metadataStale()
      }
    }
  }

  #take(answer: ShareFetchResponse): void {
    const deliveries: Delivery[] = []
    const lockedUntilMs = this.#cluster.environment.monotonicMs() + answer.acquisitionLockTimeoutMs
    for (const { topicId, partitions } of answer.responses) {
      for (const data of partitions) {
        const source = this.#known.get(partitionKey({ topicId, partition: data.partitionIndex }))
        if (source === undefined) continue
        if (data.errorCode !== 0) this.#partitionFailed(source, data.errorCode, data.errorMessage)
        else if (data.acquiredRecords.length > 0) this.#open(source, data, lockedUntilMs, deliveries)
      }
    }
    if (deliveries.length > 0) this.#owner.deliver(deliveries)
  }

  #partitionFailed(source: SharePartition, code: number, message: string | null): void {
    this.#misdirected = true
    if (leaderErrors.includes(code)) return this.#owner.metadataStale()
    const error = refusal(code, `cannot fetch from partition ${source.partition} of "${source.topic}"`, message)
    if (!error.retriable) this.#owner.onError(error)
  }

  #open(
    source: SharePartition,
    data: ShareFetchResponse['responses'][number]['partitions'][number],
    lockedUntilMs: number,
    deliveries: Delivery[],
  ): void {
    let records: ReceivedRecord[]
    try {
      records = decodeRecords(data.records, source, 0).records
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      for (const { firstOffset, lastOffset } of data.acquiredRecords) {
        this.#owner.unreadable(source, firstOffset, lastOffset, error)
      }
      return
    }
    let at = 0
    for (const { firstOffset, lastOffset, deliveryCount } of data.acquiredRecords) {
      while (at < records.length && records[at]!.offset < firstOffset) at++
      let next = firstOffset
      for (; at < records.length && records[at]!.offset <= lastOffset; at++) {
        const record = records[at]!
        if (record.offset > next) this.#owner.gap(source, next, record.offset - 1)
        deliveries.push({ ...source, record, deliveryCount, lockedUntilMs, onLost: undefined })
        next = record.offset + 1
      }
      if (next <= lastOffset) this.#owner.gap(source, next, lastOffset)
    }
  }
}

function grouped(acknowledgements: readonly Acknowledgement[]) {
  return [...groupedBy(acknowledgements, ({ key }) => key).values()].map((ofPartition) => {
    const { topicId, topic, partition, key } = ofPartition[0]!
    return { topicId, topic, partition, key, batches: batchesOf(ofPartition) }
  })
}

function topicsOf(entries: readonly ReturnType<typeof grouped>[number][]) {
  return [...groupedBy(entries, ({ topicId }) => topicId)].map(([topicId, partitions]) => ({
    topicId,
    partitions: partitions.map(({ partition, batches }) => ({
      partitionIndex: partition,
      acknowledgementBatches: batches,
    })),
  }))
}

function resultsOf(answer: ShareFetchResponse): Map<string, { code: number; message: string | null }> {
  const results = new Map<string, { code: number; message: string | null }>()
  for (const { topicId, partitions } of answer.responses) {
    for (const { partitionIndex, acknowledgeErrorCode, acknowledgeErrorMessage } of partitions) {
      const result = { code: acknowledgeErrorCode, message: acknowledgeErrorMessage }
      results.set(partitionKey({ topicId, partition: partitionIndex }), result)
    }
  }
  return results
}
