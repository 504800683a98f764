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
  /** Not asked for before then: the last try failed. 0: it did not. */
  retryAtMs: number
}

type FetchedPartition = FetchResponse['responses'][number]['partitions'][number]

/** What a poll has brought of one partition: at least one record, in order. */
export interface FetchedRecords extends TopicPartition {
  readonly records: readonly ReceivedRecord[]
}

const offsetOutOfRange = 1

/** Reads partitions from given offsets. Each leader is asked in a lane of its own, so that long polls hold back nothing else. */
export class Fetcher {
  readonly #cluster: Cluster
  readonly #options: Required<FetchOptions>
  readonly #positions = new Map<string, Position>()
  /** Will not pass by itself; told by this poll if it has no records to hand out, else by the next. */
  #failure: ClientError | undefined

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
    this.#positions.set(keyOf(topic, partition), { topic, partition, offset, highWatermark: -1, retryAtMs: 0 })
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
   * The next records, in order per partition; none when the wait was over first. What is wrong with one partition takes nothing
   * from the others: they are read on, and it is asked for again a little later.
   * @throws ClientError what will not pass by itself, after all records that came with it; and where no partition has a leader
   */
  async poll(): Promise<ReceivedRecord[]> {
    return (await this.pollPartitions()).flatMap(({ records }) => records)
  }

  /** As `poll`, partition by partition. */
  async pollPartitions(): Promise<FetchedRecords[]> {
    this.#tellFailure()
    const leaders = await this.#byLeader()
    if (leaders.size === 0) {
      this.#tellFailure()
      await pauseFor(this.#cluster.environment, this.#options.waitMs)
      return []
    }
    const answers = await Promise.all([...leaders].map(([leader, positions]) => this.#ask(leader, positions)))
    const fetched = answers.flat()
    if (fetched.length > 0) return fetched
    this.#tellFailure()
    const asked = [...leaders.values()].flat()
    if (asked.every(({ retryAtMs }) => retryAtMs > 0)) {
      await pauseFor(this.#cluster.environment, this.#options.waitMs)
      for (const position of asked) position.retryAtMs = 0
    }
    return []
  }

  #tellFailure(): void {
    const failure = this.#failure
    if (failure === undefined) return
    this.#failure = undefined
    throw failure
  }

  /** What may pass is tried again after a wait; the caller is told of the rest, once all records are handed out. */
  #failed(positions: readonly Position[], error: unknown): void {
    if (!(error instanceof ClientError)) throw error
    const retryAtMs = this.#cluster.environment.monotonicMs() + this.#options.waitMs
    for (const position of positions) {
      position.retryAtMs = retryAtMs
      if (error.retriable) this.#cluster.forget(position.topic)
    }
    if (!error.retriable) this.#failure ??= error
  }

  async #byLeader(): Promise<Map<number, Position[]>> {
    const leaders = new Map<number, Position[]>()
    const nowMs = this.#cluster.environment.monotonicMs()
    let failure: unknown
    for (const position of this.#positions.values()) {
      if (position.retryAtMs > nowMs) continue
      position.retryAtMs = 0
      try {
        const leader = await this.#cluster.leaderOf(position.topic, position.partition)
        const group = leaders.get(leader)
        if (group === undefined) leaders.set(leader, [position])
        else group.push(position)
      } catch (error) {
        this.#failed([position], error)
        failure = error
      }
    }
    if (leaders.size === 0 && failure instanceof ClientError) this.#failure ??= failure
    return leaders
  }

  async #ask(leader: number, positions: readonly Position[]): Promise<FetchedRecords[]> {
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
      if (answer.errorCode !== 0) throw refusal(answer.errorCode, 'cannot read records')
      return await this.#take(answer, new Set(positions))
    } catch (error) {
      this.#failed(positions, error)
      return []
    }
  }

  /** @param asked a partition that was dropped and is read again from elsewhere is another position */
  async #take(answer: FetchResponse, asked: ReadonlySet<Position>): Promise<FetchedRecords[]> {
    const fetched: FetchedRecords[] = []
    for (const { topic, partitions } of answer.responses) {
      // Partitions turn on the broker's side as well, but only between answers: none may starve another here.
      for (const data of partitions) {
        const key = keyOf(topic, data.partitionIndex)
        const position = this.#positions.get(key)
        if (position === undefined || !asked.has(position)) continue
        try {
          const records = await this.#takePartition(position, data)
          if (records.length > 0) fetched.push({ topic: position.topic, partition: position.partition, records })
        } catch (error) {
          this.#failed([position], error)
          continue
        }
        // So the partition that was served goes to the back of the queue.
        if (this.#positions.delete(key)) this.#positions.set(key, position)
      }
    }
    return fetched
  }

  async #takePartition(position: Position, data: FetchedPartition): Promise<readonly ReceivedRecord[]> {
    if (data.errorCode !== 0) {
      await this.#recover(position, data.errorCode)
      return []
    }
    position.highWatermark = data.highWatermark
    if (data.records === null || data.records.length === 0) return []
    const decoded = decodeRecords(data.records, position, position.offset)
    position.offset = decoded.nextOffset
    return decoded.records
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
