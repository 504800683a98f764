import { BrokerError } from '../errors/errors.ts'
import { checkCluster, checkGroup, checkTopic } from './permission.ts'
import type { RequestContext } from './request-context.ts'
import { resourceTypes } from './config-numbers.ts'

/** Something that has settings, as the config requests name it. */
export interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

/** Tells two resources apart. */
export function resourceKey({ resourceType, resourceName }: ConfigResource): string {
  return `${resourceType}:${resourceName}`
}

/**
 * Checks that the resource is one that this broker has settings for.
 * @throws BrokerError 'invalid-request'
 */
export function checkResource(resource: ConfigResource, context: RequestContext): 'topic' | 'group' | 'broker' {
  const { resourceType, resourceName } = resource
  if (resourceType === resourceTypes.topic) return 'topic'
  if (resourceType === resourceTypes.group) return 'group'
  if (resourceType !== resourceTypes.broker) {
    throw new BrokerError('invalid-request', `There are no settings of resource type ${resourceType} here.`)
  }
  const { brokerId } = context.services.config
  if (resourceName === '' || resourceName === String(brokerId)) return 'broker'
  throw new BrokerError('invalid-request', `This is broker ${brokerId}, not "${resourceName}".`)
}

/**
 * Checks that the client may see or change the settings.
 * @throws BrokerError 'topic-not-authorized', 'group-not-authorized', 'cluster-not-authorized'
 */
export function checkAccess(
  { resourceType, resourceName }: ConfigResource,
  operation: 'describe-configs' | 'alter-configs',
  context: RequestContext,
): void {
  if (resourceType === resourceTypes.topic) checkTopic(context, operation, resourceName)
  else if (resourceType === resourceTypes.group) checkGroup(context, operation, resourceName)
  else checkCluster(context, operation)
}

/** @throws BrokerError 'invalid-request' for a resource that can be looked at but not changed, and as `checkAccess` */
export function checkChangeable(
  resource: ConfigResource,
  duplicates: ReadonlySet<string>,
  context: RequestContext,
): 'topic' | 'group' {
  if (duplicates.has(resourceKey(resource))) {
    throw new BrokerError('invalid-request', 'The request names the resource twice.')
  }
  checkAccess(resource, 'alter-configs', context)
  const kind = checkResource(resource, context)
  if (kind !== 'broker') return kind
  const detail = 'The settings of the broker are changed in its configuration file, and take effect when it is started.'
  throw new BrokerError('invalid-config', detail)
}
