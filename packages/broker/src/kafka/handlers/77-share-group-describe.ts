import type { InferInput, ShareGroupDescribeResponse } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { errorTable } from '../../errors/errors.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import { assignorName } from '../../queue/share-groups/assignor.ts'
import type { DescribedShareGroup } from '../../queue/share-groups/messages.ts'
import { groupOperations, operationsNotAsked } from '../authorized-operations.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { mayGroup, mayTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

type GroupAnswer = NonNullable<InferInput<typeof ShareGroupDescribeResponse>['groups']>[number]

/** Share groups with their members (KIP-932). */
export const shareGroupDescribe = defineHandler({
  api: apis[77],

  handle({ groupIds, includeAuthorizedOperations }, context) {
    const groups = [...new Set(groupIds)].map((groupId) => {
      if (!mayGroup(context, 'describe', groupId)) return refusal(groupId, 'group-not-authorized')
      const [group] = context.services.shareGroups.describe([groupId])
      return answer(group!, includeAuthorizedOperations, context)
    })
    return { groups }
  },

  refuse: (errorCode, errorMessage, { groupIds }) => ({
    groups: groupIds.map((groupId) => ({ groupId, errorCode, errorMessage })),
  }),
})

function refusal(groupId: string, error: ErrorCode, detail?: string): GroupAnswer {
  return { groupId, errorCode: kafkaErrorCode(error), errorMessage: detail ?? errorTable[error].message }
}

function answer(group: DescribedShareGroup, wantsOperations: boolean, context: RequestContext): GroupAnswer {
  const { groupId, error, state, epoch, members } = group
  if (error !== null) {
    return refusal(groupId, error, error === 'group-not-found' ? `Group ${groupId} not found.` : undefined)
  }
  const names = new Set(members.flatMap(({ subscribedTopicNames }) => subscribedTopicNames))
  for (const name of names) {
    // Members would tell of a topic that the client must not know of.
    if (!mayTopic(context, 'describe', name)) return refusal(groupId, 'topic-not-authorized')
  }
  return {
    errorCode: 0,
    groupId,
    groupState: state,
    groupEpoch: epoch,
    assignmentEpoch: epoch,
    assignorName,
    members: members.map(({ assignment, ...member }) => ({
      ...member,
      assignment: { topicPartitions: assignment },
    })),
    authorizedOperations: wantsOperations ? groupOperations(context, groupId) : operationsNotAsked,
  }
}
