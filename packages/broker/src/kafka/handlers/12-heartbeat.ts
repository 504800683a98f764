import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkGroup } from '../permission.ts'

/** Keeps a member in its group. */
export const heartbeat = defineHandler({
  api: apis[12],

  handle({ groupId, memberId, groupInstanceId, generationId }, context) {
    checkGroup(context, 'read', groupId)
    const { groups } = context.services
    const error = groups.heartbeat({ groupId, memberId, instanceId: groupInstanceId, generation: generationId })
    return { errorCode: kafkaErrorCode(error) }
  },

  refuse: (errorCode) => ({ errorCode }),
})
