import type { ErrorCode } from '../errors/errors.ts'
import type { GroupContext } from './context.ts'
import type { Group } from './group.ts'
import { memberFault } from './member-check.ts'
import type { HeartbeatRequest } from './messages.ts'
import { touch } from './rebalance.ts'

/** A member is alive. 'rebalance-in-progress' asks it to join again; while an assignment is awaited all is well. */
export function heartbeat(context: GroupContext, group: Group, request: HeartbeatRequest): ErrorCode | null {
  if (group.state === 'Dead') return 'coordinator-not-available'
  const error = memberFault(group, request.memberId, request.instanceId)
  if (error !== null) return error
  if (request.generation !== group.generation) return 'illegal-generation'
  touch(context, group, group.member(request.memberId)!)
  return group.state === 'PreparingRebalance' ? 'rebalance-in-progress' : null
}
