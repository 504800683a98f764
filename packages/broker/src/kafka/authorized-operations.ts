import { theCluster } from '../auth/authorizer.ts'
import type { Operation } from '../image/acl.ts'
import { aclOperationNumber } from './acl-numbers.ts'
import { allowedOf, mayCluster } from './permission.ts'
import type { RequestContext } from './request-context.ts'

/**
 * What the client may do with a resource, as a set of bits by the numbers of AclOperation: for Metadata, DescribeCluster
 * and the descriptions of groups (KIP-430). Of the operations that a resource knows, those that are allowed.
 */

/** The answer to a client that did not ask. */
export const operationsNotAsked = -2147483648

const ofTopics = [
  'read',
  'write',
  'create',
  'delete',
  'alter',
  'describe',
  'describe-configs',
  'alter-configs',
] as const satisfies readonly Operation[]

const ofGroups = ['read', 'delete', 'describe', 'describe-configs', 'alter-configs'] as const satisfies Operation[]

const ofCluster = [
  'create',
  'alter',
  'describe',
  'cluster-action',
  'describe-configs',
  'alter-configs',
  'idempotent-write',
] as const satisfies Operation[]

export function topicOperations(context: RequestContext, name: string): number {
  return bits(allowedOf(context, ofTopics, { type: 'topic', name }))
}

export function groupOperations(context: RequestContext, groupId: string): number {
  return bits(allowedOf(context, ofGroups, { type: 'group', name: groupId }))
}

/** None for a client that may not describe the cluster. */
export function clusterOperations(context: RequestContext): number {
  return mayCluster(context, 'describe') ? bits(allowedOf(context, ofCluster, theCluster)) : 0
}

function bits(operations: readonly Operation[]): number {
  return operations.reduce((set, operation) => set | (1 << aclOperationNumber(operation)), 0)
}
