import type { MetadataStore } from './cluster/metadata-store.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { ClusterAdmin } from './controller/cluster-admin.ts'
import { PartitionAdmin } from './controller/partition-admin.ts'
import { TopicRules } from './controller/topic-rules.ts'
import type { Clock } from './host/clock.ts'
import type { ImageFeed } from './image/image-feed.ts'

export interface AdministrationParts {
  readonly store: MetadataStore
  readonly feed: ImageFeed
  readonly clock: Clock
  readonly settings: BrokerSettings
}

/** What operators may ask of the cluster, at any broker. */
export interface Administration {
  /** Policies, drains, brokers that are gone for good. */
  readonly cluster: ClusterAdmin
  /** Moves and elections. */
  readonly partitions: PartitionAdmin
}

export function makeAdministration(parts: AdministrationParts): Administration {
  const { feed, settings } = parts
  const rules = new TopicRules(feed.image, settings)
  feed.onChange(({ policies }) => {
    if (policies) rules.forget()
  })
  const cluster = new ClusterAdmin({ ...parts, brokerId: settings.brokerId })
  return { cluster, partitions: new PartitionAdmin({ admin: cluster, feed, rules }) }
}
