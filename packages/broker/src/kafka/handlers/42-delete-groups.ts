import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { mayGroup } from '../permission.ts'

/** Deletes groups without members, and what they have committed. */
export const deleteGroups = defineHandler({
  api: apis[42],

  async handle({ groupsNames }, context) {
    const asked = new Set(groupsNames)
    const allowed = [...asked].filter((groupId) => mayGroup(context, 'delete', groupId))
    const { groups, shareGroups, groupProgress } = context.services
    const shared = allowed.filter((groupId) => shareGroups.has(groupId))
    const others = allowed.filter((groupId) => !shared.includes(groupId))
    const [deleted, ...deletedShared] = await Promise.all([
      groups.deleteGroups(others),
      ...shared.map(async (groupId) => ({ groupId, error: await groupProgress.deleteGroup(groupId) })),
    ])
    for (const groupId of allowed) asked.delete(groupId)
    const refused = [...asked].map((groupId) => ({ groupId, error: 'group-not-authorized' as const }))
    const results = [...deleted, ...deletedShared, ...refused]
    return { results: results.map(({ groupId, error }) => ({ groupId, errorCode: kafkaErrorCode(error) })) }
  },

  refuse: (errorCode, _message, { groupsNames }) => ({
    results: groupsNames.map((groupId) => ({ groupId, errorCode })),
  }),
})
