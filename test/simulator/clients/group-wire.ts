import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  apis,
  decodeVersioned,
  encodeVersioned,
} from '@polylog/wire'
import type { JoinGroupResponse } from '@polylog/wire'
import type { KnownTopic } from './catalogue.ts'
import type { WireConnection } from './wire-connection.ts'

/** A partition that a group member was given. */
export interface Share {
  topic: KnownTopic
  partition: number
}

const protocolType = 'consumer'
const protocolName = 'roundrobin'
const sessionTimeoutMs = 3000

/** Joins; waits until the coordinator has gathered the group. */
export function join(
  connection: WireConnection,
  groupId: string,
  memberId: string,
  topics: readonly KnownTopic[],
): Promise<JoinGroupResponse> {
  const subscription = { topics: topics.map(({ name }) => name), ownedPartitions: [] }
  const metadata = encodeVersioned(ConsumerProtocolSubscription, 1, subscription)
  const rebalanceTimeoutMs = 2 * sessionTimeoutMs
  const protocols = [{ name: protocolName, metadata }]
  const request = { groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId, protocolType, protocols }
  return connection.exchange(apis[11], 7, request, 3 * sessionTimeoutMs)
}

/** Hands in the assignment if this member leads; gives back its own share. */
export async function sync(
  connection: WireConnection,
  groupId: string,
  joined: JoinGroupResponse,
  topics: readonly KnownTopic[],
): Promise<{ errorCode: number; shares: Share[] }> {
  const { generationId, memberId } = joined
  const assignments = joined.leader === memberId ? assign(joined, topics) : []
  const request = { groupId, generationId, memberId, protocolType, protocolName, assignments }
  const answer = await connection.exchange(apis[14], 5, request, 3 * sessionTimeoutMs)
  if (answer.errorCode !== 0) return { errorCode: answer.errorCode, shares: [] }
  const { assignedPartitions } = decodeVersioned(ConsumerProtocolAssignment, answer.assignment)
  const shares = assignedPartitions.flatMap(({ topic: name, partitions }) => {
    const topic = topics.find((candidate) => candidate.name === name)
    if (topic === undefined) throw new Error(`assigned ${name}, which nobody subscribed to`)
    return partitions.map((partition) => ({ topic, partition }))
  })
  return { errorCode: 0, shares }
}

/** Partitions dealt out one by one, in the order of the topics. */
function assign(joined: JoinGroupResponse, topics: readonly KnownTopic[]) {
  const hands = joined.members.map(({ memberId }) => ({ memberId, partitions: new Map<string, number[]>() }))
  let turn = 0
  for (const { name, partitionCount } of topics) {
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const { partitions } = hands[turn % hands.length]!
      turn += 1
      partitions.set(name, [...(partitions.get(name) ?? []), partition])
    }
  }
  return hands.map(({ memberId, partitions }) => {
    const assignedPartitions = [...partitions].map(([topic, list]) => ({ topic, partitions: list }))
    return { memberId, assignment: encodeVersioned(ConsumerProtocolAssignment, 1, { assignedPartitions }) }
  })
}
