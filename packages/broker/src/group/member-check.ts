import type { ErrorCode } from '../errors/errors.ts'
import type { Group } from './group.ts'

/**
 * What is wrong with a request that claims to be from a member: an instance id must belong to the member id
 * ('fenced-instance-id' if another member has taken it over, KIP-345), and the member id must be known.
 */
export function memberFault(group: Group, memberId: string, instanceId: string | null): ErrorCode | null {
  if (instanceId !== null) {
    const holder = group.memberIdOf(instanceId)
    if (holder === undefined) return 'unknown-member'
    if (holder !== memberId) return 'fenced-instance-id'
  }
  return group.member(memberId) === undefined ? 'unknown-member' : null
}
