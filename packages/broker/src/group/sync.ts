import type { ErrorCode } from '../errors/errors.ts'
import { currentSync, refusedSync } from './answers.ts'
import { writeFailure } from './context.ts'
import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import { noBytes } from './member.ts'
import { memberFault } from './member-check.ts'
import type { SyncAnswer, SyncRequest } from './messages.ts'
import { failAssignment, rebalance, touch } from './rebalance.ts'
import type { Shard } from './shard.ts'

/**
 * A member asks for its assignment, and the leader brings everybody's. Followers wait for the leader; all are answered
 * when the log has the assignment, so that a later coordinator knows what members act upon.
 */
export function sync(
  context: GroupContext,
  shard: Shard,
  group: Group,
  request: SyncRequest,
  answer: (answer: SyncAnswer) => void,
): void {
  const error = syncFault(group, request)
  if (error !== null) return answer(refusedSync(error))
  const member = group.member(request.memberId)!
  group.unsynced.delete(member.id)
  if (group.state === 'Stable') {
    touch(context, group, member)
    return answer(currentSync(group, member))
  }
  // Like a repeated join: the connection of the first one has been given up.
  group.answerSync(member, refusedSync('rebalance-in-progress'))
  member.syncWaiter = answer
  if (group.leader !== member.id || group.generationStored === group.generation) return
  void storeAssignment(context, shard, group, request)
}

function syncFault(group: Group, request: SyncRequest): ErrorCode | null {
  if (group.state === 'Dead') return 'coordinator-not-available'
  const error = memberFault(group, request.memberId, request.instanceId)
  if (error !== null) return error
  if (request.generation !== group.generation) return 'illegal-generation'
  if (request.protocolType !== null && request.protocolType !== group.protocolType) return 'inconsistent-protocol'
  if (request.protocolName !== null && request.protocolName !== group.protocolName) return 'inconsistent-protocol'
  return group.state === 'PreparingRebalance' ? 'rebalance-in-progress' : null
}

async function storeAssignment(context: GroupContext, shard: Shard, group: Group, request: SyncRequest): Promise<void> {
  const { generation } = group
  const assignments = new Map<string, Uint8Array>()
  for (const member of group.members()) assignments.set(member.id, noBytes)
  for (const { memberId, assignment } of request.assignments) {
    // The copy outlives the network buffer that the request lies in.
    if (assignments.has(memberId)) assignments.set(memberId, new Uint8Array(assignment))
  }
  group.generationStored = generation
  const writing = context.append(shard.partition, [context.records.group(group, assignments)])
  const error = await context.inTime(writing)
  // While the log worked, members may have come or gone: then this assignment is void and the next one on its way.
  if (group.state !== 'CompletingRebalance' || group.generation !== generation) return
  if (error === null) return becomeStable(context, group, assignments)
  context.logger.warn('group assignment not stored', { groupId: group.id, generation, error })
  failAssignment(context, group, writeFailure(error))
  rebalance(context, shard, group, 'assignment not stored')
}

function becomeStable(context: GroupContext, group: Group, assignments: ReadonlyMap<string, Uint8Array>): void {
  group.enter('Stable', context.clock.nowMs())
  for (const member of group.members()) {
    member.assignment = assignments.get(member.id) ?? noBytes
    if (group.answerSync(member, currentSync(group, member))) touch(context, group, member)
  }
  context.logger.info('group is stable', { groupId: group.id, generation: group.generation, memberCount: group.size })
}
