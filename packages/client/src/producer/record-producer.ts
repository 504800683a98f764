import type { Compression } from '@polylog/wire/records'
import type { Cluster } from '../cluster.ts'
import type { OutgoingRecord } from '../records/record.ts'
import { deferred } from '../waiting.ts'
import { uniformPartitioner } from './partitioners.ts'
import type { RecordWaiter } from './pending-record.ts'
import { RecordSender, senderDefaults } from './record-sender.ts'

export interface RecordProducerOptions {
  compression?: Compression
  /** Most bytes of records in one batch, before compression. Default 1,000,000, below Kafka's limit for a message. */
  batchBytesMax?: number
  /** Whether an unknown topic may be made. Default true; the broker's settings decide. */
  createTopics?: boolean
}

/**
 * Sends records as they are given, many at a time: what the `polylog` command and tools use. The engine below is that of the
 * SDK's MessageProducer, which adds an id to each message, serialises values and tells of each message by itself; a file
 * that is sent line by line wants none of that. Idempotent, with acks=all; what may wait to be sent is the caller's affair.
 */
export class RecordProducer {
  readonly #sender: RecordSender

  constructor(cluster: Cluster, options: RecordProducerOptions = {}) {
    const { batchBytesMax = senderDefaults.batchBytesMax } = options
    this.#sender = new RecordSender(cluster, {
      ...senderDefaults,
      ...options,
      acks: -1,
      idempotent: true,
      bufferBytesMax: Number.POSITIVE_INFINITY,
      // Whole batches: the more go into one, the less each of them costs.
      partitioner: uniformPartitioner(cluster.environment, batchBytesMax),
      requestTimeoutMs: cluster.requestTimeoutMs,
      // A command that fails ends no later than the pause that the failure finds it in.
      backoff: { initialMs: 50, maxMs: 1000 },
    })
  }

  /**
   * Sends records, after those of the calls before it. Resolves when the broker has stored all of them, with their number by
   * partition. On failure some may have been stored.
   * @throws ClientError of the first that could not be sent
   */
  async send(topic: string, records: readonly OutgoingRecord[]): Promise<ReadonlyMap<number, number>> {
    if (records.length === 0) return new Map()
    const { promise, resolve, reject } = deferred<void>()
    /** By partition; most are not there. */
    const counts: number[] = []
    let waitingCount = records.length
    const waiter: RecordWaiter = {
      stored(_index, partition) {
        counts[partition] = (counts[partition] ?? 0) + 1
        if (--waitingCount === 0) resolve()
      },
      failed: (_index, error) => reject(error),
    }
    this.#sender.push(topic, records, waiter)
    await promise
    return new Map(Object.entries(counts).map(([partition, count]) => [Number(partition), count]))
  }
}
