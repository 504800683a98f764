/** What access rules speak of, by the names that Kafka gives in capitals: `TRANSACTIONAL_ID` is `transactional-id` here. */
export const resourceTypes = ['topic', 'group', 'cluster', 'transactional-id', 'user'] as const
export type ResourceType = (typeof resourceTypes)[number]

/** Whether a rule is about one resource (or all: the name `*`), or about all whose names begin with its own (KIP-290). */
export const patternTypes = ['literal', 'prefixed'] as const
export type PatternType = (typeof patternTypes)[number]

/** What somebody may do with a resource. */
export const operations = [
  'read',
  'write',
  'create',
  'delete',
  'alter',
  'describe',
  'cluster-action',
  'describe-configs',
  'alter-configs',
  'idempotent-write',
  'create-tokens',
  'describe-tokens',
  'two-phase-commit',
] as const
export type Operation = (typeof operations)[number]

export const permissions = ['allow', 'deny'] as const
export type Permission = (typeof permissions)[number]

/** The name that stands for all resources of a type, and the host that stands for all. */
export const wildcard = '*'

/** The principal of rules about everybody. */
export const everybody = 'User:*'

/** The only name of a resource of type `cluster`. */
export const clusterResource = 'kafka-cluster'

/** One access rule, Kafka's AclBinding. Immutable. */
export interface AclRule {
  readonly resourceType: ResourceType
  readonly resourceName: string
  readonly patternType: PatternType
  /** `User:alice`, or `User:*` for everybody. */
  readonly principal: string
  /** An IP address, or `*`. */
  readonly host: string
  readonly operation: Operation | 'all'
  readonly permission: Permission
}

/** What stands under one key of the metadata store. */
export interface StoredAcl {
  /** What is in force for it: the rule, or those in its place. */
  readonly rules: readonly AclRule[]
  /** Why it cannot be read; undefined if it can. */
  readonly fault: string | undefined
}

/** All of a rule stands in its key as well, so that the same rule made twice is one. */
export function aclId({ principal, host, operation, permission }: AclRule): string {
  return [permission, operation, host, principal].map(encodeURIComponent).join(',')
}

export function encodeAcl(rule: AclRule): string {
  const { resourceType, resourceName, patternType, principal, host, operation, permission } = rule
  return JSON.stringify({ resourceType, resourceName, patternType, principal, host, operation, permission })
}

/** @throws Error if the value is no rule that this program understands */
export function decodeAcl(value: string): AclRule {
  const found = JSON.parse(value) as Partial<Record<keyof AclRule, unknown>> | null
  if (typeof found !== 'object' || found === null) throw new Error('the value is no rule')
  return {
    resourceType: oneOf(resourceTypes, found.resourceType, 'resourceType'),
    resourceName: text(found.resourceName, 'resourceName'),
    patternType: oneOf(patternTypes, found.patternType, 'patternType'),
    principal: text(found.principal, 'principal'),
    host: text(found.host, 'host'),
    operation: found.operation === 'all' ? 'all' : oneOf(operations, found.operation, 'operation'),
    permission: oneOf(permissions, found.permission, 'permission'),
  }
}

/** Where a rule lies, but for its id: what it is about can be told from its key alone. */
export function aclPlace({
  resourceType,
  patternType,
  resourceName,
}: Pick<AclRule, 'resourceType' | 'patternType' | 'resourceName'>): string {
  return `${resourceType}/${patternType}/${encodeURIComponent(resourceName)}/`
}

/**
 * Reads a rule. In the place of one that cannot be read, everybody is denied everything with what its key names, as it may
 * have been a denial; with everything there is, if the key does not say it either. (Super users are not asked.)
 *
 * @param path the key without the prefix of all rules
 */
export function readAcl(path: string, value: string): StoredAcl {
  try {
    const rule = decodeAcl(value)
    if (!path.startsWith(aclPlace(rule))) throw new Error('the key is for another resource than the rule')
    return { rules: [rule], fault: undefined }
  } catch (error) {
    return { rules: denialsOf(path), fault: error instanceof Error ? error.message : String(error) }
  }
}

function denialsOf(path: string): readonly AclRule[] {
  const denial = { principal: everybody, host: wildcard, operation: 'all', permission: 'deny' } as const
  const [typeWord, patternWord, nameWord = '', ...id] = path.split('/')
  const resourceType = resourceTypes.find((each) => each === typeWord)
  const patternType = patternTypes.find((each) => each === patternWord)
  const resourceName = decoded(nameWord)
  if (resourceType !== undefined && patternType !== undefined && resourceName !== '' && id.length === 1) {
    return [{ resourceType, patternType, resourceName, ...denial }]
  }
  return resourceTypes.map((type) => ({
    resourceType: type,
    patternType: 'literal',
    resourceName: wildcard,
    ...denial,
  }))
}

/** Empty if it is nothing that a key holds. */
function decoded(word: string): string {
  try {
    return decodeURIComponent(word)
  } catch {
    return ''
  }
}

function oneOf<const W extends string>(words: readonly W[], value: unknown, field: string): W {
  const word = words.find((each) => each === value)
  if (word === undefined) throw new Error(`the rule has an unknown ${field}`)
  return word
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`the rule has no ${field}`)
  return value
}
