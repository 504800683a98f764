import type { ClusterSources } from './admin/cluster-sources.ts'
import type { GuardFacts } from './admin/request-guard.ts'
import { isLoopback } from './anonymous-network.ts'
import type { Administration } from './administration.ts'
import type { BrokerStorage } from './broker-storage.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { effectivePolicy } from './controller/effective-policy.ts'
import type { Address } from './host/network.ts'
import { version } from './version.ts'

/** What the HTTP API shows of the cluster, and asks of it. */
export function clusterSources(
  settings: BrokerSettings,
  storage: BrokerStorage,
  { cluster, partitions }: Administration,
): ClusterSources {
  const { image } = storage.feed
  return {
    clusterId: storage.cluster.id,
    brokerId: settings.brokerId,
    version,
    image,
    cluster,
    partitions,
    policyOf: (topic) => effectivePolicy(image, topic.name, 'topic')?.policy.name,
    configsOf: (topic) => storage.topicSettings.configsOf(topic),
    minInsyncReplicasOf: (topic) => storage.topicSettings.of(topic).minInsyncReplicas,
  }
}

/** @param bound where the port listens; undefined before it does */
export function guardFacts(settings: BrokerSettings, bound: () => Address | undefined): GuardFacts {
  const { httpAddress, kafkaAddress, advertisedAddress } = settings
  const hosts = [httpAddress, kafkaAddress, advertisedAddress].flatMap((address) => address?.host.toLowerCase() ?? [])
  return {
    isLoopback: () => isLoopback(bound()?.host ?? ''),
    isEnabled: settings.httpAdmin,
    ownHosts: new Set(hosts),
  }
}
