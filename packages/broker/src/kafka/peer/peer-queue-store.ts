import type { ReadShareGroupStateResponse, Infer } from '@polylog/wire'
import { apis, WireError } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { LiveBroker } from '../../image/records.ts'
import type { QueueId } from '../../queue/queue-id.ts'
import type { QueueStore, QueueSummary, QueueWrite, StoredQueue } from '../../queue/queue-store.ts'
import { rangesOf, stateBatchOf } from '../../queue/state-records.ts'
import { errorCodeOf } from '../error-codes.ts'
import type { PeerCalls } from './peer-calls.ts'

type ReadResult = Infer<typeof ReadShareGroupStateResponse>['results'][number]['partitions'][number]

/** The queue states that another broker keeps, by Kafka's APIs between brokers (KIP-932). */
export class PeerQueueStore implements QueueStore {
  readonly #calls: PeerCalls
  readonly #broker: LiveBroker

  constructor(calls: PeerCalls, broker: LiveBroker) {
    this.#calls = calls
    this.#broker = broker
  }

  async initialize(id: QueueId, stateEpoch: number, startOffset: number): Promise<void> {
    const partition = { partition: id.index, stateEpoch, startOffset }
    this.#single(await this.#calls.call(this.#broker, apis[83], 0, requestOf(id, partition)))
  }

  async read(id: QueueId, leaderEpoch: number): Promise<StoredQueue | undefined> {
    const request = requestOf(id, { partition: id.index, leaderEpoch })
    const answer = this.#single<ReadResult>(
      await this.#calls.call(this.#broker, apis[84], 0, request),
      'group-not-found',
    )
    if (answer === undefined) return undefined
    const { stateEpoch, startOffset, stateBatches } = answer
    return { stateEpoch, leaderEpoch, startOffset, ranges: this.#understood(() => rangesOf(stateBatches)) }
  }

  async write(id: QueueId, change: QueueWrite): Promise<void> {
    const { stateEpoch, leaderEpoch, startOffset, settledCount, ranges } = change
    const request = requestOf(id, {
      partition: id.index,
      stateEpoch,
      leaderEpoch,
      startOffset,
      deliveryCompleteCount: settledCount,
      stateBatches: ranges.map(stateBatchOf),
    })
    this.#single(await this.#calls.call(this.#broker, apis[85], 1, request))
  }

  async summary(id: QueueId): Promise<QueueSummary | undefined> {
    const request = requestOf(id, { partition: id.index, leaderEpoch: -1 })
    const answer = this.#single(await this.#calls.call(this.#broker, apis[87], 1, request), 'group-not-found')
    if (answer === undefined) return undefined
    const { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount: settledCount } = answer
    return { stateEpoch, leaderEpoch, startOffset, settledCount }
  }

  async delete(id: QueueId): Promise<void> {
    this.#single(await this.#calls.call(this.#broker, apis[86], 0, requestOf(id, { partition: id.index })))
  }

  /** The one result that was asked for. @param none the error that stands for there being nothing */
  #single<Result extends { errorCode: number; errorMessage: string | null }>(
    { results }: { results: readonly { partitions: readonly Result[] }[] },
    none?: 'group-not-found',
  ): Result | undefined {
    const result = results[0]?.partitions[0]
    if (result === undefined) throw this.#unreadable('there is no result in it')
    const code = errorCodeOf(result.errorCode)
    if (code === undefined) return result
    if (code === none) return undefined
    throw new BrokerError(code, result.errorMessage ?? undefined)
  }

  #understood<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (error instanceof WireError) throw this.#unreadable(error.message)
      throw error
    }
  }

  #unreadable(reason: string): BrokerError {
    return new BrokerError('broker-unreachable', `The answer of broker ${this.#broker.id} cannot be used: ${reason}.`)
  }
}

function requestOf<Partition>({ groupId, topicId }: QueueId, partition: Partition) {
  return { groupId, topics: [{ topicId, partitions: [partition] }] }
}
