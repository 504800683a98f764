import { apis } from '@polylog/wire'
import { errorTable } from '../../errors/errors.ts'
import { groupOperations, operationsNotAsked } from '../authorized-operations.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'

/** From this version on an unknown group is an error; before, it is a group in the state Dead. */
const notFoundSince = 6
const errorMessageSince = 6

/** Groups with their members. */
export const describeGroups = defineHandler({
  api: apis[15],

  handle({ groups, includeAuthorizedOperations }, context) {
    const authorizedOperations = includeAuthorizedOperations ? groupOperations : operationsNotAsked
    const described = context.services.groups.describe(groups)
    return {
      groups: described.map((group) => {
        const isHidden = group.error === 'group-not-found' && context.apiVersion < notFoundSince
        const error = isHidden ? null : group.error
        return {
          errorCode: kafkaErrorCode(error),
          errorMessage: error === null || context.apiVersion < errorMessageSince ? null : errorTable[error].message,
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
          authorizedOperations,
        }
      }),
    }
  },

  refuse: (errorCode, _message, { groups }) => ({
    groups: groups.map((groupId) => ({ groupId, errorCode })),
  }),
})
