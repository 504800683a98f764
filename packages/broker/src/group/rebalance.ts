import type { ErrorCode } from '../errors/errors.ts'
import { currentJoin, refusedJoin, refusedSync } from './answers.ts'
import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import type { Member } from './member.ts'
import type { Shard } from './shard.ts'

/** The clockwork of a group: how it goes from one generation to the next, and what makes it do so. */

/** The member was heard of: it has until the end of its session again. */
export function touch(context: GroupContext, group: Group, member: Member): void {
  expectBy(context, group, member, member.traits.sessionTimeoutMs)
}

/** As `touch`, with a time of its own. */
export function expectBy(context: GroupContext, group: Group, member: Member, delayMs: number): void {
  member.deadlineMs = context.clock.monotonicMs() + delayMs
  group.alarm.atLatest(member.deadlineMs)
}

/** Starts a rebalance unless one is running, and ends it at once if nobody is left to wait for. */
export function rebalance(context: GroupContext, shard: Shard, group: Group, reason: string): void {
  const { state } = group
  if (state === 'Empty' || state === 'CompletingRebalance' || state === 'Stable') prepare(context, group, reason)
  completeJoinIfAll(context, shard, group)
}

/** Ends the joining phase if all members are there, and those that were promised an id too. */
export function completeJoinIfAll(context: GroupContext, shard: Shard, group: Group): void {
  if (group.state !== 'PreparingRebalance' || group.gathering !== null) return
  if (group.pendingMembers.size === 0 && group.joiningCount === group.size) completeJoin(context, shard, group)
}

/** Takes a member out of the group, which then rebalances. Whatever it has parked is answered 'unknown-member'. */
export function removeMember(context: GroupContext, shard: Shard, group: Group, member: Member, reason: string): void {
  dismiss(group, member)
  context.logger.info('group member removed', { groupId: group.id, memberId: member.id, reason })
  if (group.state === 'Stable' || group.state === 'CompletingRebalance') rebalance(context, shard, group, reason)
  else completeJoinIfAll(context, shard, group)
}

/** Takes a member out without consequences for the state. */
function dismiss(group: Group, member: Member): void {
  // An answer of 'unknown-member' makes a client that is still there join anew.
  group.answerJoin(member, refusedJoin('unknown-member', ''))
  group.answerSync(member, refusedSync('unknown-member'))
  group.remove(member)
}

/** Drops the assignment under way; everybody who waits for it is told why. */
export function failAssignment(context: GroupContext, group: Group, error: ErrorCode): void {
  group.clearAssignments()
  for (const member of group.members()) {
    if (group.answerSync(member, refusedSync(error))) touch(context, group, member)
  }
}

/** What is due when the alarm of a group rings. */
export function expire(context: GroupContext, shard: Shard, group: Group): void {
  const nowMs = context.clock.monotonicMs()
  expirePending(group, nowMs)
  const silent = Array.from(group.members()).filter((member) => member.mayExpire && member.deadlineMs <= nowMs)
  for (const member of silent) {
    // The removal of another member may have ended the joining phase, from which all members start afresh.
    if (member.mayExpire && member.deadlineMs <= nowMs && group.member(member.id) === member) {
      removeMember(context, shard, group, member, 'session time-out')
    }
  }
  completeJoinIfAll(context, shard, group)
  if (group.joinDeadlineMs <= nowMs) endJoining(context, shard, group)
  if (group.syncDeadlineMs <= nowMs) endSyncing(context, shard, group)
  setAlarm(group)
  shard.dropIfTransient(group)
}

function prepare(context: GroupContext, group: Group, reason: string): void {
  const { clock, config, logger } = context
  if (group.state === 'CompletingRebalance') failAssignment(context, group, 'rebalance-in-progress')
  group.unsynced.clear()
  group.syncDeadlineMs = Number.POSITIVE_INFINITY
  const timeoutMs = group.rebalanceTimeoutMs()
  if (group.state === 'Empty') {
    const delayMs = config.initialRebalanceDelayMs
    group.gathering = { leftMs: Math.max(0, timeoutMs - delayMs), joinedSince: false }
    group.joinDeadlineMs = clock.monotonicMs() + delayMs
  } else {
    group.joinDeadlineMs = clock.monotonicMs() + timeoutMs
  }
  group.enter('PreparingRebalance', clock.nowMs())
  group.alarm.atLatest(group.joinDeadlineMs)
  logger.info('group rebalance started', {
    groupId: group.id,
    generation: group.generation,
    memberCount: group.size,
    reason,
  })
}

function expirePending(group: Group, nowMs: number): void {
  for (const [memberId, deadlineMs] of group.pendingMembers) {
    if (deadlineMs <= nowMs) group.pendingMembers.delete(memberId)
  }
}

/** The time for joining is over. While the first members still come, it is extended as far as they allow. */
function endJoining(context: GroupContext, shard: Shard, group: Group): void {
  const { gathering } = group
  if (gathering !== null && gathering.joinedSince && gathering.leftMs > 0) {
    const delayMs = Math.min(context.config.initialRebalanceDelayMs, gathering.leftMs)
    gathering.joinedSince = false
    gathering.leftMs -= delayMs
    group.joinDeadlineMs = context.clock.monotonicMs() + delayMs
    return
  }
  completeJoin(context, shard, group)
}

function completeJoin(context: GroupContext, shard: Shard, group: Group): void {
  group.gathering = null
  // A static member may be away for as long as its session lasts; a dynamic one that does not rejoin is gone.
  for (const member of Array.from(group.members())) {
    if (member.joinWaiter !== null || member.instanceId !== null) continue
    dismiss(group, member)
    context.logger.info('group member removed', { groupId: group.id, memberId: member.id, reason: 'did not rejoin' })
  }
  const nowMs = context.clock.monotonicMs()
  if (group.size > 0 && !group.electJoined()) {
    group.joinDeadlineMs = nowMs + group.rebalanceTimeoutMs()
    group.alarm.atLatest(group.joinDeadlineMs)
    return
  }
  group.joinDeadlineMs = Number.POSITIVE_INFINITY
  group.generation++
  if (group.size === 0) becomeEmpty(context, shard, group)
  else beginSyncing(context, group, nowMs)
}

function beginSyncing(context: GroupContext, group: Group, nowMs: number): void {
  group.protocolName = group.selectProtocol()
  group.enter('CompletingRebalance', context.clock.nowMs())
  for (const member of group.members()) {
    member.isNew = false
    group.unsynced.add(member.id)
    group.answerJoin(member, currentJoin(group, member))
    touch(context, group, member)
  }
  group.syncDeadlineMs = nowMs + group.rebalanceTimeoutMs()
  group.alarm.atLatest(group.syncDeadlineMs)
  context.logger.info('group generation started', {
    groupId: group.id,
    generation: group.generation,
    memberCount: group.size,
    protocol: group.protocolName,
    leader: group.leader ?? '',
  })
}

function becomeEmpty(context: GroupContext, shard: Shard, group: Group): void {
  group.protocolName = null
  group.enter('Empty', context.clock.nowMs())
  context.logger.info('group is empty', { groupId: group.id, generation: group.generation })
  void storeEmpty(context, shard, group)
}

/** Nobody waits for this: if it fails, a later coordinator finds the old members and lets their sessions run out. */
async function storeEmpty(context: GroupContext, shard: Shard, group: Group): Promise<void> {
  const error = await context.append(shard.partition, [context.records.group(group)])
  if (error !== null) context.logger.warn('group state not stored', { groupId: group.id, error })
}

/** Members that joined but never asked for their assignment hold up nothing but their own partitions: they go. */
function endSyncing(context: GroupContext, shard: Shard, group: Group): void {
  group.syncDeadlineMs = Number.POSITIVE_INFINITY
  const missing = Array.from(group.unsynced)
  group.unsynced.clear()
  if (missing.length === 0) return
  for (const memberId of missing) {
    // Whoever leaves sets off a rebalance, which clears the set: who is in it is a member.
    dismiss(group, group.member(memberId)!)
  }
  context.logger.info('group members removed', { groupId: group.id, count: missing.length, reason: 'did not sync' })
  rebalance(context, shard, group, 'members did not sync')
}

function setAlarm(group: Group): void {
  let nextMs = Math.min(group.joinDeadlineMs, group.syncDeadlineMs)
  for (const deadlineMs of group.pendingMembers.values()) nextMs = Math.min(nextMs, deadlineMs)
  for (const member of group.members()) {
    if (member.mayExpire) nextMs = Math.min(nextMs, member.deadlineMs)
  }
  if (nextMs < Number.POSITIVE_INFINITY) group.alarm.atLatest(nextMs)
}
