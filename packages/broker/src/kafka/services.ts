import type { GroupCoordinator } from '../group/coordinator.ts'
import type { Host } from '../host/host.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { ConfigEntry, Topics } from '../topic/topics.ts'
import type { FetchSessions } from './fetch/fetch-sessions.ts'
import type { KafkaConfig } from './kafka-config.ts'
import type { KafkaMetrics } from './kafka-metrics.ts'
import type { ProduceDeadlines } from './produce-deadlines.ts'

/** Hands out producer ids, each only once in the life of the cluster. */
export interface ProducerIds {
  /** @throws BrokerError 'storage', 'stopping' */
  next(): Promise<number>
}

/** The broker's own settings, as DescribeConfigs shows them. */
export interface BrokerSettings {
  describe(): readonly ConfigEntry[]
}

/** One line of the ApiVersions answer. */
export interface AdvertisedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** What the front-end is built on; the composition root supplies it. */
export interface KafkaDependencies {
  readonly host: Host
  readonly topics: Topics
  readonly groups: GroupCoordinator
  readonly producerIds: ProducerIds
  readonly brokerSettings: BrokerSettings
  readonly config: KafkaConfig
  readonly logger: Logger
  readonly metrics: KafkaMetrics
}

/** What handlers see: the dependencies and the state that the front-end keeps for all connections together. */
export interface Services extends KafkaDependencies {
  /** Sorted by API key. */
  readonly apis: readonly AdvertisedApi[]
  readonly fetchSessions: FetchSessions
  readonly produceDeadlines: ProduceDeadlines
}
