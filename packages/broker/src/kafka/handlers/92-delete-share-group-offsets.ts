import { apis, uuidZero } from '@polylog/wire'
import { BrokerError, errorTable } from '../../errors/errors.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkGroup, mayTopic } from '../permission.ts'

/** Makes a share group without members forget topics (KIP-932). */
export const deleteShareGroupOffsets = defineHandler({
  api: apis[92],

  async handle({ groupId, topics }, context) {
    checkGroup(context, 'delete', groupId)
    const { shareGroups, groupProgress } = context.services
    const fault = shareGroups.changeFault(groupId)
    if (fault !== null) throw new BrokerError(fault)
    const responses = topics.map(async ({ topicName }) => {
      const { topicId, error } = mayTopic(context, 'read', topicName)
        ? await groupProgress.forget(groupId, topicName)
        : { topicId: uuidZero, error: 'topic-not-authorized' as const }
      const errorMessage = error === undefined ? null : errorTable[error].message
      return { topicName, topicId, errorCode: kafkaErrorCode(error), errorMessage }
    })
    return { errorCode: 0, responses: await Promise.all(responses) }
  },

  refuse: (errorCode, errorMessage) => ({ errorCode, errorMessage }),
})
