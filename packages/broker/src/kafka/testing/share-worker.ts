import { apis, errorCodes } from '@polylog/wire'
import type { InProcessCluster } from '../../cluster.fixture.ts'
import { createNodeHost } from '../../host/node/node-host.ts'
import { TestClient } from './test-client.ts'

/** What one broker is to a worker: a connection with a share session. */
interface Link {
  readonly client: TestClient
  epoch: number
  /** Partitions in the session. */
  readonly indexes: readonly number[]
}

const retriable: ReadonlySet<number> = new Set([
  errorCodes.COORDINATOR_LOAD_IN_PROGRESS.code,
  errorCodes.COORDINATOR_NOT_AVAILABLE.code,
  errorCodes.NOT_COORDINATOR.code,
])
const fenced: ReadonlySet<number> = new Set([errorCodes.UNKNOWN_MEMBER_ID.code, errorCodes.FENCED_MEMBER_EPOCH.code])
const passes: ReadonlySet<number> = new Set([
  errorCodes.NOT_LEADER_OR_FOLLOWER.code,
  errorCodes.KAFKA_STORAGE_ERROR.code,
  errorCodes.UNKNOWN_TOPIC_OR_PARTITION.code,
])

/**
 * A member of a share group as a client would be, over brokers that come and go: it beats, fetches where the leaders are and
 * accepts what it gets.
 */
export class ShareWorker {
  /** What was accepted and confirmed, by partition and offset. */
  readonly confirmed = new Set<string>()
  /** What must not happen. */
  readonly faults: string[] = []
  /** Set by a test: it is heard of, and does nothing. */
  isHung = false
  /** Assigned to it. */
  partitions: readonly number[] = []
  readonly #cluster: InProcessCluster
  readonly #groupId: string
  readonly #memberId: string
  readonly #topic: string
  readonly #links = new Map<number, Link>()
  #epoch = 0
  #isStopped = false

  constructor(cluster: InProcessCluster, groupId: string, memberId: string, topic: string) {
    this.#cluster = cluster
    this.#groupId = groupId
    this.#memberId = memberId
    this.#topic = topic
  }

  /** Works until it is stopped. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#beat()
      const leaders = Map.groupBy(this.isHung ? [] : this.partitions, (index) => this.#leaderOf(this.#topic, index))
      await Promise.all([...leaders].map(([broker, indexes]) => this.#work(broker, indexes)))
      await this.#pause()
    }
    for (const broker of this.#links.keys()) this.#drop(broker)
  }

  stop(): void {
    this.#isStopped = true
  }

  async #beat(): Promise<void> {
    const coordinated = this.#cluster.someone.broker.groups.partitionFor(this.#groupId)
    const client = await this.#dial(this.#leaderOf('__consumer_offsets', coordinated))
    if (client === undefined) return
    try {
      const answer = await client.call(apis[76], 1, {
        groupId: this.#groupId,
        memberId: this.#memberId,
        memberEpoch: this.#epoch,
        subscribedTopicNames: this.#epoch === 0 ? [this.#topic] : null,
      })
      if (fenced.has(answer.errorCode)) this.#epoch = 0
      else if (answer.errorCode === 0) {
        this.#epoch = answer.memberEpoch
        this.partitions = answer.assignment?.topicPartitions.flatMap(({ partitions }) => partitions) ?? this.partitions
      } else if (!retriable.has(answer.errorCode)) this.faults.push(`heartbeat: ${answer.errorCode}`)
    } catch {
      // The broker has died; the next beat goes to another.
    } finally {
      client.close()
    }
  }

  /** Fetches from a broker, and accepts what came. */
  async #work(broker: number, indexes: readonly number[]): Promise<void> {
    const before = this.#links.get(broker)
    if (before !== undefined && before.indexes.join() !== indexes.join()) this.#drop(broker)
    try {
      const link = this.#links.get(broker) ?? (await this.#link(broker, indexes))
      if (link !== undefined) await this.#fetch(broker, link)
    } catch {
      this.#drop(broker)
    }
  }

  async #fetch(broker: number, link: Link): Promise<void> {
    const { topics } = this.#cluster.someone.broker
    const topicId = topics.find(this.#topic)!.id
    const partitions = link.indexes.map((partitionIndex) => ({ partitionIndex, acknowledgementBatches: [] }))
    const known = new Set(this.confirmed)
    const answer = await link.client.call(apis[78], 2, {
      ...this.#session(link),
      maxWaitMs: 50,
      minBytes: 1,
      maxRecords: 7,
      batchSize: 7,
      topics: link.epoch === 1 ? [{ topicId, partitions }] : [],
    })
    if (answer.errorCode !== 0) return this.#drop(broker)
    for (const { partitionIndex, errorCode, acquiredRecords } of answer.responses.flatMap((each) => each.partitions)) {
      if (errorCode !== 0) {
        if (!passes.has(errorCode)) this.faults.push(`fetch: ${errorCode}`)
        return this.#drop(broker)
      }
      for (const { firstOffset, lastOffset } of acquiredRecords) {
        const places = Array.from(
          { length: lastOffset - firstOffset + 1 },
          (_, at) => `${partitionIndex}/${firstOffset + at}`,
        )
        for (const place of places) if (known.has(place)) this.faults.push(`${place} was delivered after its end`)
        const isDone = await this.#accept(link, topicId, partitionIndex, firstOffset, lastOffset)
        if (isDone) for (const place of places) this.confirmed.add(place)
      }
    }
  }

  async #accept(link: Link, topicId: string, partitionIndex: number, firstOffset: number, lastOffset: number) {
    const acknowledgementBatches = [{ firstOffset, lastOffset, acknowledgeTypes: [1] }]
    const topics = [{ topicId, partitions: [{ partitionIndex, acknowledgementBatches }] }]
    const answer = await link.client.call(apis[79], 2, { ...this.#session(link), topics })
    return answer.errorCode === 0 && answer.responses[0]!.partitions[0]!.errorCode === 0
  }

  #session(link: Link) {
    return { groupId: this.#groupId, memberId: this.#memberId, shareSessionEpoch: link.epoch++ }
  }

  async #link(broker: number, indexes: readonly number[]): Promise<Link | undefined> {
    const client = await this.#dial(broker)
    if (client === undefined) return undefined
    const link = { client, epoch: 0, indexes }
    this.#links.set(broker, link)
    return link
  }

  #drop(broker: number): void {
    this.#links.get(broker)?.client.close()
    this.#links.delete(broker)
  }

  /** Undefined if the broker is not there at present. */
  async #dial(broker: number): Promise<TestClient | undefined> {
    const member = broker > 0 ? this.#cluster.member(broker) : undefined
    if (member?.isUp !== true) return undefined
    const { host, port } = member.broker.kafka
    try {
      return await TestClient.connect(createNodeHost(), { host, port })
    } catch {
      return undefined
    }
  }

  #leaderOf(name: string, index: number): number {
    return this.#cluster.someone.broker.topics.find(name)!.partitions[index]!.leader
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => createNodeHost().clock.startTimer(5, resolve))
  }
}
