import type { ErrorCode } from '../errors/errors.ts'

/** What a client asks of a group and what it is told, in the words of no protocol. Byte fields of requests are copied. */

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** An assignment strategy that a member offers, with whatever its leader needs to know to apply it. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Uint8Array
}

export interface JoinRequest {
  groupId: string
  /** Empty for a member that has no id yet. */
  memberId: string
  /** Identity over restarts (KIP-345), null for a dynamic member. */
  instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  /** Negative: as long as the session. */
  rebalanceTimeoutMs: number
  /** `consumer`, `connect` and so on; the same for all members of a group. */
  protocolType: string
  /** In the member's order of preference. */
  protocols: readonly MemberProtocol[]
  /** Whether a dynamic member must join a second time with the id it is given (KIP-394; JoinGroup 4+). */
  memberIdRequired: boolean
  /** Whether a returning static leader understands that it must not assign anew (KIP-814; JoinGroup 9+). */
  skipAssignmentSupported: boolean
  /** Why the member joins, for the log. */
  reason?: string | null
}

export interface JoinAnswer {
  error: ErrorCode | null
  /** The id to use from now on; with 'member-id-required' the id to join with. */
  memberId: string
  /** -1 with an error. */
  generation: number
  protocolType: string | null
  protocolName: string | null
  /** Member id; empty with an error. */
  leader: string
  skipAssignment: boolean
  /** All members, for the leader alone. */
  members: readonly JoinedMember[]
}

export interface JoinedMember {
  memberId: string
  instanceId: string | null
  /** That of the chosen protocol. */
  metadata: Uint8Array
}

export interface SyncRequest {
  groupId: string
  memberId: string
  instanceId: string | null
  generation: number
  /** Checked against the group's unless null (SyncGroup 5+). */
  protocolType: string | null
  protocolName: string | null
  /** From the leader; members that it leaves out get nothing. */
  assignments: readonly { memberId: string; assignment: Uint8Array }[]
}

export interface SyncAnswer {
  error: ErrorCode | null
  protocolType: string | null
  protocolName: string | null
  assignment: Uint8Array
}

export interface HeartbeatRequest {
  groupId: string
  memberId: string
  instanceId: string | null
  generation: number
}

export interface LeaveRequest {
  groupId: string
  members: readonly LeavingMember[]
}

export interface LeavingMember {
  /** Empty to remove whoever uses the instance id. */
  memberId: string
  instanceId: string | null
  reason?: string | null
}

export interface LeaveAnswer {
  /** For the request as a whole; then `members` is empty. */
  error: ErrorCode | null
  /** In the order of the request. */
  members: { memberId: string; instanceId: string | null; error: ErrorCode | null }[]
}

export interface CommitRequest {
  groupId: string
  /** Empty, with generation -1, for a consumer that does without group membership. */
  memberId: string
  instanceId: string | null
  generation: number
  topics: readonly { topic: string; partitions: readonly OffsetToCommit[] }[]
}

export interface OffsetToCommit {
  partition: number
  /** Kept as given; kafkajs resets a group by committing negative ones. */
  offset: number
  /** -1 if unknown. */
  leaderEpoch: number
  metadata: string | null
}

/** One error per topic and partition, in the order of the request. */
export interface PartitionErrors {
  /** For the request as a whole; every partition has it too. */
  error: ErrorCode | null
  topics: { topic: string; partitions: { partition: number; error: ErrorCode | null }[] }[]
}

export type CommitAnswer = PartitionErrors

export interface FetchOffsetsRequest {
  groupId: string
  /** Null: all that the group has. */
  topics: readonly { topic: string; partitions: readonly number[] }[] | null
  /** Refuse offsets that a transaction may still change (KIP-447). Nothing does so yet: no offset is unstable. */
  requireStable: boolean
}

export interface FetchOffsetsAnswer {
  error: ErrorCode | null
  /** Empty with an error. */
  topics: { topic: string; partitions: FetchedOffset[] }[]
}

export interface FetchedOffset {
  partition: number
  /** -1: nothing committed. */
  offset: number
  leaderEpoch: number
  metadata: string
}

export interface DeleteOffsetsRequest {
  groupId: string
  topics: readonly { topic: string; partitions: readonly number[] }[]
}

export type DeleteOffsetsAnswer = PartitionErrors

export interface DescribedGroup {
  /** 'group-not-found' comes with the state 'Dead'. */
  error: ErrorCode | null
  groupId: string
  state: GroupState
  protocolType: string
  /** Empty unless Stable. */
  protocolName: string
  generation: number
  /** Member id, empty without members. */
  leader: string
  members: DescribedMember[]
}

export interface DescribedMember {
  memberId: string
  instanceId: string | null
  clientId: string
  clientHost: string
  /** This and the assignment are empty unless the group is Stable. */
  metadata: Uint8Array
  assignment: Uint8Array
}

/** Names are compared without regard to case; an empty or absent list lets all through. */
export interface ListFilter {
  states?: readonly string[]
  types?: readonly string[]
}

export interface ListAnswer {
  /** 'coordinator-loading' if some groups are missing from the list for that reason. */
  error: ErrorCode | null
  groups: ListedGroup[]
}

export interface ListedGroup {
  groupId: string
  protocolType: string
  state: GroupState
  type: 'classic'
}

export interface DeletedGroup {
  groupId: string
  error: ErrorCode | null
}
