import type { ErrorCode } from '../errors/errors.ts'
import type { Partition } from '../topic/partition.ts'
import type { Topics } from '../topic/topics.ts'
import { findNode } from './broker-node.ts'
import type { BrokerNode } from './broker-node.ts'
import type { RequestContext } from './request-context.ts'

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

/** Whether nobody can say what stands at `offset`: the log ends there or before, and lacks records that it had. */
export function isLost(partition: Partition, offset: number): boolean {
  return partition.missingRecords !== undefined && offset >= partition.logEndOffset
}

export interface LeaderHint {
  readonly leaderId: number
  readonly leaderEpoch: number
}

/** Which leaders the clients of one answer shall turn to, and where those are (KIP-951). */
export class LeaderHints {
  readonly #context: RequestContext
  readonly #leaders = new Set<number>()

  constructor(context: RequestContext) {
    this.#context = context
  }

  /** The leader to name for a partition; undefined if nobody knows it. */
  find(name: string, index: number): LeaderHint | undefined {
    const state = this.#context.services.topics.find(name)?.partitions[index]
    if (state === undefined) return undefined
    this.#leaders.add(state.leader)
    return { leaderId: state.leader, leaderEpoch: state.leaderEpoch }
  }

  /** Addresses of the leaders that were named. */
  endpoints(): BrokerNode[] {
    return [...this.#leaders].flatMap((id) => findNode(this.#context, id) ?? [])
  }
}
