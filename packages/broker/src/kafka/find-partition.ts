import type { ErrorCode } from '../errors/errors.ts'
import type { Partition } from '../topic/partition.ts'
import type { Topics } from '../topic/topics.ts'

/** The partition, if this broker leads it, or why there is none to work with. */
export function findPartition(topics: Topics, name: string, index: number): Partition | ErrorCode {
  return topics.partition(name, index) ?? findMissingReason(topics, name, index)
}

function findMissingReason(topics: Topics, name: string, index: number): ErrorCode {
  const state = topics.find(name)?.partitions[index]
  if (state === undefined) return 'unknown-topic'
  return state.leader === -1 ? 'leader-not-available' : 'not-leader'
}

/** Compares the epoch a client believes in (-1: it does not say) with the one in force (KIP-320). */
export function findEpochFault(partition: Partition, currentLeaderEpoch: number): ErrorCode | undefined {
  if (currentLeaderEpoch < 0 || currentLeaderEpoch === partition.leaderEpoch) return undefined
  return currentLeaderEpoch < partition.leaderEpoch ? 'fenced-leader-epoch' : 'unknown-leader-epoch'
}

/** The leader that a client shall turn to (KIP-951); undefined if nobody knows it. */
export function findLeader(
  topics: Topics,
  name: string,
  index: number,
): { leaderId: number; leaderEpoch: number } | undefined {
  const state = topics.find(name)?.partitions[index]
  return state === undefined ? undefined : { leaderId: state.leader, leaderEpoch: state.leaderEpoch }
}
