import { currentJoin, refusedJoin, refusedSync } from './answers.ts'
import { writeFailure } from './context.ts'
import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import type { Member, MemberTraits } from './member.ts'
import type { JoinAnswer, JoinRequest } from './messages.ts'
import { completeJoinIfAll, rebalance, touch } from './rebalance.ts'
import type { Shard } from './shard.ts'
import { asksForSame } from './subscription.ts'

type Answer = (answer: JoinAnswer) => void

/**
 * A static member (KIP-345) comes back without a member id: it takes the place of its predecessor under a new one. If
 * the group is stable and it asks for the same as before, there is no rebalance: it gets the old assignment with its
 * next sync, once the new id is in the log.
 */
export function rejoinStatic(
  context: GroupContext,
  shard: Shard,
  group: Group,
  member: Member,
  memberId: string,
  request: JoinRequest,
  traits: MemberTraits,
  answer: Answer,
): void {
  const before: Before = {
    memberId: member.id,
    leader: group.leader,
    traits: member.traits,
    metadata: member.metadataFor(group.protocolName),
  }
  // Whoever still waits under the old id is a process that was taken for dead: it must not go on.
  group.answerJoin(member, refusedJoin('fenced-instance-id', member.id))
  group.answerSync(member, refusedSync('fenced-instance-id'))
  group.replaceId(member, memberId)
  group.update(member, traits)
  touch(context, group, member)
  group.parkJoin(member, answer)
  context.logger.info('static group member replaced', { groupId: group.id, memberId, formerMemberId: before.memberId })
  const same = group.selectProtocol() === group.protocolName && asksForSame(group, before.metadata, member)
  if (group.state === 'Stable' && same) {
    void takeOver(context, shard, group, member, before, request.skipAssignmentSupported)
  } else {
    // In the assigning phase the leader may already have been told the old id, so it has to start over too.
    rebalance(context, shard, group, 'static member came back')
  }
}

interface Before {
  memberId: string
  leader: string | null
  traits: MemberTraits
  metadata: Uint8Array
}

async function takeOver(
  context: GroupContext,
  shard: Shard,
  group: Group,
  member: Member,
  before: Before,
  skipAssignmentSupported: boolean,
): Promise<void> {
  const { joinWaiter } = member
  const { generation } = group
  const error = await context.inTime(context.append(shard.partition, [context.records.group(group)]))
  // Meanwhile the coordinator may have stopped, the member may have left or been replaced again, or a rebalance may
  // have begun, in which the parked join takes part: then somebody else has answered or will.
  if (group.state !== 'Stable' || group.generation !== generation || member.joinWaiter !== joinWaiter) return
  if (error !== null) {
    context.logger.warn('group state not stored', { groupId: group.id, error })
    group.answerJoin(member, refusedJoin(writeFailure(error), ''))
    group.replaceId(member, before.memberId)
    group.update(member, before.traits)
    touch(context, group, member)
    completeJoinIfAll(context, shard, group)
    return
  }
  group.answerJoin(member, takenOver(group, member, before, skipAssignmentSupported))
  touch(context, group, member)
}

/**
 * The group keeps its assignment, so a returning leader must not make another one (KIP-814). A client that does not know
 * how to skip that is told the id under which it led: it takes somebody else for the leader and just syncs.
 */
function takenOver(group: Group, member: Member, before: Before, skipAssignmentSupported: boolean): JoinAnswer {
  const answer = currentJoin(group, member)
  if (group.leader !== member.id) return answer
  if (skipAssignmentSupported) return { ...answer, skipAssignment: true }
  return { ...answer, leader: before.leader ?? '', members: [] }
}
