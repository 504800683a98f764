import type { DescribeAclsRequest, DescribeAclsResponse, Infer, InferInput } from '@polylog/wire'
import { apis } from '@polylog/wire'
import type { AclRule } from '../../image/acl.ts'
import { describeEntry, describePattern, filterOf } from '../acl-numbers.ts'
import { aclsOf } from '../acl-source.ts'
import { defineHandler } from '../handler.ts'
import { checkCluster } from '../permission.ts'

type Request = Infer<typeof DescribeAclsRequest>
type Response = InferInput<typeof DescribeAclsResponse>

/** The access rules that a filter means, put together by what they are about. */
export const describeAcls = defineHandler({
  api: apis[29],

  handle(request: Request, context): Response {
    checkCluster(context, 'describe')
    const acls = aclsOf(context)
    const filter = filterOf(request)
    const byPattern = Map.groupBy(filter === undefined ? [] : acls.list(filter), patternKey)
    const resources = [...byPattern.values()].map((rules) => ({
      ...describePattern(rules[0]!),
      acls: rules.map(describeEntry),
    }))
    return { errorCode: 0, errorMessage: null, resources }
  },

  refuse: (errorCode, errorMessage) => ({ errorCode, errorMessage, resources: [] }),
})

/** Neither of the first two has a colon in it. */
function patternKey({ resourceType, patternType, resourceName }: AclRule): string {
  return `${resourceType}:${patternType}:${resourceName}`
}
