import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkGroup } from '../permission.ts'

/** From this version on several members leave at once (KIP-345); before, the one member's error is the answer's. */
const batchedSince = 3

/** Removes members from a group. */
export const leaveGroup = defineHandler({
  api: apis[13],

  handle({ groupId, memberId, members }, context) {
    checkGroup(context, 'read', groupId)
    const isBatched = context.apiVersion >= batchedSince
    const leaving = isBatched ? members : [{ memberId, groupInstanceId: null, reason: null }]
    const left = context.services.groups.leave({
      groupId,
      members: leaving.map((each) => ({
        memberId: each.memberId,
        instanceId: each.groupInstanceId,
        reason: each.reason,
      })),
    })
    if (!isBatched) return { errorCode: kafkaErrorCode(left.error ?? left.members[0]?.error) }
    return {
      errorCode: kafkaErrorCode(left.error),
      members: left.members.map((each) => ({
        memberId: each.memberId,
        groupInstanceId: each.instanceId,
        errorCode: kafkaErrorCode(each.error),
      })),
    }
  },

  refuse: (errorCode) => ({ errorCode }),
})
