import type { ErrorCode } from '../../errors/errors.ts'
import { writeFailure } from '../../group/context.ts'
import type { GroupRecord } from '../../group/group-log.ts'
import { storedStringBytesMax } from '../../group/stored-records.ts'
import type { Assignment } from './assignor.ts'
import type { ShareContext } from './context.ts'
import type { AssignedTopic, ShareHeartbeat, ShareHeartbeatAnswer } from './messages.ts'
import type { ShareShard } from './shard.ts'
import { ShareMember } from './share-group.ts'
import type { ShareGroup } from './share-group.ts'

const joining = 0
const topicNameLengthMax = 249
export const leaving = -1

/** Why a heartbeat is refused. */
export interface HeartbeatFault {
  readonly error: ErrorCode
  readonly detail: string
}

/** What a heartbeat must be, whatever the group. */
export function formFault(request: ShareHeartbeat, { limits }: ShareContext): HeartbeatFault | null {
  const { groupId, memberId, memberEpoch, rackId, subscribedTopicNames } = request
  const invalid = (detail: string): HeartbeatFault => ({ error: 'invalid-request', detail })
  if (memberId === '') return invalid("MemberId can't be empty.")
  if (memberId.length > limits.memberIdLengthMax) return invalid('MemberId is too long.')
  if (groupId === '') return invalid("GroupId can't be empty.")
  if (Buffer.byteLength(groupId) > storedStringBytesMax)
    return { error: 'invalid-group-id', detail: 'GroupId is too long.' }
  if (rackId === '') return invalid("RackId can't be empty.")
  if (rackId !== null && rackId.length > limits.rackIdLengthMax) return invalid('RackId is too long.')
  if (memberEpoch < leaving) return invalid('MemberEpoch is invalid.')
  if (memberEpoch === joining && !subscribedTopicNames?.length) {
    return invalid('SubscribedTopicNames must be set in first request.')
  }
  if (subscribedTopicNames === null) return null
  if (subscribedTopicNames.length > limits.subscriptionCountMax) return invalid('There are too many topics.')
  if (subscribedTopicNames.some((name) => name.length > topicNameLengthMax))
    return invalid('No topic has so long a name.')
  return null
}

export function refusal({ error, detail }: HeartbeatFault): ShareHeartbeatAnswer {
  return { error, detail, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null }
}

/** A member leaves: answered when the group log has it. */
export async function leave(
  context: ShareContext,
  shard: ShareShard,
  group: ShareGroup,
  memberId: string,
): Promise<ShareHeartbeatAnswer> {
  const member = group.members.get(memberId)
  if (member === undefined) return refusal(unknownMember(group, memberId))
  const error = await context.append(shard.partition, group, shard.remove(group, [member]))
  if (error !== null) return refusal(notStored(error))
  return { error: null, detail: null, memberEpoch: leaving, heartbeatIntervalMs: 0, assignment: null }
}

/** A member joins, or says that it lives and perhaps that it wants other topics. */
export async function beat(
  context: ShareContext,
  shard: ShareShard,
  group: ShareGroup,
  request: ShareHeartbeat,
): Promise<ShareHeartbeatAnswer> {
  const present = group.members.get(request.memberId)
  const fault = present === undefined ? entryFault(context, group, request) : epochFault(present, request.memberEpoch)
  if (fault !== null) return refusal(fault)
  const member = present ?? new ShareMember(request.memberId)
  group.members.set(member.id, member)
  shard.touch(group, member)
  const isChanged = update(member, request) || present === undefined
  const records = isChanged || group.hasNewTopics(context.lookup) ? advance(context, group) : []
  if (isChanged) records.push(context.records.member(group, member))
  const answer = reconcile(context, group, member, request)
  const stored = group.isStale ? wholeOf(context, group) : records
  if (stored.length === 0) return answer
  group.isStale = false
  const error = await context.append(shard.partition, group, stored)
  return error === null ? answer : refusal(notStored(error))
}

/** What makes a newcomer no member. */
function entryFault(context: ShareContext, group: ShareGroup, request: ShareHeartbeat): HeartbeatFault | null {
  if (request.memberEpoch !== joining) return unknownMember(group, request.memberId)
  if (group.members.size < context.limits.memberCountMax) return null
  const detail = `The group ${group.id} has as many members as it may have: ${context.limits.memberCountMax}.`
  return { error: 'group-full', detail }
}

function epochFault(member: ShareMember, given: number): HeartbeatFault | null {
  if (given === joining || given === member.epoch) return null
  // The answer with the present epoch, or the last word of the former coordinator, may not have arrived.
  if (given === member.previousEpoch || (member.isLoaded && given < member.epoch)) return null
  const detail = `The member ${member.id} is in epoch ${member.epoch}, not ${given}.`
  return { error: 'fenced-member-epoch', detail }
}

function unknownMember(group: ShareGroup, memberId: string): HeartbeatFault {
  return { error: 'unknown-member', detail: `Member ${memberId} is not a member of group ${group.id}.` }
}

function notStored(error: ErrorCode): HeartbeatFault {
  return { error: writeFailure(error), detail: 'The group could not be stored.' }
}

/** Takes over what the member says of itself; returns whether anything of it is new. */
function update(member: ShareMember, request: ShareHeartbeat): boolean {
  const rackId = request.rackId ?? member.rackId
  const names = request.subscribedTopicNames
  const subscribed = names === null ? member.subscribedTopicNames : [...new Set(names)].toSorted()
  const isSame =
    rackId === member.rackId &&
    request.clientId === member.clientId &&
    request.clientHost === member.clientHost &&
    subscribed.length === member.subscribedTopicNames.length &&
    subscribed.every((name, index) => name === member.subscribedTopicNames[index])
  member.rackId = rackId
  member.clientId = request.clientId
  member.clientHost = request.clientHost
  member.subscribedTopicNames = subscribed
  return !isSame
}

/** Begins the next epoch of the group; returns what has to be written for it. */
function advance(context: ShareContext, group: ShareGroup): GroupRecord[] {
  group.epoch++
  const hasNewTopics = group.assign(context.lookup)
  return [context.records.group(group), ...(hasNewTopics ? [context.topicsRecord(group)] : [])]
}

/** Brings the member to the epoch of its group. */
function reconcile(
  context: ShareContext,
  group: ShareGroup,
  member: ShareMember,
  request: ShareHeartbeat,
): ShareHeartbeatAnswer {
  const target = group.targetOf(member)
  const isTold = request.memberEpoch === member.epoch && !member.isLoaded && request.subscribedTopicNames === null
  const hasChanged = !isSameAssignment(member.assignment, target)
  if (member.epoch !== group.epoch) {
    member.previousEpoch = member.isLoaded ? request.memberEpoch : member.epoch
    member.epoch = group.epoch
  }
  member.isLoaded = false
  member.assignment = target
  return {
    error: null,
    detail: null,
    memberEpoch: member.epoch,
    heartbeatIntervalMs: context.timesOf(group.id).heartbeatIntervalMs,
    assignment: isTold && !hasChanged ? null : assignedTopics(target),
  }
}

export function assignedTopics(assignment: Assignment): AssignedTopic[] {
  return Array.from(assignment, ([topicId, partitions]) => ({ topicId, partitions }))
}

function isSameAssignment(one: Assignment, other: Assignment): boolean {
  if (one.size !== other.size) return false
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId)
    if (others?.length !== partitions.length || !partitions.every((each, at) => each === others[at])) return false
  }
  return true
}

/** Everything that the log should know of a group. */
function wholeOf(context: ShareContext, group: ShareGroup): GroupRecord[] {
  const members = Array.from(group.members.values(), (member) => context.records.member(group, member))
  return [context.records.group(group), context.topicsRecord(group), ...members]
}
