import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkGroup, checkTopic } from '../permission.ts'

/** A member of a share group joins, lives or leaves (KIP-932). */
export const shareGroupHeartbeat = defineHandler({
  api: apis[76],

  async handle(request, context) {
    const { groupId, memberId, memberEpoch, rackId, subscribedTopicNames } = request
    checkGroup(context, 'read', groupId)
    for (const name of new Set(subscribedTopicNames)) checkTopic(context, 'describe', name)
    const answer = await context.services.shareGroups.heartbeat({
      groupId,
      memberId,
      memberEpoch,
      rackId,
      subscribedTopicNames,
      clientId: context.clientId ?? '',
      clientHost: context.client.remote.host,
    })
    return {
      errorCode: kafkaErrorCode(answer.error),
      errorMessage: answer.detail,
      memberId: answer.error === null ? memberId : null,
      memberEpoch: answer.memberEpoch,
      heartbeatIntervalMs: answer.heartbeatIntervalMs,
      assignment: answer.assignment && { topicPartitions: answer.assignment },
    }
  },

  refuse: (errorCode, errorMessage) => ({ errorCode, errorMessage }),
})
