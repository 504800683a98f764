import type { ErrorCode } from '../../errors/errors.ts'
import type { ShareContext } from './context.ts'
import { assignedTopics } from './heartbeat.ts'
import type { DescribedShareGroup, ShareGroupFilter } from './messages.ts'
import type { ShareGroup } from './share-group.ts'

export function describeShareGroup({ topics }: ShareContext, group: ShareGroup): DescribedShareGroup {
  const members = Array.from(group.members.values(), (member) => ({
    memberId: member.id,
    rackId: member.rackId,
    memberEpoch: member.epoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.subscribedTopicNames,
    assignment: assignedTopics(member.assignment).flatMap((assigned) => {
      const topic = topics.findById(assigned.topicId)
      return topic === undefined ? [] : { ...assigned, topicName: topic.name }
    }),
  }))
  return { error: null, groupId: group.id, state: group.state, epoch: group.epoch, members }
}

/** As described when it cannot be. A group that does not exist is Dead. */
export function undescribedShareGroup(groupId: string, error: ErrorCode): DescribedShareGroup {
  return { error, groupId, state: 'Dead', epoch: 0, members: [] }
}

export function isListed(group: ShareGroup, { states, types }: ShareGroupFilter): boolean {
  return isAmong('share', types) && isAmong(group.state, states)
}

function isAmong(name: string, wanted: readonly string[] | undefined): boolean {
  if (wanted === undefined || wanted.length === 0) return true
  return wanted.some((each) => each.toLowerCase() === name.toLowerCase())
}
