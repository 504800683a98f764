import type { PartitionState } from '../topic/topics.ts'
import { isLive } from './broker-node.ts'
import { kafkaErrorCode } from './error-codes.ts'
import type { RequestContext } from './request-context.ts'

const leaderNotAvailable = kafkaErrorCode('leader-not-available')
const nobody: readonly number[] = []

/** A partition as Metadata and DescribeTopicPartitions show it. A leader that is down is none. */
export function describePartition(state: PartitionState, context: RequestContext) {
  const { index, leader, leaderEpoch, replicas, inSyncReplicas } = state
  const hasLeader = leader !== -1 && isLive(context, leader)
  const areAllLive = replicas.every((id) => isLive(context, id))
  return {
    errorCode: hasLeader ? 0 : leaderNotAvailable,
    partitionIndex: index,
    leaderId: hasLeader ? leader : -1,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: inSyncReplicas,
    offlineReplicas: areAllLive ? nobody : replicas.filter((id) => !isLive(context, id)),
  }
}
