import { AclAdmin } from './auth/acl-admin.ts'
import { AclAuthorizer, followAcls } from './auth/acl-authorizer.ts'
import type { Authorizer } from './auth/authorizer.ts'
import { formatPrincipal, userType } from './auth/principal.ts'
import type { MetadataStore } from './cluster/metadata-store.ts'
import { splitPrincipals } from './config/authorizer-table.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import type { ImageFeed } from './image/image-feed.ts'
import type { Logger } from './telemetry/logger.ts'

export interface AuthorizationParts {
  readonly settings: BrokerSettings
  readonly store: MetadataStore
  readonly feed: ImageFeed
  readonly logger: Logger
  /** What an embedder brings in the place of access rules. */
  readonly given?: Authorizer | undefined
}

/** Who says what clients may do on a broker. */
export interface Authorization {
  /** Undefined: everybody may do everything. */
  readonly authorizer: Authorizer | undefined
  /** Where access rules are made; undefined if none are in force. */
  readonly acls: AclAdmin | undefined
  /** Ends following the rules. */
  readonly end: () => void
}

export function openAuthorization({ settings, store, feed, logger, given }: AuthorizationParts): Authorization {
  if (given !== undefined) return { authorizer: given, acls: undefined, end: () => {} }
  if (settings.authorizerKind === 'none') return { authorizer: undefined, acls: undefined, end: () => {} }
  const superUsers = [...splitPrincipals(settings.superUsers)]
  if (settings.bootstrapUser !== '') superUsers.push(formatPrincipal({ type: userType, name: settings.bootstrapUser }))
  const authorizer = new AclAuthorizer({ superUsers, allowsIfNoRule: settings.allowsIfNoAcl })
  const end = followAcls(feed, authorizer)
  if (superUsers.length === 0 && feed.image.acls.size === 0 && !settings.allowsIfNoAcl) {
    const hint = 'set super.users=User:name to somebody who makes the first rule'
    logger.warn('nobody may do anything: there are no access rules and no super users', { hint })
  }
  return { authorizer, acls: new AclAdmin({ store, feed }), end }
}
