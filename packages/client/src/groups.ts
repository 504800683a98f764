import { ConsumerProtocolAssignment, WireError, apis, decodeVersioned } from '@polylog/wire'
import { expectSuccess, refusal } from './client-error.ts'
import type { Cluster } from './cluster.ts'
import type { TopicPartition } from './fetcher.ts'
import { groupedBy } from './grouping.ts'

export interface GroupSummary {
  id: string
  /** `Stable`, `Empty`, `PreparingRebalance` …; empty if the broker is too old to say. */
  state: string
  protocolType: string
}

export interface GroupMember {
  id: string
  clientId: string
  host: string
  assigned: TopicPartition[]
}

export interface GroupDescription extends GroupSummary {
  /** Name of the assignor. */
  protocol: string
  coordinator: number
  members: GroupMember[]
}

export interface CommittedOffset extends TopicPartition {
  offset: number
}

const groupIdNotFound = 69

/** Groups that every broker of the cluster coordinates. @throws ClientError */
export async function listGroups(cluster: Cluster): Promise<GroupSummary[]> {
  const { brokers } = await cluster.describe([])
  const groups: GroupSummary[] = []
  for (const broker of brokers) {
    const answer = await cluster.broker(broker.id, apis[16], {})
    expectSuccess(answer.errorCode, `broker ${broker.id} cannot list groups`)
    for (const { groupId, groupState, protocolType } of answer.groups) {
      groups.push({ id: groupId, state: groupState, protocolType })
    }
  }
  return groups.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** @throws ClientError 'refused' (GROUP_ID_NOT_FOUND) if there is no such group */
export async function describeGroup(cluster: Cluster, id: string): Promise<GroupDescription> {
  const coordinator = await cluster.coordinatorOf(id)
  const answer = await cluster.broker(coordinator, apis[15], { groups: [id] })
  const group = answer.groups[0]
  // Before version 6 an unknown group is described as dead, without an error.
  if (group === undefined || group.groupState === 'Dead') throw refusal(groupIdNotFound, `there is no group "${id}"`)
  expectSuccess(group.errorCode, `cannot describe group "${id}"`, group.errorMessage)
  return {
    id,
    state: group.groupState,
    protocolType: group.protocolType,
    protocol: group.protocolData,
    coordinator,
    members: group.members.map(({ memberId, clientId, clientHost, memberAssignment }) => ({
      id: memberId,
      clientId,
      host: clientHost,
      assigned: assignedPartitions(memberAssignment),
    })),
  }
}

/** The offsets a group has committed, all of them. @throws ClientError */
export async function committedOffsets(cluster: Cluster, id: string): Promise<CommittedOffset[]> {
  const coordinator = await cluster.coordinatorOf(id)
  const answer = await cluster.broker(coordinator, apis[9], { groupId: id, topics: null })
  expectSuccess(answer.errorCode, `cannot read the offsets of group "${id}"`)
  const offsets: CommittedOffset[] = []
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, committedOffset, errorCode } of partitions) {
      expectSuccess(errorCode, `cannot read the offset of group "${id}" in partition ${partitionIndex} of "${name}"`)
      if (committedOffset >= 0) offsets.push({ topic: name, partition: partitionIndex, offset: committedOffset })
    }
  }
  return offsets.toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}

/**
 * Commits offsets for a group: as a member, or, without `member`, from outside, for which the group must be empty.
 * @throws ClientError 'refused'
 */
export async function commitOffsets(
  cluster: Cluster,
  id: string,
  offsets: readonly CommittedOffset[],
  member?: { coordinator: number; generation: number; memberId: string },
): Promise<void> {
  if (offsets.length === 0) return
  const coordinator = member?.coordinator ?? (await cluster.coordinatorOf(id))
  const answer = await cluster.broker(coordinator, apis[8], {
    groupId: id,
    generationIdOrMemberEpoch: member?.generation ?? -1,
    memberId: member?.memberId ?? '',
    topics: [...groupedBy(offsets, ({ topic }) => topic)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: '',
      })),
    })),
  })
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      expectSuccess(errorCode, `cannot commit the offset of group "${id}" in partition ${partitionIndex} of "${name}"`)
    }
  }
}

/** Removes a group without members, and its offsets. @throws ClientError 'refused' */
export async function deleteGroup(cluster: Cluster, id: string): Promise<void> {
  const answer = await cluster.broker(await cluster.coordinatorOf(id), apis[42], { groupsNames: [id] })
  for (const { errorCode } of answer.results) expectSuccess(errorCode, `cannot delete group "${id}"`)
}

/** Partitions in a member's assignment; none if it is of another protocol than consumers use. */
export function assignedPartitions(assignment: Uint8Array): TopicPartition[] {
  if (assignment.length === 0) return []
  try {
    return decodeVersioned(ConsumerProtocolAssignment, assignment).assignedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    )
  } catch (error) {
    if (error instanceof WireError) return []
    throw error
  }
}
