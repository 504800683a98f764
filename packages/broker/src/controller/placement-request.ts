import type { BrokerSettings } from '../config/broker-table.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { BrokerRoles } from './cluster-view.ts'
import type { TopicRules } from './topic-rules.ts'

type PlacementSettings = Pick<BrokerSettings, 'replicaRebalance' | 'reassignmentMoveCountMax'>

/** What placement is planned from. */
export interface PlacementRequest {
  readonly image: ClusterImage
  readonly rules: TopicRules
  readonly brokers: BrokerRoles
  readonly settings: PlacementSettings
  /** Brokers that have been away for `replica.replacement.delay.ms`. */
  readonly lost: ReadonlySet<number>
}
