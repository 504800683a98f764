import { apis } from '@polylog/wire'
import type { ProduceResponse } from '@polylog/wire'
import { ClientError, refusal } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import { groupedBy } from '../grouping.ts'
import { explainedLoss } from './too-large.ts'

interface Item {
  topic: string
  partition: number
  records: Uint8Array
  timeoutMs: number
  resolve: (baseOffset: number) => void
  reject: (error: unknown) => void
}

/** Brokers close the connection for more than `socket.request.max.bytes` (100 MiB in Kafka, 16 MiB in Polylog by default). */
const requestBytesMax = 8 * 2 ** 20

/** Puts the batches that a turn of the event loop has for one broker into one Produce request, or a few if they are large. */
export class ProduceChannels {
  readonly #cluster: Cluster
  readonly #acks: number
  readonly #waiting = new Map<number, Item[]>()

  constructor(cluster: Cluster, acks: number) {
    this.#cluster = cluster
    this.#acks = acks
  }

  /** Sends a batch; resolves with the offset of its first record. @throws ClientError */
  send(leader: number, topic: string, partition: number, records: Uint8Array, timeoutMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const item = { topic, partition, records, timeoutMs, resolve, reject }
      const waiting = this.#waiting.get(leader)
      if (waiting !== undefined) return void waiting.push(item)
      this.#waiting.set(leader, [item])
      this.#cluster.environment.soon(() => this.#flush(leader))
    })
  }

  #flush(leader: number): void {
    const items = this.#waiting.get(leader) ?? []
    this.#waiting.delete(leader)
    let together: Item[] = []
    let bytes = 0
    for (const item of items) {
      if (together.length > 0 && bytes + item.records.length > requestBytesMax) {
        void this.#exchange(leader, together)
        together = []
        bytes = 0
      }
      together.push(item)
      bytes += item.records.length
    }
    void this.#exchange(leader, together)
  }

  async #exchange(leader: number, items: readonly Item[]): Promise<void> {
    try {
      const timeoutMs = Math.max(1, Math.min(...items.map((item) => item.timeoutMs)))
      const request = {
        acks: this.#acks,
        timeoutMs,
        topicData: [...groupedBy(items, ({ topic }) => topic)].map(([name, group]) => ({
          name,
          partitionData: group.map(({ partition, records }) => ({ index: partition, records })),
        })),
      }
      const answer = await this.#cluster.broker(leader, apis[0], request, { timeoutMs })
      for (const item of items) settle(item, answer)
    } catch (error) {
      // Several that are too large together are not each: they go again apart.
      const isAlone = items.length === 1
      const failure = isAlone ? await explainedLoss(this.#cluster, leader, items[0]!.records.length, error) : error
      for (const item of items) item.reject(failure)
    }
  }
}

function settle(item: Item, answer: ProduceResponse): void {
  const { topic, partition } = item
  const result = answer.responses
    .find(({ name }) => name === topic)
    ?.partitionResponses.find(({ index }) => index === partition)
  if (result === undefined) {
    item.reject(new ClientError('corrupt', 'the Produce answer lacks the partition it is about'))
  } else if (result.errorCode === 0) item.resolve(result.baseOffset)
  else {
    const reason = result.recordErrors[0]?.batchIndexErrorMessage ?? result.errorMessage
    item.reject(refusal(result.errorCode, `cannot write to partition ${partition} of "${topic}"`, reason))
  }
}
