import type { DeleteAclsRequest, Infer } from '@polylog/wire'
import { apis } from '@polylog/wire'
import type { AclDeletion } from '../../auth/acl-admin.ts'
import type { AclFilter } from '../../auth/acl-filter.ts'
import { BrokerError } from '../../errors/errors.ts'
import { describeEntry, describePattern, filterOf } from '../acl-numbers.ts'
import type { NumberedFilter } from '../acl-numbers.ts'
import { aclsOf } from '../acl-source.ts'
import { defineHandler } from '../handler.ts'
import { checkCluster } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'
import { describeFailure } from '../serve.ts'

type Request = Infer<typeof DeleteAclsRequest>

/** Removes the access rules that filters mean, and says which those were. */
export const deleteAcls = defineHandler({
  api: apis[31],

  async handle({ filters }: Request, context) {
    checkCluster(context, 'alter')
    const acls = aclsOf(context)
    const asked = filters.map(filterOrFault)
    const meant = asked.flatMap((each) => (each === undefined || each instanceof BrokerError ? [] : [each]))
    const deletions = (await acls.delete(meant)).values()
    const filterResults = asked.map((each) => {
      if (each instanceof BrokerError) {
        const { errorCode, message } = describeFailure(each, context)
        return { errorCode, errorMessage: message, matchingAcls: [] }
      }
      const deleted = each === undefined ? [] : deletions.next().value!
      return { errorCode: 0, errorMessage: null, matchingAcls: deleted.map((one) => describeDeletion(one, context)) }
    })
    return { filterResults }
  },

  // The answer has no error of the whole: each filter then says it.
  refuse: (errorCode, errorMessage, { filters }: Request) => ({
    filterResults: filters.map(() => ({ errorCode, errorMessage, matchingAcls: [] })),
  }),
})

function filterOrFault(asked: NumberedFilter): AclFilter | BrokerError | undefined {
  try {
    return filterOf(asked)
  } catch (error) {
    if (error instanceof BrokerError) return error
    throw error
  }
}

function describeDeletion({ rule, error }: AclDeletion, context: RequestContext) {
  const failure = error && describeFailure(error, context)
  return {
    errorCode: failure?.errorCode ?? 0,
    errorMessage: failure?.message ?? null,
    ...describePattern(rule),
    ...describeEntry(rule),
  }
}
