import { apis } from '@polylog/wire'
import type { FetchResponse } from '@polylog/wire'
import { ClientError, refusal } from './client-error.ts'
import type { Cluster } from './cluster.ts'
import { groupedBy } from './grouping.ts'
import { listOffsets } from './offsets.ts'
import { decodeRecords } from './records/batch.ts'
import type { ReceivedRecord } from './records/record.ts'
import { pauseFor } from './waiting.ts'

export interface FetchOptions {
  /** How long the broker may hold an answer for lack of records. Default 500 ms. */
  waitMs?: number
  /** Most bytes of one answer. Default 16 MiB. */
  bytesMax?: number
  /** Most bytes of one partition in it. Default 4 MiB. */
  partitionBytesMax?: number
  /** What to do when the wanted offset is no longer, or not yet, there. Default 'fail'. */
  outOfRange?: 'beginning' | 'end' | 'fail'
  /** Fetchers of one lane wait for each other's long polls. Default 'fetch'. */
  lane?: string
}

export interface TopicPartition {
  topic: string
  partition: number
}

interface Position extends TopicPartition {
  offset: number
  /** Offset after the last record that can be read, as last told; -1 before the first answer. */
  highWatermark: number
}

const offsetOutOfRange = 1

/** Reads partitions from given offsets. Each leader is asked in a lane of its own, so that long polls hold back nothing else. */
export class Fetcher {
  readonly #cluster: Cluster
  readonly #options: Required<FetchOptions>
  readonly #positions = new Map<string, Position>()

  constructor(cluster: Cluster, options: FetchOptions = {}) {
    this.#cluster = cluster
    this.#options = {
      waitMs: options.waitMs ?? 500,
      bytesMax: options.bytesMax ?? 16 * 1024 * 1024,
      partitionBytesMax: options.partitionBytesMax ?? 4 * 1024 * 1024,
      outOfRange: options.outOfRange ?? 'fail',
      lane: options.lane ?? 'fetch',
    }
  }

  /** Reads this partition from `offset` on. */
  seek({ topic, partition }: TopicPartition, offset: number): void {
    this.#positions.set(keyOf(topic, partition), { topic, partition, offset, highWatermark: -1 })
  }

  /** Stops reading this partition. */
  drop({ topic, partition }: TopicPartition): void {
    this.#positions.delete(keyOf(topic, partition))
  }

  /** Stops reading everything. */
  clear(): void {
    this.#positions.clear()
  }

  /** Offset to be read next, by partition. */
  positions(): readonly Readonly<Position>[] {
    return [...this.#positions.values()]
  }

  /** Whether everything that could be read at the last answers was read. */
  get isAtEnd(): boolean {
    return this.positions().every(
      (position) => position.highWatermark >= 0 && position.offset >= position.highWatermark,
    )
  }

  /**
   * The next records, in order per partition; none when the wait was over first.
   * @throws ClientError; one that is retriable has been waited for and the call can be made again
   */
  async poll(): Promise<ReceivedRecord[]> {
    const leaders = await this.#byLeader()
    if (leaders.size === 0) {
      await pauseFor(this.#cluster.environment, this.#options.waitMs)
      return []
    }
    const answers = await Promise.all([...leaders].map(([leader, positions]) => this.#ask(leader, positions)))
    return answers.flat()
  }

  async #byLeader(): Promise<Map<number, Position[]>> {
    const leaders = new Map<number, Position[]>()
    for (const position of this.#positions.values()) {
      const leader = await this.#cluster.leaderOf(position.topic, position.partition)
      const group = leaders.get(leader)
      if (group === undefined) leaders.set(leader, [position])
      else group.push(position)
    }
    return leaders
  }

  async #ask(leader: number, positions: readonly Position[]): Promise<ReceivedRecord[]> {
    const { waitMs, bytesMax, partitionBytesMax } = this.#options
    const topics = groupedBy(positions, (position) => position.topic)
    const request = {
      maxWaitMs: waitMs,
      minBytes: 1,
      maxBytes: bytesMax,
      topics: [...topics].map(([topic, wanted]) => ({
        topic,
        partitions: wanted.map(({ partition, offset }) => ({
          partition,
          fetchOffset: offset,
          partitionMaxBytes: partitionBytesMax,
        })),
      })),
    }
    try {
      const options = { lane: this.#options.lane, extraTimeoutMs: waitMs }
      const answer = await this.#cluster.broker(leader, apis[1], request, options)
      return await this.#take(answer, new Set(positions))
    } catch (error) {
      if (!(error instanceof ClientError) || !error.retriable) throw error
      for (const topic of topics.keys()) this.#cluster.forget(topic)
      await pauseFor(this.#cluster.environment, waitMs)
      return []
    }
  }

  /** @param asked a partition that was dropped and is read again from elsewhere is another position */
  async #take(answer: FetchResponse, asked: ReadonlySet<Position>): Promise<ReceivedRecord[]> {
    if (answer.errorCode !== 0) throw refusal(answer.errorCode, 'cannot read records')
    const records: ReceivedRecord[] = []
    for (const { topic, partitions } of answer.responses) {
      // Partitions turn on the broker's side as well, but only between answers: none may starve another here.
      for (const { partitionIndex, errorCode, highWatermark, records: bytes } of partitions) {
        const key = keyOf(topic, partitionIndex)
        const position = this.#positions.get(key)
        if (position === undefined || !asked.has(position)) continue
        if (errorCode !== 0) {
          await this.#recover(position, errorCode)
          continue
        }
        position.highWatermark = highWatermark
        if (bytes === null || bytes.length === 0) continue
        const decoded = decodeRecords(bytes, position, position.offset)
        position.offset = decoded.nextOffset
        for (const record of decoded.records) records.push(record)
        // So the partition that was served goes to the back of the queue.
        if (this.#positions.delete(key)) this.#positions.set(key, position)
      }
    }
    return records
  }

  async #recover(position: Position, errorCode: number): Promise<void> {
    const { topic, partition } = position
    const { outOfRange } = this.#options
    if (errorCode === offsetOutOfRange && outOfRange !== 'fail') {
      const found = await listOffsets(this.#cluster, topic, [partition], outOfRange)
      position.offset = found.get(partition) ?? position.offset
      return
    }
    const what = `cannot read partition ${partition} of "${topic}" from offset ${position.offset}`
    throw refusal(errorCode, what)
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
