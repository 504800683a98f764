import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'

/** Deletes groups without members, and what they have committed. */
export const deleteGroups = defineHandler({
  api: apis[42],

  async handle({ groupsNames }, context) {
    const deleted = await context.services.groups.deleteGroups([...new Set(groupsNames)])
    return { results: deleted.map(({ groupId, error }) => ({ groupId, errorCode: kafkaErrorCode(error) })) }
  },

  refuse: (errorCode, _message, { groupsNames }) => ({
    results: groupsNames.map((groupId) => ({ groupId, errorCode })),
  }),
})
