import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkGroup } from '../permission.ts'

/** Brings the leader's assignment and fetches the member's own; answered when the leader has brought it. */
export const syncGroup = defineHandler({
  api: apis[14],

  async handle(request, context) {
    checkGroup(context, 'read', request.groupId)
    // The request's memory is used again when this call returns, and the group keeps the assignments.
    const assignments = request.assignments.map(({ memberId, assignment }) => ({
      memberId,
      assignment: Buffer.from(assignment),
    }))
    const synced = await context.services.groups.sync({
      groupId: request.groupId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      generation: request.generationId,
      protocolType: request.protocolType,
      protocolName: request.protocolName,
      assignments,
    })
    // The rules may have changed while the leader was waited for.
    checkGroup(context, 'read', request.groupId)
    const { protocolType, protocolName, assignment } = synced
    return { errorCode: kafkaErrorCode(synced.error), protocolType, protocolName, assignment }
  },

  refuse: (errorCode) => ({ errorCode }),
})
