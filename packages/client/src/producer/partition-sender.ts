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

/**
 * Sends the records of one partition, one batch at a time, so that their order holds over every retry. While one is on its
 * way the next grows: the slower the broker answers, the larger the batches.
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
  #running = false
  #cancelLinger: (() => void) | undefined
  /** Falls when a broker finds a batch too large. */
  #batchBytesMax: number
  #identity: ProducerIdentity | undefined
  #sequence = 0

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
    if (this.#running) return
    if (this.#queuedBytes >= this.#batchBytesMax) this.#start()
    else if (this.#cancelLinger === undefined) {
      const { environment } = this.#cluster
      const { lingerMs } = this.#options
      this.#cancelLinger = () => undefined
      if (lingerMs > 0) this.#cancelLinger = environment.after(lingerMs, () => this.#start())
      else environment.soon(() => this.#start())
    }
  }

  /** Sends what waits for company. */
  flush(): void {
    if (this.#queue.length > 0) this.#start()
  }

  /** Fails what was not sent yet. */
  abandon(error: ClientError): void {
    const queue = this.#queue
    this.#queue = []
    this.#queuedBytes = 0
    for (const record of queue) record.fail(error)
  }

  #start(): void {
    this.#cancelLinger?.()
    this.#cancelLinger = undefined
    if (this.#running) return
    this.#running = true
    void this.#run()
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#take()
      if (batch.length > 0) await this.#deliver(batch)
    }
    this.#running = false
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

  /** Sends until the batch is stored, refused for good, or late. */
  async #deliver(batch: PendingRecord[]): Promise<void> {
    // Not by spreading them into Math.min: a batch can have more records than a call may have arguments.
    const deadlineMs = batch.reduce((least, record) => Math.min(least, record.deadlineMs), Number.POSITIVE_INFINITY)
    let encoded: Uint8Array | undefined
    for (let attempt = 1; ; attempt++) {
      try {
        encoded ??= await this.#encode(batch)
        return this.#confirm(batch, await this.#attempt(encoded, deadlineMs))
      } catch (error) {
        const failure = failureOf(error)
        if (failure.kafkaCode === duplicateSequence) return this.#confirm(batch, -1)
        if (this.#tooLarge(failure) && batch.length > 1) return this.#split(batch)
        const isIdentity = identityErrors.includes(failure.kafkaCode)
        if (isIdentity) encoded = this.#renewIdentity()
        if (!(await this.#mayRetry(failure, isIdentity, attempt, deadlineMs))) {
          // It is not known whether the batch was stored, so its sequence numbers must never be used again.
          if (failure.retriable && encoded !== undefined) this.#renewIdentity()
          for (const record of batch) record.fail(failure)
          return
        }
      }
    }
  }

  async #encode(batch: readonly PendingRecord[]): Promise<Uint8Array> {
    const { compression } = this.#options
    const records = batch.map(({ record }) => record)
    const nowMs = this.#cluster.environment.nowMs()
    if (this.#identities === undefined) return encodeBatch(records, compression, nowMs)
    const identity = await this.#identities.get()
    if (identity !== this.#identity) {
      this.#identity = identity
      this.#sequence = 0
    }
    return encodeBatch(records, compression, nowMs, { ...identity, baseSequence: this.#sequence })
  }

  async #attempt(encoded: Uint8Array, deadlineMs: number): Promise<number> {
    const leader = await this.#cluster.leaderOf(this.#topic, this.#partition)
    const leftMs = deadlineMs - this.#cluster.environment.monotonicMs()
    // Whole, because the broker is told too.
    const timeoutMs = Math.ceil(Math.max(1, Math.min(leftMs, this.#options.requestTimeoutMs)))
    return this.#channels.send(leader, this.#topic, this.#partition, encoded, timeoutMs)
  }

  #confirm(batch: readonly PendingRecord[], baseOffset: number): void {
    this.#sequence = (this.#sequence + batch.length) % 2 ** 31
    for (let i = 0; i < batch.length; i++) batch[i]!.confirm(this.#partition, baseOffset < 0 ? -1 : baseOffset + i)
  }

  #tooLarge({ kafkaCode }: ClientError): boolean {
    return kafkaCode === messageTooLarge || kafkaCode === recordListTooLarge
  }

  /** Nothing of a batch that is too large was stored: its records go again, in smaller ones. */
  #split(batch: PendingRecord[]): void {
    const bytes = batch.reduce((sum, { size }) => sum + size, 0)
    this.#batchBytesMax = Math.max(1, Math.floor(Math.min(bytes, this.#batchBytesMax) / 2))
    this.#queue = [...batch, ...this.#queue]
    this.#queuedBytes += bytes
  }

  #renewIdentity(): undefined {
    this.#identities?.renew()
    this.#identity = undefined
  }

  async #mayRetry(failure: ClientError, isIdentity: boolean, attempt: number, deadlineMs: number): Promise<boolean> {
    if (!failure.retriable && !isIdentity) return false
    const { environment } = this.#cluster
    const delayMs = backoffMs(this.#options.backoff, attempt, environment.random())
    if (environment.monotonicMs() + delayMs > deadlineMs) return false
    if (!isIdentity) this.#cluster.forget(this.#topic)
    await pauseFor(environment, delayMs)
    return true
  }

  #late(): ClientError {
    const where = `partition ${this.#partition} of "${this.#topic}"`
    return new ClientError('timed-out', `the message could not be sent to ${where} in time`)
  }
}

function failureOf(error: unknown): ClientError {
  if (error instanceof ClientError) return error
  return new ClientError('invalid', `the batch could not be sent: ${String(error)}`, { cause: error })
}
