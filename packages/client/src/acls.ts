import {
  aclAny as any,
  aclOperationNumbers as operationNumbers,
  aclPatternTypeNumbers as patternTypeNumbers,
  aclPermissionNumbers as permissionNumbers,
  aclResourceTypeNumbers as resourceTypeNumbers,
  apis,
} from '@polylog/wire'
import { expectSuccess } from './client-error.ts'
import type { Cluster } from './cluster.ts'

/** What a rule is about. */
export type AclResourceType = keyof typeof resourceTypeNumbers
export const aclResourceTypes = Object.keys(resourceTypeNumbers) as readonly AclResourceType[]

export type AclOperation = keyof typeof operationNumbers
export const aclOperations = Object.keys(operationNumbers) as readonly AclOperation[]

/** Who may, or may not, do what. */
export interface AclRule {
  resourceType: AclResourceType
  /** `*` for all, unless it is a prefix; `kafka-cluster` for the cluster. */
  resourceName: string
  patternType: 'literal' | 'prefixed'
  /** `User:alice`, or `User:*`. */
  principal: string
  /** An IP address, or `*`. */
  host: string
  operation: AclOperation
  permission: 'allow' | 'deny'
}

/** Which rules are meant; what is left out does not matter. `match`: all rules that count for the name. */
export type AclFilter = Partial<Omit<AclRule, 'patternType'>> & { patternType?: AclRule['patternType'] | 'match' }

interface NumberedPattern {
  resourceType: number
  resourceName: string
  patternType: number
}

interface NumberedEntry {
  principal: string
  host: string
  operation: number
  permissionType: number
}

/** The rules that a filter means. @throws ClientError 'refused' */
export async function listAcls(cluster: Cluster, filter: AclFilter = {}): Promise<AclRule[]> {
  const answer = await cluster.any(apis[29], numbersOf(filter))
  expectSuccess(answer.errorCode, 'cannot list access rules', answer.errorMessage)
  return answer.resources.flatMap(({ acls, ...pattern }) => acls.map((entry) => ruleOf(pattern, entry)))
}

/** Makes rules; those that exist stay. @throws ClientError 'refused' at the first that could not be made */
export async function createAcls(cluster: Cluster, rules: readonly AclRule[]): Promise<void> {
  const creations = rules.map((rule) => ({
    resourceType: resourceTypeNumbers[rule.resourceType],
    resourceName: rule.resourceName,
    resourcePatternType: patternTypeNumbers[rule.patternType],
    principal: rule.principal,
    host: rule.host,
    operation: operationNumbers[rule.operation],
    permissionType: permissionNumbers[rule.permission],
  }))
  const answer = await cluster.controller(apis[30], { creations })
  for (const { errorCode, errorMessage } of answer.results) {
    expectSuccess(errorCode, 'cannot make the access rule', errorMessage)
  }
}

/** Removes the rules that a filter means; returns those. @throws ClientError 'refused' */
export async function deleteAcls(cluster: Cluster, filter: AclFilter): Promise<AclRule[]> {
  const answer = await cluster.controller(apis[31], { filters: [numbersOf(filter)] })
  return answer.filterResults.flatMap(({ errorCode, errorMessage, matchingAcls }) => {
    expectSuccess(errorCode, 'cannot remove access rules', errorMessage)
    return matchingAcls.map((found) => {
      expectSuccess(found.errorCode, 'cannot remove an access rule', found.errorMessage)
      return ruleOf(found, found)
    })
  })
}

function numbersOf(filter: AclFilter) {
  const { resourceType, resourceName, patternType, principal, host, operation, permission } = filter
  return {
    resourceTypeFilter: resourceType === undefined ? any : resourceTypeNumbers[resourceType],
    resourceNameFilter: resourceName ?? null,
    patternTypeFilter: patternType === undefined ? any : patternTypeNumbers[patternType],
    principalFilter: principal ?? null,
    hostFilter: host ?? null,
    operation: operation === undefined ? any : operationNumbers[operation],
    permissionType: permission === undefined ? any : permissionNumbers[permission],
  }
}

function ruleOf(pattern: NumberedPattern, entry: NumberedEntry): AclRule {
  return {
    resourceType: nameOf(resourceTypeNumbers, pattern.resourceType),
    resourceName: pattern.resourceName,
    patternType: pattern.patternType === patternTypeNumbers.prefixed ? 'prefixed' : 'literal',
    principal: entry.principal,
    host: entry.host,
    operation: nameOf(operationNumbers, entry.operation),
    permission: nameOf(permissionNumbers, entry.permissionType),
  }
}

/** The word for a number; another broker may know more of them than this client. */
function nameOf<Name extends string>(numbers: Readonly<Record<Name, number>>, number: number): Name {
  for (const name in numbers) if (numbers[name] === number) return name
  return `unknown (${number})` as Name
}
