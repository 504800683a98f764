import type { BrokerStorage } from './broker-storage.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { assignReplicas } from './controller/assign-replicas.ts'
import { placementRule } from './controller/topic-rules.ts'
import { FramePool } from './host/frame-memory.ts'
import type { Host } from './host/host.ts'
import { KafkaPeers } from './kafka/peer/kafka-peers.ts'
import { ReplicaManager } from './replica/replica-manager.ts'
import type { KafkaTraffic } from './telemetry/kafka-traffic.ts'
import type { Logger } from './telemetry/logger.ts'
import { ClusterTopics } from './topic/cluster-topics.ts'

const peerConnectTimeoutMs = 5000
const peerAnswerGraceMs = 5000

export interface BrokerReplicasParts {
  readonly settings: BrokerSettings
  /** Its connections are those that other brokers take. */
  readonly host: Host
  readonly logger: Logger
  readonly storage: BrokerStorage
  readonly traffic: KafkaTraffic
  readonly poisonsMemory: boolean
}

/** The topics of the cluster, the replicas of them that are on this broker, and the way to the others. */
export interface BrokerReplicas {
  readonly peers: KafkaPeers
  readonly replicas: ReplicaManager
  readonly topics: ClusterTopics
}

export async function openReplicas(parts: BrokerReplicasParts): Promise<BrokerReplicas> {
  const { settings, host, logger, storage, traffic, poisonsMemory } = parts
  const { feed, metadata, logs, cluster, topicSettings, isAlone } = storage
  const { clock, random } = host
  const peers = new KafkaPeers({
    host,
    brokerId: settings.brokerId,
    secret: cluster.secret,
    connectTimeoutMs: peerConnectTimeoutMs,
    answerGraceMs: peerAnswerGraceMs,
    batchBytesMax: settings.requestBytesMax,
    pool: new FramePool(settings.receivePoolBytes, poisonsMemory),
    metrics: traffic,
  })
  const replicas = new ReplicaManager({
    feed,
    metadata: metadata.store,
    store: logs,
    clock,
    logger,
    peers,
    brokerId: settings.brokerId,
    settings: {
      lagMsMax: settings.replicaLagMsMax,
      partitionBytesMax: settings.replicaFetchBytesMax,
      answerBytesMax: settings.replicaFetchAnswerBytesMax,
      waitMsMax: settings.replicaFetchWaitMsMax,
      backoffMs: settings.replicaFetchBackoffMs,
      catchUpBytesPerSecond: settings.replicaCatchUpBytesPerSecond,
    },
    topicSettings: (topic) => topicSettings.of(topic),
  })
  await replicas.open(isAlone)
  const topics = new ClusterTopics({
    metadata: metadata.store,
    feed,
    replicas,
    random,
    settings,
    assign: ({ topicName, placement, count }) => {
      const { image } = feed
      const present = image.topics.get(topicName)?.partitions ?? []
      const rule = placementRule(image, topicName, placement)
      return assignReplicas({ image, rule, partitionCount: count, present })
    },
    configsInForce: (topic) => topicSettings.configsOf(topic),
  })
  return { peers, replicas, topics }
}
