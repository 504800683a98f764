import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { mayCluster, mayGroup } from '../permission.ts'

/** How share groups are called in lists. */
const shareTraits = { protocolType: 'share', type: 'share' } as const

/** The groups that this broker coordinates, by state and type if wanted. */
export const listGroups = defineHandler({
  api: apis[16],

  handle({ statesFilter, typesFilter }, context) {
    const { groups, shareGroups } = context.services
    const filter = { states: statesFilter, types: typesFilter }
    const listed = groups.list(filter)
    const shared = shareGroups.list(filter).map((each) => ({ ...each, ...shareTraits }))
    const all = [...listed.groups, ...shared]
    const seesAll = mayCluster(context, 'describe')
    const shown = seesAll ? all : all.filter((each) => mayGroup(context, 'describe', each.groupId))
    return {
      errorCode: kafkaErrorCode(listed.error),
      groups: shown.map(({ groupId, protocolType, state, type }) => ({
        groupId,
        protocolType,
        groupState: state,
        groupType: type,
      })),
    }
  },

  refuse: (errorCode) => ({ errorCode }),
})
