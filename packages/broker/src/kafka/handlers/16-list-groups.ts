import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'

/** The groups that this broker coordinates, by state and type if wanted. */
export const listGroups = defineHandler({
  api: apis[16],

  handle({ statesFilter, typesFilter }, context) {
    const listed = context.services.groups.list({ states: statesFilter, types: typesFilter })
    return {
      errorCode: kafkaErrorCode(listed.error),
      groups: listed.groups.map(({ groupId, protocolType, state, type }) => ({
        groupId,
        protocolType,
        groupState: state,
        groupType: type,
      })),
    }
  },

  refuse: (errorCode) => ({ errorCode }),
})
