import { apis } from '@polylog/wire'
import type { Compression } from '@polylog/wire/records'
import { ClientError, refusal } from './client-error.ts'
import type { Cluster } from './cluster.ts'
import { pause } from './cluster.ts'
import { partitionOf } from './partitioner.ts'
import { encodeBatch, recordBytesOf } from './records/batch.ts'
import type { OutgoingRecord } from './records/record.ts'
import { bytesOf } from './records/record.ts'

export interface ProducerOptions {
  compression?: Compression
  /** Most bytes of records in one batch, before compression. Default 1,000,000, below Kafka's limit for a message. */
  batchBytesMax?: number
  /** -1 (default): all in-sync replicas have it; 1: the leader has it. */
  acks?: -1 | 1
  /** How long one `send` may take, retries included. Default 60 s. */
  deliveryTimeoutMs?: number
  /** Whether an unknown topic may be made. Default true; the broker's settings decide. */
  createTopics?: boolean
}

/** Where a batch went. */
export interface Delivered {
  partition: number
  /** Offset of the first record. */
  baseOffset: number
  count: number
}

interface Batch {
  partition: number
  records: readonly OutgoingRecord[]
  baseSequence: number
  encoded: Buffer
}

/**
 * Sends records with acks=all as an idempotent producer: a batch that is sent again after a lost answer is stored once.
 * One `send` of a topic runs at a time; calls wait for their turn, so that the order of records is that of the calls.
 */
export class Producer {
  readonly #cluster: Cluster
  readonly #options: Required<ProducerOptions>
  /** Next sequence number by `topic/partition`; forgotten when the producer id changes. */
  readonly #sequences = new Map<string, number>()
  readonly #turns = new Map<string, Promise<unknown>>()
  #identity: Promise<{ producerId: number; producerEpoch: number }> | undefined
  #spread = 0

  constructor(cluster: Cluster, options: ProducerOptions = {}) {
    this.#cluster = cluster
    this.#options = {
      compression: options.compression ?? 'none',
      batchBytesMax: options.batchBytesMax ?? 1_000_000,
      acks: options.acks ?? -1,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? 60_000,
      createTopics: options.createTopics ?? true,
    }
  }

  /**
   * Sends records and resolves when the broker has stored all of them. On failure some may have been stored.
   * @throws ClientError
   */
  send(topic: string, records: readonly OutgoingRecord[]): Promise<Delivered[]> {
    const before = this.#turns.get(topic) ?? Promise.resolve()
    // Whether the call before failed is told to its caller; this one has its own records.
    const turn = before.then(
      () => this.#send(topic, records),
      () => this.#send(topic, records),
    )
    this.#turns.set(topic, turn)
    return turn
  }

  async #send(topic: string, records: readonly OutgoingRecord[]): Promise<Delivered[]> {
    if (records.length === 0) return []
    const { partitions } = await this.#cluster.topic(topic, this.#options.createTopics)
    const groups = this.#partitioned(topic, records, partitions.length)
    const delivered = await Promise.all(
      [...groups].map(([partition, group]) => this.#sendPartition(topic, partition, group)),
    )
    return delivered.flat()
  }

  #partitioned(
    topic: string,
    records: readonly OutgoingRecord[],
    partitionCount: number,
  ): Map<number, OutgoingRecord[]> {
    // Records without a key stay together, so that batches are large, and the next call goes to the next partition.
    const keyless = this.#spread++ % partitionCount
    const groups = new Map<number, OutgoingRecord[]>()
    for (const record of records) {
      const key = bytesOf(record.key)
      const partition = record.partition ?? (key === null ? keyless : partitionOf(key, partitionCount))
      if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
        const message = `topic "${topic}" has partitions 0 to ${partitionCount - 1}, not ${partition}`
        throw new ClientError('invalid', message)
      }
      const group = groups.get(partition)
      if (group === undefined) groups.set(partition, [record])
      else group.push(record)
    }
    return groups
  }

  async #sendPartition(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<Delivered[]> {
    const delivered: Delivered[] = []
    for (const part of inBatches(records, this.#options.batchBytesMax)) {
      const baseOffset = await this.#sendBatch(topic, await this.#batch(topic, partition, part))
      delivered.push({ partition, baseOffset, count: part.length })
    }
    return delivered
  }

  async #batch(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<Batch> {
    this.#identity ??= this.#initialise()
    const identity = await this.#identity
    const baseSequence = this.#sequences.get(`${topic}/${partition}`) ?? 0
    const encoded = encodeBatch(records, this.#options.compression, Date.now(), { ...identity, baseSequence })
    return { partition, records, baseSequence, encoded }
  }

  async #initialise(): Promise<{ producerId: number; producerEpoch: number }> {
    try {
      const answer = await this.#cluster.any(apis[22], { transactionalId: null, transactionTimeoutMs: 60_000 })
      if (answer.errorCode !== 0) throw refusal(answer.errorCode, 'cannot get a producer id')
      return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
    } catch (error) {
      this.#identity = undefined
      throw error
    }
  }

  /** Sends until it is stored, refused for good, or late. Returns its first offset. */
  async #sendBatch(topic: string, batch: Batch): Promise<number> {
    const deadline = performance.now() + this.#options.deliveryTimeoutMs
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(topic, batch)
      if (typeof outcome === 'number') {
        const next = (batch.baseSequence + batch.records.length) % 2 ** 31
        this.#sequences.set(`${topic}/${batch.partition}`, next)
        return outcome
      }
      const delayMs = Math.min(1000, 50 * 2 ** attempt)
      if (!outcome.retriable || performance.now() + delayMs > deadline) {
        // It is not known whether the batch was stored, so its sequence numbers must never be used again.
        if (outcome.retriable) this.#forgetIdentity()
        throw outcome
      }
      this.#cluster.forget(topic)
      await pause(delayMs)
    }
  }

  #forgetIdentity(): void {
    this.#identity = undefined
    this.#sequences.clear()
  }

  async #attempt(topic: string, batch: Batch): Promise<number | ClientError> {
    try {
      const leader = await this.#cluster.leaderOf(topic, batch.partition)
      const answer = await this.#cluster.broker(leader, apis[0], {
        acks: this.#options.acks,
        timeoutMs: this.#cluster.requestTimeoutMs,
        topicData: [{ name: topic, partitionData: [{ index: batch.partition, records: batch.encoded }] }],
      })
      const result = answer.responses[0]?.partitionResponses[0]
      if (result === undefined) return new ClientError('corrupt', 'the Produce answer lacks the partition it is about')
      if (result.errorCode === 0) return result.baseOffset
      const reason = result.recordErrors[0]?.batchIndexErrorMessage ?? result.errorMessage
      return refusal(result.errorCode, `cannot write to partition ${batch.partition} of "${topic}"`, reason)
    } catch (error) {
      if (error instanceof ClientError) return error
      throw error
    }
  }
}

function* inBatches(records: readonly OutgoingRecord[], bytesMax: number): Generator<readonly OutgoingRecord[]> {
  let start = 0
  let bytes = 0
  for (const [i, record] of records.entries()) {
    const size = recordBytesOf(record)
    if (i > start && bytes + size > bytesMax) {
      yield records.slice(start, i)
      start = i
      bytes = 0
    }
    bytes += size
  }
  yield records.slice(start)
}
