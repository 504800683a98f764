import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Removes the ACLs that filters match. */
export const DeleteAclsRequest = message(
  'DeleteAclsRequest',
  { apiKey: 31, versions: [1, 3], flexible: 2 },
  {
    filters: array(
      struct({
        /** Codes as in DescribeAcls. */
        resourceTypeFilter: int8,
        resourceNameFilter: string.nullable(),
        patternTypeFilter: int8.default(3),
        principalFilter: string.nullable(),
        hostFilter: string.nullable(),
        operation: int8,
        permissionType: int8,
      }),
    ),
  },
)
export type DeleteAclsRequest = Infer<typeof DeleteAclsRequest>

/** One result per filter, in request order, with the ACLs it removed. */
export const DeleteAclsResponse = message(
  'DeleteAclsResponse',
  { apiKey: 31, versions: [1, 3], flexible: 2 },
  {
    throttleTimeMs: int32,
    filterResults: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        matchingAcls: array(
          struct({
            errorCode: int16,
            errorMessage: string.nullable(),
            resourceType: int8,
            resourceName: string,
            patternType: int8.default(3),
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
export type DeleteAclsResponse = Infer<typeof DeleteAclsResponse>
