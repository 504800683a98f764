import type { Compression } from '@polylog/wire/records'
import { ClientError } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import { encodeBatch } from '../records/batch.ts'
import type { Backoff } from '../waiting.ts'
import { backoffMs, pauseFor } from '../waiting.ts'
import type { IdentitySource, ProducerIdentity } from './identity.ts'
import type { PendingRecord } from './pending-record.ts'
import type { ProduceChannels } from './produce-channels.ts'

export interface SenderOptions {
  compression: Compression
  batchBytesMax: number
  lingerMs: number
  requestTimeoutMs: number
  backoff: Backoff
}

const messageTooLarge = 10
const recordListTooLarge = 18
const outOfOrderSequence = 45
const duplicateSequence = 46
const invalidProducerEpoch = 47
const unknownProducerId = 59
/** The broker does not know this producer, or knows it otherwise; under a new identity the batch can be sent. */
const identityErrors: readonly number[] = [outOfOrderSequence, invalidProducerEpoch, unknownProducerId]

/** Brokers remember so many batches of a producer (KIP-98): one that is sent again is known to them as long as no more are on their way. */
const inFlightMax = 5
/**
 * Of a producer that a broker does not know yet, or has forgotten (Kafka's does after a day), it takes what comes first: were
 * the first batch refused, the second would be stored before it. So it goes alone, and so does one after such a pause.
 */
const knownMsMax = 60_000

/** Records on their way together. */
interface Batch {
  readonly records: readonly PendingRecord[]
  /** That of the first of them. */
  readonly deadlineMs: number
  identity: ProducerIdentity | undefined
  baseSequence: number
  encoded: Uint8Array | undefined
  isStored: boolean
  /** What its last attempt met. */
  failure: ClientError | undefined
  /** An attempt has ended without a word on it: only under the same sequence numbers may it be sent again. */
  mayBeStored: boolean
}

/**
 * Sends the records of one partition. Of an idempotent producer several batches may be on their way: the broker takes them by
 * their sequence numbers, so that none is stored before those in front of it. When one fails, nothing new is sent until all that
 * are on their way have come to an end; what was not stored is then sent again in order, one by one, under the same numbers.
 * Without idempotence there is one at a time. While no more may be sent the next batch grows: the slower the broker answers,
 * the larger the batches.
 */
export class PartitionSender {
  readonly #cluster: Cluster
  readonly #channels: ProduceChannels
  readonly #identities: IdentitySource | undefined
  readonly #options: SenderOptions
  readonly #topic: string
  readonly #partition: number
  #queue: PendingRecord[] = []
  #queuedBytes = 0
  #cancelLinger: (() => void) | undefined
  /** Falls when a broker finds a batch too large. */
  #batchBytesMax: number
  /** Batches in order of their sequence numbers, from the first that is neither stored nor given up. */
  readonly #window: Batch[] = []
  /** One of the window has failed: nothing new is sent. */
  #hasFailed = false
  #isRecovering = false
  /** A batch is being given its place, or has been in this turn: the next one goes into another request. */
  #isLaunching = false
  #identity: ProducerIdentity | undefined
  /** That of the next batch, once all of the window are stored. */
  #sequence = 0
  /** When the broker has last shown that it knows the identity, on the monotonic clock. */
  #knownAtMs = Number.NEGATIVE_INFINITY

  constructor(
    parts: { cluster: Cluster; channels: ProduceChannels; identities: IdentitySource | undefined },
    options: SenderOptions,
    topic: string,
    partition: number,
  ) {
    this.#cluster = parts.cluster
    this.#channels = parts.channels
    this.#identities = parts.identities
    this.#options = options
    this.#topic = topic
    this.#partition = partition
    this.#batchBytesMax = options.batchBytesMax
  }

  push(record: PendingRecord): void {
    this.#queue.push(record)
    this.#queuedBytes += record.size
    if (this.#queuedBytes >= this.#batchBytesMax) this.#onLingered()
    else if (this.#cancelLinger === undefined) {
      const { environment } = this.#cluster
      const { lingerMs } = this.#options
      this.#cancelLinger = () => undefined
      if (lingerMs > 0) this.#cancelLinger = environment.after(lingerMs, this.#onLingered)
      else environment.soon(this.#onLingered)
    }
  }

  /** Sends what waits for company. */
  flush(): void {
    this.#onLingered()
  }

  /** Fails what was not sent yet. */
  abandon(error: ClientError): void {
    const queue = this.#queue
    this.#queue = []
    this.#queuedBytes = 0
    for (const record of queue) record.fail(error)
  }

  readonly #onLingered = (): void => {
    this.#cancelLinger?.()
    this.#cancelLinger = undefined
    this.#launchNext()
  }

  readonly #onLaunched = (): void => {
    this.#isLaunching = false
    this.#launchNext()
  }

  /** Sends the next batch, if it has waited for company and may be on its way now. */
  #launchNext(): void {
    if (this.#isLaunching || this.#hasFailed || this.#window.length >= this.#windowMax()) return
    if (this.#cancelLinger !== undefined && this.#queuedBytes < this.#batchBytesMax) return
    const records = this.#take()
    if (records.length === 0) return
    this.#isLaunching = true
    void this.#launch(batchOf(records))
  }

  /** Under a new identity, sequence numbers say nothing of what is still on its way under the old one. */
  #windowMax(): number {
    const isKnown =
      this.#identities !== undefined &&
      this.#identities.current === this.#identity &&
      this.#cluster.environment.monotonicMs() - this.#knownAtMs < knownMsMax
    return isKnown ? inFlightMax : 1
  }

  /** The next records that fit into one batch, without those that are late. */
  #take(): PendingRecord[] {
    const nowMs = this.#cluster.environment.monotonicMs()
    const batch: PendingRecord[] = []
    let bytes = 0
    let count = 0
    for (const record of this.#queue) {
      if (batch.length > 0 && bytes + record.size > this.#batchBytesMax) break
      count++
      this.#queuedBytes -= record.size
      if (record.deadlineMs <= nowMs) record.fail(this.#late())
      else {
        batch.push(record)
        bytes += record.size
      }
    }
    this.#queue.splice(0, count)
    return batch
  }

  /** Puts a batch behind those on their way and sends it. */
  async #launch(batch: Batch): Promise<void> {
    this.#window.push(batch)
    const leader = await this.#prepared(batch)
    const exchange = leader === undefined ? undefined : this.#exchange(batch, leader)
    // After the turn's requests have left: a request may have one batch of a partition.
    this.#cluster.environment.soon(this.#onLaunched)
    await exchange
    if (batch.failure !== undefined) this.#hasFailed = true
    else while (this.#window[0]?.isStored === true) this.#window.shift()
    if (!this.#hasFailed) return this.#launchNext()
    if (this.#isRecovering || !this.#window.every(({ isStored, failure }) => isStored || failure !== undefined)) return
    this.#isRecovering = true
    await this.#recover()
    this.#isRecovering = false
    this.#hasFailed = false
    this.#launchNext()
  }

  /** All of the window have come to an end, at least one by failing: what is not stored goes again, one after the other. */
  async #recover(): Promise<void> {
    let batch = this.#window[0]!
    this.#expect(batch, 0)
    // The others may have failed only because the first had.
    for (const other of this.#window) if (other !== batch && isPassing(other.failure)) other.failure = undefined
    do {
      if (!batch.isStored) await this.#deliver(batch)
      if (batch.isStored) {
        this.#window.shift()
        this.#expect(batch, batch.records.length)
      }
      batch = this.#window[0]!
    } while (this.#window.length > 0)
  }

  /** Sends the first of the window until it is stored, or no longer in the window: late, refused for good, or split. */
  async #deliver(batch: Batch): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      if (batch.deadlineMs <= this.#cluster.environment.monotonicMs()) batch.failure ??= this.#late()
      if (batch.failure !== undefined) {
        if (batch.failure.kafkaCode === duplicateSequence) return this.#confirm(batch, -1)
        if (isTooLarge(batch)) return this.#split(batch)
        if (!(await this.#mayRetry(batch, batch.failure, attempt))) return this.#giveUp(batch, batch.failure)
      }
      batch.failure = undefined
      const leader = await this.#prepared(batch)
      if (leader !== undefined) await this.#exchange(batch, leader)
      if (batch.isStored) return
    }
  }

  /** Finds out where the batch goes and gives it its bytes. Undefined if that failed. */
  async #prepared(batch: Batch): Promise<number | undefined> {
    try {
      await this.#encode(batch)
      return await this.#cluster.leaderOf(this.#topic, this.#partition)
    } catch (error) {
      batch.failure = failureOf(error)
      return undefined
    }
  }

  /** Does not throw: the batch knows what became of it. */
  async #exchange(batch: Batch, leader: number): Promise<void> {
    const leftMs = batch.deadlineMs - this.#cluster.environment.monotonicMs()
    // Whole, because the broker is told too.
    const timeoutMs = Math.ceil(Math.max(1, Math.min(leftMs, this.#options.requestTimeoutMs)))
    try {
      const baseOffset = await this.#channels.send(leader, this.#topic, this.#partition, batch.encoded!, timeoutMs)
      this.#confirm(batch, baseOffset)
    } catch (error) {
      batch.failure = failureOf(error)
      if (!isRefused(batch.failure)) batch.mayBeStored = true
    }
  }

  /** A batch that may be stored keeps the numbers that it was sent under; any other takes the next ones. */
  async #encode(batch: Batch): Promise<void> {
    const identity = await this.#identities?.get()
    if (identity !== this.#identity) {
      this.#identity = identity
      this.#sequence = 0
      this.#knownAtMs = Number.NEGATIVE_INFINITY
    }
    const isNext = batch.identity === identity && batch.baseSequence === this.#sequence
    if (batch.encoded === undefined || !(batch.mayBeStored || isNext)) {
      const mark = identity === undefined ? undefined : { ...identity, baseSequence: this.#sequence }
      const records = batch.records.map(({ record }) => record)
      batch.encoded = encodeBatch(records, this.#options.compression, this.#cluster.environment.nowMs(), mark)
      batch.identity = identity
      batch.baseSequence = this.#sequence
    }
    this.#expect(batch, batch.records.length)
  }

  /** The broker will have so many records of the batch: the next numbers are those behind them. */
  #expect({ identity, baseSequence, encoded }: Batch, count: number): void {
    if (encoded !== undefined && identity === this.#identity) this.#sequence = (baseSequence + count) % 2 ** 31
  }

  #confirm(batch: Batch, baseOffset: number): void {
    batch.isStored = true
    if (batch.identity === this.#identity) this.#knownAtMs = this.#cluster.environment.monotonicMs()
    const { records } = batch
    for (let i = 0; i < records.length; i++) records[i]!.confirm(this.#partition, baseOffset < 0 ? -1 : baseOffset + i)
  }

  #giveUp(batch: Batch, failure: ClientError): void {
    this.#window.shift()
    // If it is not known whether it was stored, its sequence numbers must never be used again.
    if (batch.mayBeStored) this.#renewIdentity(batch)
    else this.#expect(batch, 0)
    for (const record of batch.records) record.fail(failure)
  }

  /** Nothing of a batch that is too large was stored: its records go again, in smaller ones. */
  #split(batch: Batch): void {
    const { records } = batch
    const bytes = records.reduce((sum, { size }) => sum + size, 0)
    this.#batchBytesMax = Math.max(1, Math.floor(Math.min(bytes, this.#batchBytesMax) / 2))
    this.#expect(batch, 0)
    const half = Math.ceil(records.length / 2)
    this.#window.splice(0, 1, batchOf(records.slice(0, half)), batchOf(records.slice(half)))
  }

  #renewIdentity({ identity }: Batch): void {
    if (identity === this.#identities?.current) this.#identities?.renew()
  }

  /** False if that is of no use; true after a pause. */
  async #mayRetry(batch: Batch, failure: ClientError, attempt: number): Promise<boolean> {
    const isIdentity = identityErrors.includes(failure.kafkaCode)
    if (!failure.retriable && !isIdentity) return false
    if (isIdentity) {
      // Who knows the producer knows that the batch is not stored; who does not cannot tell.
      if (batch.mayBeStored && failure.kafkaCode !== outOfOrderSequence) return false
      batch.mayBeStored = false
      batch.encoded = undefined
      this.#renewIdentity(batch)
    }
    const { environment } = this.#cluster
    const delayMs = backoffMs(this.#options.backoff, attempt, environment.random())
    if (environment.monotonicMs() + delayMs > batch.deadlineMs) return false
    if (!isIdentity) this.#cluster.forget(this.#topic)
    await pauseFor(environment, delayMs)
    return true
  }

  #late(): ClientError {
    const where = `partition ${this.#partition} of "${this.#topic}"`
    return new ClientError('timed-out', `the message could not be sent to ${where} in time`)
  }
}

function batchOf(records: readonly PendingRecord[]): Batch {
  return {
    records,
    // Not by spreading them into Math.min: a batch can have more records than a call may have arguments.
    deadlineMs: records.reduce((least, record) => Math.min(least, record.deadlineMs), Number.POSITIVE_INFINITY),
    identity: undefined,
    baseSequence: 0,
    encoded: undefined,
    isStored: false,
    failure: undefined,
    mayBeStored: false,
  }
}

/** Whether the broker has said that it did not store the batch, and will not. Any other failure leaves that open. */
function isRefused({ code, kafkaCode, retriable }: ClientError): boolean {
  return code === 'refused' && kafkaCode > 0 && !retriable
}

/** Too large now, it was so before, when together with others it was lost with the connection: it was never stored. */
function isTooLarge({ failure, records }: Batch): boolean {
  const code = failure?.kafkaCode
  return (code === messageTooLarge || code === recordListTooLarge) && records.length > 1
}

/** Whether the same batch may be taken once what was in front of it is stored. */
function isPassing(failure: ClientError | undefined): boolean {
  return failure !== undefined && (failure.retriable || identityErrors.includes(failure.kafkaCode))
}

function failureOf(error: unknown): ClientError {
  if (error instanceof ClientError) return error
  return new ClientError('invalid', `the batch could not be sent: ${String(error)}`, { cause: error })
}
