import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Adds ACLs. */
export const CreateAclsRequest = message(
  'CreateAclsRequest',
  { apiKey: 30, versions: [1, 3], flexible: 2 },
  {
    creations: array(
      struct({
        /** Codes as in DescribeAcls. */
        resourceType: int8,
        resourceName: string,
        resourcePatternType: int8.default(3),
        /** `User:name`, or `User:*` for everybody. */
        principal: string,
        /** An address, or `*` for every host. */
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    ),
  },
)
export type CreateAclsRequest = Infer<typeof CreateAclsRequest>

/** One result per creation, in request order. */
export const CreateAclsResponse = message(
  'CreateAclsResponse',
  { apiKey: 30, versions: [1, 3], flexible: 2 },
  {
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    ),
  },
)
export type CreateAclsResponse = Infer<typeof CreateAclsResponse>
