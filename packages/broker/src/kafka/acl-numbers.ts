import {
  aclAny as any,
  aclOperationNumbers as operationNumbers,
  aclPatternTypeNumbers as patternTypeNumbers,
  aclPermissionNumbers as permissionNumbers,
  aclResourceTypeNumbers as resourceTypeNumbers,
} from '@polylog/wire'
import { BrokerError } from '../errors/errors.ts'
import type { AclFilter } from '../auth/acl-filter.ts'
import type { AclRule, Operation } from '../image/acl.ts'

/** 6 is a delegation token in org.apache.kafka.common.resource.ResourceType; of these there are none here. */
const delegationToken = 6

export function aclOperationNumber(operation: Operation): number {
  return operationNumbers[operation]
}

/** What rules are about, as answers have it. */
export function describePattern({ resourceType, resourceName, patternType }: AclRule) {
  return {
    resourceType: resourceTypeNumbers[resourceType],
    resourceName,
    patternType: patternTypeNumbers[patternType],
  }
}

/** Who may do what, as answers have it. */
export function describeEntry({ principal, host, operation, permission }: AclRule) {
  return {
    principal,
    host,
    operation: operationNumbers[operation],
    permissionType: permissionNumbers[permission],
  }
}

/** One rule of CreateAcls. */
export interface NumberedRule {
  readonly resourceType: number
  readonly resourceName: string
  readonly resourcePatternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

/** @throws BrokerError 'invalid-request' for a number that stands for nothing that a rule can have */
export function ruleOf(asked: NumberedRule): AclRule {
  if (asked.resourceType === delegationToken) {
    throw new BrokerError('invalid-request', 'There are no delegation tokens here, and no rules about them.')
  }
  const patternType = nameOf(patternTypeNumbers, asked.resourcePatternType, 'pattern type')
  if (patternType === 'match') throw new BrokerError('invalid-request', 'A rule is literal or prefixed.')
  return {
    resourceType: nameOf(resourceTypeNumbers, asked.resourceType, 'resource type'),
    resourceName: asked.resourceName,
    patternType,
    principal: asked.principal,
    host: asked.host,
    operation: nameOf(operationNumbers, asked.operation, 'operation'),
    permission: nameOf(permissionNumbers, asked.permissionType, 'permission type'),
  }
}

/** The filter of DescribeAcls, or one of DeleteAcls. */
export interface NumberedFilter {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

/**
 * The filter in the words of auth/; undefined if it asks for delegation tokens, about which there is never a rule.
 * @throws BrokerError 'invalid-request'
 */
export function filterOf(asked: NumberedFilter): AclFilter | undefined {
  const wanted = {
    patternType: unlessAny(patternTypeNumbers, asked.patternTypeFilter, 'pattern type'),
    operation: unlessAny(operationNumbers, asked.operation, 'operation'),
    permission: unlessAny(permissionNumbers, asked.permissionType, 'permission type'),
    resourceName: asked.resourceNameFilter ?? undefined,
    principal: asked.principalFilter ?? undefined,
    host: asked.hostFilter ?? undefined,
  }
  if (asked.resourceTypeFilter === delegationToken) return undefined
  const resourceType = unlessAny(resourceTypeNumbers, asked.resourceTypeFilter, 'resource type')
  const given = Object.entries({ ...wanted, resourceType }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as AclFilter
}

function unlessAny<Name extends string>(
  numbers: Readonly<Record<Name, number>>,
  number: number,
  what: string,
): Name | undefined {
  return number === any ? undefined : nameOf(numbers, number, what)
}

function nameOf<Name extends string>(numbers: Readonly<Record<Name, number>>, number: number, what: string): Name {
  for (const name in numbers) if (numbers[name] === number) return name
  throw new BrokerError('invalid-request', `There is no ${what} ${number} in a rule or filter.`)
}
