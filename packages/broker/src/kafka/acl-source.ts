import type { AclAdmin } from '../auth/acl-admin.ts'
import { BrokerError } from '../errors/errors.ts'
import type { RequestContext } from './request-context.ts'

/**
 * Where access rules are made and read.
 * @throws BrokerError 'security-disabled' if none are in force on this broker
 */
export function aclsOf({ services }: RequestContext): Pick<AclAdmin, 'create' | 'delete' | 'list'> {
  if (services.acls === undefined) throw new BrokerError('security-disabled')
  return services.acls
}
