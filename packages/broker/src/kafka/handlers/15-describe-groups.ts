import type { DescribeGroupsResponse, InferInput } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { errorTable } from '../../errors/errors.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import type { DescribedGroup } from '../../group/messages.ts'
import { groupOperations, operationsNotAsked } from '../authorized-operations.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { mayGroup } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

type GroupAnswer = NonNullable<InferInput<typeof DescribeGroupsResponse>['groups']>[number]

/** From this version on an unknown group is an error; before, it is a group in the state Dead. */
const notFoundSince = 6
const errorMessageSince = 6

/** Groups with their members. */
export const describeGroups = defineHandler({
  api: apis[15],

  handle({ groups, includeAuthorizedOperations }, context) {
    const visible = new Set(groups.filter((groupId) => mayGroup(context, 'describe', groupId)))
    const described = context.services.groups.describe([...visible])
    const hidden = [...new Set(groups)].filter((groupId) => !visible.has(groupId))
    return {
      groups: [
        ...described.map((group) => describe(group, includeAuthorizedOperations, context)),
        ...hidden.map((groupId) => ({ groupId, ...failure('group-not-authorized', context) })),
      ],
    }
  },

  refuse: (errorCode, _message, { groups }) => ({
    groups: groups.map((groupId) => ({ groupId, errorCode })),
  }),
})

function describe(group: DescribedGroup, wantsOperations: boolean, context: RequestContext): GroupAnswer {
  const isHidden = group.error === 'group-not-found' && context.apiVersion < notFoundSince
  return {
    ...failure(isHidden ? null : group.error, context),
    groupId: group.groupId,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: group.protocolName,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: member.metadata,
      memberAssignment: member.assignment,
    })),
    authorizedOperations: wantsOperations ? groupOperations(context, group.groupId) : operationsNotAsked,
  }
}

function failure(error: ErrorCode | null, { apiVersion }: RequestContext) {
  const errorMessage = error === null || apiVersion < errorMessageSince ? null : errorTable[error].message
  return { errorCode: kafkaErrorCode(error), errorMessage }
}
