import type { BrokerSettings } from '../config/broker-table.ts'

/** What the Kafka front-end must be told: some of the broker's settings, and what it learns at start-up. */
export interface KafkaConfig
  extends Pick<
    BrokerSettings,
    | 'advertisedAddress'
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
    | 'requestBytesMax'
    | 'requestMemoryBytes'
  > {
  readonly clusterId: string
}

/** Limits that nobody has had a reason to change; they become settings when somebody has. */
export const kafkaLimits = {
  /** Requests of one connection that wait for their answers, by number and by bytes; then it is not read. */
  inFlightRequestCountMax: 1000,
  inFlightBytesMax: 64 * 1024 * 1024,
  /** Partitions in all fetch sessions together: each keeps some 200 bytes. */
  fetchSessionPartitionCountMax: 500_000,
  /** A fetch session unused for so long may make way for a new one. */
  fetchSessionIdleMs: 120_000,
  /** Partitions in one answer of DescribeTopicPartitions (`max.request.partition.size.limit`). */
  describedPartitionCountMax: 2000,
} as const
