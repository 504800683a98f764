import { apis, uuidZero } from '@polylog/wire'
import { BrokerError, errorTable } from '../../errors/errors.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkGroup, mayTopic } from '../permission.ts'

/** Sets where a share group without members goes on, or will begin (KIP-932). */
export const alterShareGroupOffsets = defineHandler({
  api: apis[91],

  async handle({ groupId, topics }, context) {
    checkGroup(context, 'read', groupId)
    const { shareGroups, groupProgress } = context.services
    const fault = (await shareGroups.ensure(groupId)) ?? shareGroups.changeFault(groupId)
    if (fault !== null) throw new BrokerError(fault)
    const responses = topics.map(async ({ topicName, partitions }) => {
      const offsets = partitions.map(({ partitionIndex: index, startOffset }) => ({ index, startOffset }))
      const { topicId, errors } = mayTopic(context, 'read', topicName)
        ? await groupProgress.reset(groupId, topicName, offsets)
        : { topicId: uuidZero, errors: partitions.map(() => 'topic-not-authorized' as const) }
      return {
        topicName,
        topicId,
        partitions: partitions.map(({ partitionIndex }, at) => ({ partitionIndex, ...outcome(errors[at]) })),
      }
    })
    return { errorCode: 0, responses: await Promise.all(responses) }
  },

  refuse: (errorCode, errorMessage) => ({ errorCode, errorMessage }),
})

function outcome(error: ErrorCode | undefined) {
  return { errorCode: kafkaErrorCode(error), errorMessage: error === undefined ? null : errorTable[error].message }
}
