import type { ClusterAdmin } from '../controller/cluster-admin.ts'
import type { PartitionAdmin } from '../controller/partition-admin.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { Topic } from '../image/topic.ts'

/** What the API shows and asks; there once the broker has found its cluster. */
export interface ClusterSources {
  readonly clusterId: string
  /** The broker that answers. */
  readonly brokerId: number
  readonly version: string
  readonly image: ClusterImage
  readonly cluster: Pick<
    ClusterAdmin,
    'putPolicy' | 'deletePolicy' | 'listPolicies' | 'startDrain' | 'stopDrain' | 'drainProgress' | 'removeBroker'
  >
  readonly partitions: Pick<PartitionAdmin, 'alterReassignments' | 'listReassignments' | 'electLeaders' | 'syncTopic'>
  /** Name of the policy in force. */
  policyOf(topic: Topic): string | undefined
  /** Settings of the topic and its policy, before the broker's defaults. */
  configsOf(topic: Topic): ReadonlyMap<string, string>
  minInsyncReplicasOf(topic: Topic): number
}
