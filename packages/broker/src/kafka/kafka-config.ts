import type { BrokerSettings } from '../config/broker-table.ts'

/** What the Kafka front-end must be told: some of the broker's settings, and what it learns at start-up. */
export interface KafkaConfig
  extends Pick<
    BrokerSettings,
    | 'advertisedAddress'
    | 'authenticationFailureDelayMs'
    | 'autoCreateTopics'
    | 'brokerId'
    | 'brokerRack'
    | 'connectionCountMax'
    | 'connectionCountPerAddressMax'
    | 'connectionIdleMs'
    | 'connectionOutputBytesMax'
    | 'connectionOutputPauseBytes'
    | 'dataDirectory'
    | 'deleteTopics'
    | 'fetchBytesMax'
    | 'fetchSessionCountMax'
    | 'replicaLagMsMax'
    | 'replicaSelector'
    | 'reauthenticationMsMax'
    | 'receivePoolBytes'
    | 'requestBytesMax'
    | 'requestMemoryBytes'
    | 'shareSessionCountMax'
    | 'unauthenticatedCountMax'
    | 'unauthenticatedCountPerAddressMax'
    | 'unauthenticatedTimeoutMs'
  > {
  readonly clusterId: string
  /** `ClusterRecord.secret`: who knows it is a broker of this cluster. */
  readonly clusterSecret: string
}

/** Limits that nobody has had a reason to change; they become settings when somebody has. */
export const kafkaLimits = {
  /** Requests of one connection that wait for their answers, by number and by bytes; then it is not read. */
  inFlightRequestCountMax: 1000,
  inFlightBytesMax: 64 * 1024 * 1024,
  /**
   * Largest request of a client that must log in and has not: the tokens of all mechanisms have hundreds of bytes. Also
   * the most that is received from it in one piece, and so held.
   */
  unauthenticatedRequestBytesMax: 16 * 1024,
  /** Partitions in all fetch sessions together: each keeps some 200 bytes. */
  fetchSessionPartitionCountMax: 500_000,
  /** Fetch sessions of followers: a few per broker of the cluster, and those of their last lives. */
  replicaFetchSessionCountMax: 1000,
  /** Partitions in all share sessions together: each keeps some 200 bytes. */
  shareSessionPartitionCountMax: 500_000,
  /** How long a follower's session may be silent about partitions without news; also at most a tenth of the lag time. */
  replicaNoteIntervalMs: 500,
  /** A fetch session unused for so long may make way for a new one. */
  fetchSessionIdleMs: 120_000,
  /** Partitions in one answer of DescribeTopicPartitions (`max.request.partition.size.limit`). */
  describedPartitionCountMax: 2000,
} as const

/**
 * Memory that the objects of a request may take once it is decoded, for a request of `bytes`. The densest that clients
 * send, a commit of offsets, takes nine times its size; arrays of next to nothing would take forty times.
 */
export function requestHeapBytesMax(bytes: number): number {
  return Math.min(4 * 1024 * 1024 + 8 * bytes, 64 * 1024 * 1024)
}
