import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Lists the ACLs that a filter matches; a null name, principal or host matches any. */
export const DescribeAclsRequest = message(
  'DescribeAclsRequest',
  { apiKey: 29, versions: [1, 3], flexible: 2 },
  {
    /** 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user. */
    resourceTypeFilter: int8,
    resourceNameFilter: string.nullable(),
    /** 1 any, 2 match (all that would apply to the name), 3 literal, 4 prefixed. */
    patternTypeFilter: int8.default(3),
    principalFilter: string.nullable(),
    hostFilter: string.nullable(),
    /**
     * 1 any, 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action, 10 describe configs,
     * 11 alter configs, 12 idempotent write, 13 create tokens, 14 describe tokens.
     */
    operation: int8,
    /** 1 any, 2 deny, 3 allow. */
    permissionType: int8,
  },
)
export type DescribeAclsRequest = Infer<typeof DescribeAclsRequest>

/** Matching ACLs, grouped by resource pattern. */
export const DescribeAclsResponse = message(
  'DescribeAclsResponse',
  { apiKey: 29, versions: [1, 3], flexible: 2 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        patternType: int8.default(3),
        acls: array(
          struct({
            principal: string,
            host: string,
            operation: int8,
            permissionType: int8,
          }),
        ),
      }),
    ),
  },
)
export type DescribeAclsResponse = Infer<typeof DescribeAclsResponse>
