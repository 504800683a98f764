import { theCluster } from '../auth/authorizer.ts'
import type { Resource } from '../auth/authorizer.ts'
import { formatPrincipal } from '../auth/principal.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Operation } from '../image/acl.ts'
import type { RequestContext } from './request-context.ts'

/**
 * What the client of a request may do. Every handler asks here, once for each topic, group and so on that the request
 * names; an API that need not ask says so in the table of permission.test.ts.
 *
 * The rules may change while a request waits, so that one which tells something after a wait asks again.
 */

type TopicOperation = Extract<
  Operation,
  'read' | 'write' | 'create' | 'delete' | 'alter' | 'describe' | 'describe-configs' | 'alter-configs'
>
type GroupOperation = Extract<Operation, 'read' | 'delete' | 'describe' | 'describe-configs' | 'alter-configs'>
type ClusterOperation = Extract<
  Operation,
  'create' | 'cluster-action' | 'describe-configs' | 'alter-configs' | 'idempotent-write' | 'alter' | 'describe'
>

export function mayTopic(context: RequestContext, operation: TopicOperation, name: string): boolean {
  return context.services.authorizer === undefined || may(context, operation, { type: 'topic', name })
}

/** @throws BrokerError 'topic-not-authorized' */
export function checkTopic(context: RequestContext, operation: TopicOperation, name: string): void {
  if (!mayTopic(context, operation, name)) throw new BrokerError('topic-not-authorized')
}

export function mayGroup(context: RequestContext, operation: GroupOperation, groupId: string): boolean {
  return context.services.authorizer === undefined || may(context, operation, { type: 'group', name: groupId })
}

/** @throws BrokerError 'group-not-authorized' */
export function checkGroup(context: RequestContext, operation: GroupOperation, groupId: string): void {
  if (!mayGroup(context, operation, groupId)) throw new BrokerError('group-not-authorized')
}

/** A broker of the cluster may do what brokers do (`cluster-action`, dead letters), and is asked for all else like everybody. */
export function mayCluster(context: RequestContext, operation: ClusterOperation): boolean {
  return context.services.authorizer === undefined || may(context, operation, theCluster)
}

/** @throws BrokerError 'cluster-not-authorized' */
export function checkCluster(context: RequestContext, operation: ClusterOperation): void {
  if (!mayCluster(context, operation)) throw new BrokerError('cluster-not-authorized')
}

export function mayTransaction(context: RequestContext, operation: 'describe' | 'write', id: string): boolean {
  return context.services.authorizer === undefined || may(context, operation, { type: 'transactional-id', name: id })
}

/** @throws BrokerError 'transactional-id-not-authorized' */
export function checkTransaction(context: RequestContext, operation: 'describe' | 'write', id: string): void {
  if (!mayTransaction(context, operation, id)) throw new BrokerError('transactional-id-not-authorized')
}

/** Whether the client may be an idempotent producer: who may write anywhere may (KIP-679). @throws BrokerError */
export function checkIdempotentProducer(context: RequestContext): void {
  const { authorizer } = context.services
  if (authorizer === undefined || may(context, 'idempotent-write', theCluster)) return
  const { principal } = context.client.authentication
  if (authorizer.isAllowedSomewhere(principal, hostOf(context), 'write', 'topic')) return
  throw new BrokerError('cluster-not-authorized')
}

/** Of the operations, those that are allowed. Nobody is told of denials: this is no attempt to do something. */
export function allowedOf(
  context: RequestContext,
  operations: readonly Operation[],
  resource: Resource,
): readonly Operation[] {
  return operations.filter((operation) => isAllowed(context, operation, resource))
}

function may(context: RequestContext, operation: Operation, resource: Resource): boolean {
  if (isAllowed(context, operation, resource)) return true
  context.services.logger.debug('access denied', {
    principal: formatPrincipal(context.client.authentication.principal),
    peer: hostOf(context),
    operation,
    [resource.type]: resource.name,
    api: context.api.name,
  })
  return false
}

function isAllowed(context: RequestContext, operation: Operation, resource: Resource): boolean {
  const { authorizer } = context.services
  const { authentication } = context.client
  if (authorizer === undefined) return true
  const isOfBrokers = operation === 'cluster-action' || operation === 'write'
  if (isOfBrokers && authentication.broker !== undefined) return true
  return authorizer.isAllowed(authentication.principal, hostOf(context), operation, resource)
}

const mappedPrefix = '::ffff:'

/** The client's address; one of IPv4 as such, also where the socket takes both kinds. */
function hostOf({ client }: RequestContext): string {
  const { host } = client.remote
  return host.startsWith(mappedPrefix) && host.includes('.') ? host.slice(mappedPrefix.length) : host
}
