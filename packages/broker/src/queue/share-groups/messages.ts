import type { ErrorCode } from '../../errors/errors.ts'

/** What a member of a share group says and is told (KIP-932), in the words of no protocol. */

export interface ShareHeartbeat {
  groupId: string
  /** Chosen by the member. */
  memberId: string
  /** 0 joins, -1 leaves; else what the member was told last. */
  memberEpoch: number
  /** Null: as before. */
  rackId: string | null
  /** Null: as before. */
  subscribedTopicNames: readonly string[] | null
  clientId: string
  clientHost: string
}

export interface ShareHeartbeatAnswer {
  error: ErrorCode | null
  /** What is wrong; null without an error. */
  detail: string | null
  /** -1 after leaving, 0 with an error. */
  memberEpoch: number
  heartbeatIntervalMs: number
  /** Null: as before. */
  assignment: readonly AssignedTopic[] | null
}

export interface AssignedTopic {
  topicId: string
  /** Ascending. */
  partitions: readonly number[]
}

export type ShareGroupState = 'Empty' | 'Stable' | 'Dead'

export interface DescribedShareGroup {
  /** 'group-not-found' comes with the state 'Dead'. */
  error: ErrorCode | null
  groupId: string
  state: ShareGroupState
  epoch: number
  members: readonly DescribedShareMember[]
}

export interface DescribedShareMember {
  memberId: string
  rackId: string | null
  memberEpoch: number
  clientId: string
  clientHost: string
  subscribedTopicNames: readonly string[]
  /** Without topics that are gone. */
  assignment: readonly (AssignedTopic & { topicName: string })[]
}

/** Names are compared without regard to case; an empty or absent list lets all through. */
export interface ShareGroupFilter {
  states?: readonly string[]
  types?: readonly string[]
}

export interface ListedShareGroup {
  groupId: string
  state: ShareGroupState
}

/** A topic that a group has read of, or may have: for its partitions there may be state in the queue store. */
export interface GroupTopic {
  topicId: string
  topicName: string
  partitionCount: number
}
