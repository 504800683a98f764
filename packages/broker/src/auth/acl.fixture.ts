import { EmbeddedMetadataStore } from '../cluster/embedded/embedded-store.ts'
import { ManualClock } from '../cluster/embedded/manual-clock.fixture.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import type { AclRule } from '../image/acl.ts'
import { ImageFeed } from '../image/image-feed.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { AclAdmin } from './acl-admin.ts'
import { AclAuthorizer, followAcls } from './acl-authorizer.ts'
import type { AclAuthorizerOptions } from './acl-authorizer.ts'

/** A rule that allows alice to read the topic `orders` from anywhere, or what `other` says. */
export function ruleOf(other: Partial<AclRule> = {}): AclRule {
  return {
    resourceType: 'topic',
    resourceName: 'orders',
    patternType: 'literal',
    principal: 'User:alice',
    host: '*',
    operation: 'read',
    permission: 'allow',
    ...other,
  }
}

/** Access rules in a metadata store, as a broker has them. */
export async function openAcls(options: AclAuthorizerOptions = {}) {
  const clock = new ManualClock()
  const store = await EmbeddedMetadataStore.open({ disk: new MemoryDisk(), clock, directory: 'metadata' })
  const feed = new ImageFeed({ store, clock, logger: silentLogger })
  await feed.start()
  const authorizer = new AclAuthorizer(options)
  const end = followAcls(feed, authorizer)
  const close = async (): Promise<void> => {
    end()
    feed.close()
    await store.close()
  }
  return { store, feed, authorizer, admin: new AclAdmin({ store, feed }), close }
}
