import type { AclAdmin } from '../auth/acl-admin.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { UserAdmin } from '../auth/user-admin.ts'
import type { BrokerError } from '../errors/errors.ts'
import type { GroupCoordinator } from '../group/coordinator.ts'
import type { Host } from '../host/host.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { GroupConfigAdmin } from '../queue/group-config-admin.ts'
import type { QueueManager } from '../queue/queue-manager.ts'
import type { QueueStore } from '../queue/queue-store.ts'
import type { GroupProgress } from '../queue/share-groups/group-progress.ts'
import type { ShareGroups } from '../queue/share-groups/share-groups.ts'
import type { ConfigEntry, Topics } from '../topic/topics.ts'
import type { FetchSessions } from './fetch/fetch-sessions.ts'
import type { KafkaConfig } from './kafka-config.ts'
import type { KafkaMetrics } from './kafka-metrics.ts'
import type { ProduceDeadlines } from './produce-deadlines.ts'
import type { ShareSessions } from './share/share-sessions.ts'

/** Hands out producer ids, each only once in the life of the cluster. */
export interface ProducerIds {
  /** @throws BrokerError 'storage', 'stopping' */
  next(): Promise<number>
}

/** The broker's own settings, as DescribeConfigs shows them. */
export interface BrokerSettings {
  describe(): readonly ConfigEntry[]
}

/** One partition of a topic that exists, or did when it was asked for. */
export interface PartitionId {
  readonly topicId: string
  readonly index: number
}

/** Where a partition shall move. */
export interface WantedReassignment extends PartitionId {
  /** Broker ids, the preferred leader first; null takes back a move that is under way. */
  readonly replicas: readonly number[] | null
}

/** A partition that is being moved. */
export interface OngoingReassignment extends PartitionId {
  readonly topic: string
  /** All, with `adding` and `removing`. */
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

/** What became of one partition of an administrative request: a value, as the others of the request go on. */
export interface PartitionOutcome extends PartitionId {
  /** Undefined if it was done. */
  readonly error: BrokerError | undefined
}

/**
 * What an administrator may ask of partitions anywhere in the cluster (`PartitionAdmin` of controller/). Any broker takes
 * it, whoever is the controller; outcomes are in the order of what was asked. A failure of the whole rejects with
 * BrokerError ('not-controller', 'storage', 'stopping').
 */
export interface ClusterAdmin {
  /** Begins or takes back moves; they go on in the background. */
  alterReassignments(wanted: readonly WantedReassignment[]): Promise<readonly PartitionOutcome[]>

  /** Moves under way, of these topics only if they are given. */
  listReassignments(topicIds?: ReadonlySet<string>): readonly OngoingReassignment[]

  /** Elects the preferred replica, or any that lives even if records are lost by that ('unclean'). */
  electLeaders(kind: 'preferred' | 'unclean', partitions: readonly PartitionId[]): Promise<readonly PartitionOutcome[]>
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
  readonly shareGroups: ShareGroups
  readonly queues: QueueManager
  /** What this broker keeps of the progress of queues, for other brokers. */
  readonly queueStates: QueueStore
  readonly groupConfigs: Pick<GroupConfigAdmin, 'describe' | 'change' | 'replace'>
  readonly producerIds: ProducerIds
  readonly brokerSettings: BrokerSettings
  /** Who is in the cluster. A broker that is not registered yet names only itself. */
  readonly image: ClusterImage
  readonly clusterAdmin: ClusterAdmin
  /** Who may connect; undefined if nobody need log in. */
  readonly authenticator?: Authenticator | undefined
  readonly users: Pick<UserAdmin, 'alter'>
  /** Says what clients may do; without it everybody may do everything. Asked through permission.ts. */
  readonly authorizer?: Authorizer | undefined
  /** Where access rules are made, if the authorizer goes by them. */
  readonly acls?: Pick<AclAdmin, 'create' | 'delete' | 'list'> | undefined
  readonly config: KafkaConfig
  readonly logger: Logger
  readonly metrics: KafkaMetrics
  /** For tests: memory of requests is overwritten once nobody should look at it any more. Default false. */
  readonly poisonsMemory?: boolean
}

/** What handlers see: the dependencies and the state that the front-end keeps for all connections together. */
export interface Services extends KafkaDependencies {
  /** Sorted by API key. */
  readonly apis: readonly AdvertisedApi[]
  readonly fetchSessions: FetchSessions
  /** Those of followers have room of their own, so that consumers cannot take it from them. */
  readonly replicaFetchSessions: FetchSessions
  readonly produceDeadlines: ProduceDeadlines
  readonly shareSessions: ShareSessions
  readonly groupProgress: GroupProgress
}
