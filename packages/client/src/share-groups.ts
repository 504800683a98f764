import { apis } from '@polylog/wire'
import { expectSuccess } from './client-error.ts'
import type { Cluster } from './cluster.ts'
import type { TopicPartition } from './fetcher.ts'
import type { GroupMember } from './groups.ts'

export interface ShareGroupDescription {
  id: string
  /** `Stable`, `Empty` or `Dead`. */
  state: string
  coordinator: number
  members: GroupMember[]
  progress: ShareProgress[]
}

/** How far a share group is in a partition. */
export interface ShareProgress extends TopicPartition {
  /** First offset that is not settled; -1 if the group has not begun. */
  start: number
  /** Messages that are not settled; -1 if unknown. */
  lag: number
}

const groupIdNotFound = 69

/** Undefined if there is no share group of this name. @throws ClientError */
export async function describeShareGroup(cluster: Cluster, id: string): Promise<ShareGroupDescription | undefined> {
  const coordinator = await cluster.coordinatorOf(id)
  const answer = await cluster.broker(coordinator, apis[77], { groupIds: [id] })
  const group = answer.groups[0]
  if (group === undefined || group.errorCode === groupIdNotFound) return undefined
  expectSuccess(group.errorCode, `cannot describe share group "${id}"`, group.errorMessage)
  const members = group.members.map(({ memberId, clientId, clientHost, assignment }) => ({
    id: memberId,
    clientId,
    host: clientHost,
    assigned: assignment.topicPartitions.flatMap(({ topicName: topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    ),
  }))
  return { id, state: group.groupState, coordinator, members, progress: await progressOf(cluster, coordinator, id) }
}

async function progressOf(cluster: Cluster, coordinator: number, id: string): Promise<ShareProgress[]> {
  const answer = await cluster.broker(coordinator, apis[90], { groups: [{ groupId: id, topics: null }] })
  const group = answer.groups[0]!
  expectSuccess(group.errorCode, `cannot read the progress of share group "${id}"`, group.errorMessage)
  return group.topics.flatMap(({ topicName: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, startOffset: start, lag, errorCode, errorMessage }) => {
      const what = `cannot read the progress of share group "${id}" in partition ${partition} of "${topic}"`
      expectSuccess(errorCode, what, errorMessage)
      return { topic, partition, start, lag }
    }),
  )
}

/** Sets where a share group without members goes on in a topic. @throws ClientError 'refused' (NON_EMPTY_GROUP) */
export async function setShareGroupOffsets(
  cluster: Cluster,
  id: string,
  topic: string,
  offsets: readonly { partition: number; offset: number }[],
): Promise<void> {
  const coordinator = await cluster.coordinatorOf(id)
  const partitions = offsets.map(({ partition, offset }) => ({ partitionIndex: partition, startOffset: offset }))
  const answer = await cluster.broker(coordinator, apis[91], {
    groupId: id,
    topics: [{ topicName: topic, partitions }],
  })
  const what = `cannot set the offsets of share group "${id}"`
  expectSuccess(answer.errorCode, what, answer.errorMessage)
  for (const each of answer.responses.flatMap((response) => response.partitions)) {
    expectSuccess(each.errorCode, `${what} in partition ${each.partitionIndex} of "${topic}"`, each.errorMessage)
  }
}
