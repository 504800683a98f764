import type { ErrorCode } from '../errors/errors.ts'
import type { Group } from './group.ts'
import { noBytes } from './member.ts'
import type { Member } from './member.ts'
import type { JoinAnswer, PartitionErrors, SyncAnswer } from './messages.ts'

export function refusedJoin(error: ErrorCode, memberId: string): JoinAnswer {
  return {
    error,
    memberId,
    generation: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
  }
}

/** The group as it stands, for one of its members; only the leader learns who the others are. */
export function currentJoin(group: Group, member: Member): JoinAnswer {
  return {
    error: null,
    memberId: member.id,
    generation: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leader ?? '',
    skipAssignment: false,
    members: group.leader === member.id ? group.joinedMembers() : [],
  }
}

export function refusedSync(error: ErrorCode): SyncAnswer {
  return { error, protocolType: null, protocolName: null, assignment: noBytes }
}

export function currentSync(group: Group, member: Member): SyncAnswer {
  return {
    error: null,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  }
}

/** The same error for every partition of a request. */
export function refusedPartitions(
  error: ErrorCode,
  topics: readonly { topic: string; partitions: readonly (number | { partition: number })[] }[],
): PartitionErrors {
  return {
    error,
    topics: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((given) => ({
        partition: typeof given === 'number' ? given : given.partition,
        error,
      })),
    })),
  }
}
