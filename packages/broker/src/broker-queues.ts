import type { BrokerSettings } from './config/broker-table.ts'
import { ensureInternalTopic } from './ensure-internal-topic.ts'
import { BrokerError } from './errors/errors.ts'
import { GroupLeadership } from './group-leadership.ts'
import { PartitionGroupLog } from './group/partition-group-log.ts'
import type { Timer } from './host/clock.ts'
import type { Host } from './host/host.ts'
import type { ImageFeed } from './image/image-feed.ts'
import type { PeerCalls } from './kafka/peer/peer-calls.ts'
import { peerProduce } from './kafka/peer/peer-produce.ts'
import { PeerQueueStore } from './kafka/peer/peer-queue-store.ts'
import { ClusterQueueStore } from './queue/cluster-queue-store.ts'
import { ImageGroupConfigs } from './queue/group-configs.ts'
import { LedQueues } from './queue/led-queues.ts'
import { noCounts } from './queue/queue-counts.ts'
import { addQueueMetrics } from './queue/queue-metrics.ts'
import { RecordJudges } from './queue/record-judge.ts'
import { StateLog } from './queue/state-log.ts'
import { TopicDeadLetters } from './queue/topic-dead-letters.ts'
import type { ReplicaManager } from './replica/replica-manager.ts'
import type { Logger } from './telemetry/logger.ts'
import type { MetricsRegistry } from './telemetry/metrics.ts'
import { shareStateTopicName } from './topic/topic-name.ts'
import type { Topic, Topics } from './topic/topics.ts'

const sweepIntervalMs = 300_000

export interface BrokerQueuesParts {
  readonly settings: BrokerSettings
  readonly host: Host
  readonly logger: Logger
  readonly feed: ImageFeed
  readonly topics: Topics
  readonly replicas: Pick<ReplicaManager, 'onLeadership'>
  readonly calls: PeerCalls
  readonly metrics: MetricsRegistry
}

/** Work queues on this broker: those of the partitions it leads, and what it keeps of the progress of any. */
export class BrokerQueues {
  readonly configs: ImageGroupConfigs
  readonly states: StateLog
  readonly led: LedQueues
  readonly leadership: GroupLeadership
  readonly #parts: BrokerQueuesParts
  readonly #endings: (() => void)[]
  #sweep: Timer

  /** Must be made before this broker leads anything. */
  constructor(parts: BrokerQueuesParts) {
    const { settings, host, logger, feed, topics, replicas, calls, metrics } = parts
    const { clock } = host
    this.#parts = parts
    this.configs = new ImageGroupConfigs(feed.image)
    const log = new PartitionGroupLog(topics, shareStateTopicName, settings.shareStatePartitionCount)
    this.states = new StateLog({ log, clock, logger })
    const store = new ClusterQueueStore({
      brokerId: settings.brokerId,
      image: feed.image,
      topicName: shareStateTopicName,
      ensureTopic: () => this.#ensureTopic(),
      local: this.states,
      remote: (broker) => new PeerQueueStore(calls, broker),
    })
    const counts = noCounts()
    const judges = new RecordJudges()
    const deadLetters = new TopicDeadLetters({
      topics,
      mayCreate: settings.autoCreateTopics,
      nowMs: () => clock.nowMs(),
      appendElsewhere: (topic, index, batch) => this.#appendElsewhere(topic, index, batch),
    })
    const stateWrites = addQueueMetrics(metrics, { counts, queues: () => this.led.queues() })
    this.led = new LedQueues({
      store,
      clock,
      logger,
      topics,
      config: (groupId) => this.configs.of(groupId),
      judge: (config) => judges.of(config),
      deadLetters,
      counts,
      stateWritten: (ms) => stateWrites.observe(ms / 1000),
    })
    const common = { replicas, topics, clock, logger }
    this.leadership = new GroupLeadership({ ...common, groups: this.states, topicName: shareStateTopicName })
    this.#sweep = this.#startSweep(new Set())
    this.#endings = [
      replicas.onLeadership((topicId, index) => this.led.leadershipChanged(topicId, index)),
      feed.onChange((change) => {
        for (const [id, before] of change.topics) if (before && !feed.image.topicsById.has(id)) this.#forgetTopic(id)
      }),
    ]
  }

  /** Finds topics that were deleted while nobody kept their queues. Seen twice, as news of a topic may be late here. */
  #startSweep(before: ReadonlySet<string>): Timer {
    const { host, feed } = this.#parts
    return host.clock.startTimer(sweepIntervalMs, () => {
      const missing = [...this.states.topicIds()].filter((id) => !feed.image.topicsById.has(id))
      for (const id of missing) if (before.has(id)) this.#forgetTopic(id)
      this.#sweep = this.#startSweep(new Set(missing))
    })
  }

  stop(): void {
    this.#sweep.cancel()
    for (const end of this.#endings) end()
    this.leadership.end()
    this.led.stop()
    this.states.stop()
    this.#parts.calls.close()
  }

  /** Made by whoever needs it first: most brokers never do. */
  #ensureTopic(): Promise<void> {
    const { settings, topics } = this.#parts
    const { shareStatePartitionCount: partitionCount, shareStateSegmentBytes: segmentBytes } = settings
    return ensureInternalTopic(topics, { name: shareStateTopicName, partitionCount, segmentBytes })
  }

  #appendElsewhere(topic: Topic, index: number, batch: Uint8Array): Promise<void> {
    const { feed, calls } = this.#parts
    const leader = feed.image.brokers.get(topic.partitions[index]?.leader ?? -1)
    if (leader === undefined) return Promise.reject(new BrokerError('leader-not-available'))
    return peerProduce(calls, leader, { topicId: topic.id, index }, batch)
  }

  #forgetTopic(topicId: string): void {
    this.states.forgetTopic(topicId).catch((error: unknown) => {
      this.#parts.logger.warn('the progress of groups on a deleted topic stays for now', {
        topicId,
        error: String(error),
      })
    })
  }
}
