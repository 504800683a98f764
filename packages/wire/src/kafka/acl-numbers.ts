/** The numbers by which the protocol names what access rules are made of. */

/** org.apache.kafka.common.resource.ResourceType; 6 is a delegation token. */
export const aclResourceTypeNumbers = { topic: 2, group: 3, cluster: 4, 'transactional-id': 5, user: 7 } as const

/** org.apache.kafka.common.resource.PatternType */
export const aclPatternTypeNumbers = { match: 2, literal: 3, prefixed: 4 } as const

/** org.apache.kafka.common.acl.AclOperation */
export const aclOperationNumbers = {
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  'cluster-action': 9,
  'describe-configs': 10,
  'alter-configs': 11,
  'idempotent-write': 12,
  'create-tokens': 13,
  'describe-tokens': 14,
  'two-phase-commit': 15,
} as const

/** org.apache.kafka.common.acl.AclPermissionType */
export const aclPermissionNumbers = { deny: 2, allow: 3 } as const

/** In filters, of any kind: it does not matter. */
export const aclAny = 1
