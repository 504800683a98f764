import { BrokerError } from '../errors/errors.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { LiveBroker } from '../image/records.ts'
import type { QueueId } from './queue-id.ts'
import type { QueueStore, QueueSummary, QueueWrite, StoredQueue } from './queue-store.ts'
import type { StateLog } from './state-log.ts'

export interface ClusterQueueStoreParts {
  readonly brokerId: number
  readonly image: ClusterImage
  /** The topic of the state log. */
  readonly topicName: string
  /** Makes it, unless there is one. @throws BrokerError */
  readonly ensureTopic: () => Promise<void>
  /** What this broker keeps. */
  readonly local: StateLog
  /** What another one keeps. */
  readonly remote: (broker: LiveBroker) => QueueStore
}

/** Asks the broker that leads the partition of the state log which a queue belongs to; often this one. */
export class ClusterQueueStore implements QueueStore {
  readonly #parts: ClusterQueueStoreParts

  constructor(parts: ClusterQueueStoreParts) {
    this.#parts = parts
  }

  async initialize(id: QueueId, stateEpoch: number, startOffset: number): Promise<void> {
    // The first group of a cluster has nowhere to keep its progress.
    if (!this.#parts.image.topics.has(this.#parts.topicName)) await this.#parts.ensureTopic()
    await this.#keeper(id).initialize(id, stateEpoch, startOffset)
  }

  async read(id: QueueId, leaderEpoch: number): Promise<StoredQueue | undefined> {
    return this.#isEmpty ? undefined : this.#keeper(id).read(id, leaderEpoch)
  }

  async write(id: QueueId, change: QueueWrite): Promise<void> {
    await this.#keeper(id).write(id, change)
  }

  async summary(id: QueueId): Promise<QueueSummary | undefined> {
    return this.#isEmpty ? undefined : this.#keeper(id).summary(id)
  }

  async delete(id: QueueId): Promise<void> {
    if (!this.#isEmpty) await this.#keeper(id).delete(id)
  }

  get #isEmpty(): boolean {
    return !this.#parts.image.topics.has(this.#parts.topicName)
  }

  #keeper(id: QueueId): QueueStore {
    const { brokerId, image, topicName, local, remote } = this.#parts
    const state = image.topics.get(topicName)?.partitions[local.partitionOf(id)]
    if (state === undefined) throw new BrokerError('coordinator-not-available', `${topicName} does not exist yet`)
    if (state.leader === brokerId) return local
    const broker = image.brokers.get(state.leader)
    if (broker === undefined) throw new BrokerError('coordinator-not-available', 'the keeper of the state is not up')
    return remote(broker)
  }
}
