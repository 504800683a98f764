import type { ErrorCode } from '../errors/errors.ts'
import { currentJoin, refusedJoin } from './answers.ts'
import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import { Member } from './member.ts'
import type { MemberTraits } from './member.ts'
import { memberFault } from './member-check.ts'
import { newMemberId } from './member-id.ts'
import type { JoinAnswer, JoinRequest } from './messages.ts'
import { completeJoinIfAll, expectBy, rebalance, removeMember } from './rebalance.ts'
import type { Shard } from './shard.ts'
import { rejoinStatic } from './static-rejoin.ts'

type Answer = (answer: JoinAnswer) => void

/** Of what a client says about its reasons, this much is logged. */
const reasonLengthMax = 200

/** Faults of a join that have nothing to do with the state of its group. */
export function joinFault({ config }: GroupContext, request: JoinRequest): ErrorCode | null {
  const { sessionTimeoutMs, protocols } = request
  if (sessionTimeoutMs < config.sessionTimeoutMsMin || sessionTimeoutMs > config.sessionTimeoutMsMax) {
    return 'invalid-session-timeout'
  }
  if (protocols.length > config.memberProtocolsMax) return 'limit-exceeded'
  let bytes = 0
  for (const { name, metadata } of protocols) bytes += name.length + metadata.length
  if (bytes > config.memberMetadataBytesMax) return 'limit-exceeded'
  if (new Set(protocols.map(({ name }) => name)).size !== protocols.length) return 'invalid-request'
  return null
}

/**
 * A member wants to be in the next generation. Answers at once, or keeps `answer` for the end of the joining phase.
 * The group has been found or made by the caller.
 */
export function join(context: GroupContext, shard: Shard, group: Group, request: JoinRequest, answer: Answer): void {
  const error = group.state === 'Dead' ? 'coordinator-not-available' : capacityFault(context, shard, group, request)
  if (error !== null) answer(refusedJoin(error, error === 'group-full' ? '' : request.memberId))
  else if (!group.accepts(request.protocolType, request.protocols)) {
    answer(refusedJoin('inconsistent-protocol', request.memberId))
  } else if (request.memberId === '') joinNew(context, shard, group, request, answer)
  else joinKnown(context, shard, group, request, answer)
  completeJoinIfAll(context, shard, group)
}

/** In the joining phase those count who have joined: members that do not come back make room. */
function capacityFault(context: GroupContext, shard: Shard, group: Group, request: JoinRequest): ErrorCode | null {
  const sizeMax = context.config.groupSizeMax
  const holder = request.instanceId === null ? undefined : group.memberIdOf(request.instanceId)
  // A static member that comes back without an id takes nobody's place but its own.
  const member = group.member(request.memberId === '' && holder !== undefined ? holder : request.memberId)
  if (group.state === 'Empty') return null
  if (group.state !== 'PreparingRebalance') return member !== undefined || group.size < sizeMax ? null : 'group-full'
  if ((member !== undefined && member.joinWaiter !== null) || group.joiningCount < sizeMax) return null
  if (member !== undefined && memberFault(group, request.memberId, request.instanceId) === null) {
    removeMember(context, shard, group, member, 'group is full')
  }
  group.pendingMembers.delete(request.memberId)
  return 'group-full'
}

function joinNew(context: GroupContext, shard: Shard, group: Group, request: JoinRequest, answer: Answer): void {
  const { instanceId } = request
  const memberId = newMemberId(context.random, instanceId ?? request.clientId)
  if (instanceId !== null) {
    const holder = group.memberIdOf(instanceId)
    if (holder === undefined) return admit(context, shard, group, memberId, request, answer)
    return rejoinStatic(context, shard, group, group.member(holder)!, memberId, request, traitsOf(request), answer)
  }
  if (!request.memberIdRequired) return admit(context, shard, group, memberId, request, answer)
  if (group.pendingMembers.size >= context.config.pendingMembersMax) return answer(refusedJoin('group-full', ''))
  const deadlineMs = context.clock.monotonicMs() + request.sessionTimeoutMs
  group.pendingMembers.set(memberId, deadlineMs)
  group.alarm.atLatest(deadlineMs)
  answer(refusedJoin('member-id-required', memberId))
}

function joinKnown(context: GroupContext, shard: Shard, group: Group, request: JoinRequest, answer: Answer): void {
  const { memberId, instanceId } = request
  if (group.pendingMembers.has(memberId) && instanceId === null) {
    return admit(context, shard, group, memberId, request, answer)
  }
  const error = memberFault(group, memberId, instanceId)
  if (error !== null) return answer(refusedJoin(error, memberId))
  const member = group.member(memberId)!
  const same = member.offersExactly(request.protocols)
  // The same join once more in the same generation: the first answer was lost. A leader that joins again in a stable
  // group wants a rebalance, for it has seen something that is in nobody's metadata, such as new partitions.
  const repeated = group.state === 'CompletingRebalance' || (group.state === 'Stable' && group.leader !== memberId)
  if (same && repeated) return answer(currentJoin(group, member))
  // A join parked before came from a connection that has been given up, or the member would not ask again.
  group.answerJoin(member, refusedJoin('rebalance-in-progress', memberId))
  group.update(member, traitsOf(request))
  group.parkJoin(member, answer)
  rebalance(context, shard, group, reasonOf('member joined again', request))
}

function admit(
  context: GroupContext,
  shard: Shard,
  group: Group,
  memberId: string,
  request: JoinRequest,
  answer: Answer,
): void {
  const member = new Member(memberId, request.instanceId, traitsOf(request))
  group.add(member, request.protocolType)
  if (group.gathering !== null) group.gathering.joinedSince = true
  group.parkJoin(member, answer)
  // It cannot beat while its first join is parked, and nobody tells when its connection breaks.
  expectBy(context, group, member, context.config.newMemberJoinTimeoutMs)
  rebalance(context, shard, group, reasonOf('member joined', request))
}

function reasonOf(what: string, { reason }: JoinRequest): string {
  return reason === undefined || reason === null ? what : `${what}: ${reason.slice(0, reasonLengthMax)}`
}

/** Copies the metadata: a request's bytes live in a network buffer. */
function traitsOf(request: JoinRequest): MemberTraits {
  return {
    clientId: request.clientId,
    clientHost: request.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: new Uint8Array(metadata) })),
  }
}

/** A loaded group may be larger than what is allowed by now: its members must join anew, and the last find no room. */
export function shrinkLoaded(context: GroupContext, shard: Shard, group: Group): void {
  if (group.size > context.config.groupSizeMax) rebalance(context, shard, group, 'group is larger than allowed')
}
