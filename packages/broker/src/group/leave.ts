import type { ErrorCode } from '../errors/errors.ts'
import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import { memberFault } from './member-check.ts'
import type { LeavingMember } from './messages.ts'
import { completeJoinIfAll, removeMember } from './rebalance.ts'
import type { Shard } from './shard.ts'

/** Takes a member out for good, a static one too; also one that has so far only been promised an id. */
export function leave(context: GroupContext, shard: Shard, group: Group, leaving: LeavingMember): ErrorCode | null {
  const { instanceId } = leaving
  if (leaving.memberId !== '' && group.pendingMembers.delete(leaving.memberId)) {
    completeJoinIfAll(context, shard, group)
    shard.dropIfTransient(group)
    return null
  }
  const holder = instanceId === null ? undefined : group.memberIdOf(instanceId)
  const memberId = leaving.memberId === '' ? (holder ?? '') : leaving.memberId
  const error = memberFault(group, memberId, instanceId)
  if (error !== null) return error
  removeMember(context, shard, group, group.member(memberId)!, 'left')
  return null
}
