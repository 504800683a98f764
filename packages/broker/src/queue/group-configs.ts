import { groupSettings } from '../config/group-settings.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { GroupConfigs } from '../image/group-configs.ts'
import type { GroupQueueConfig, GroupQueueConfigs } from './group-queue-config.ts'

const none: ReadonlyMap<string, string> = new Map()

/** @param configs each must have passed `findGroupConfigFault` */
function queueConfigOf(configs: ReadonlyMap<string, string>): GroupQueueConfig {
  const { isolation, deadLetterTopic, messageTtlMs, ...same } = groupSettings(configs)
  return {
    ...same,
    isolation: isolation === 'read_committed' ? 'read-committed' : 'read-uncommitted',
    deadLetterTopic: deadLetterTopic === '' ? undefined : deadLetterTopic,
    messageTtlMs: messageTtlMs < 0 ? undefined : messageTtlMs,
  }
}

/** The settings of groups, as the image has them. */
export class ImageGroupConfigs implements GroupQueueConfigs {
  readonly #image: Pick<ClusterImage, 'groups'>
  readonly #default = queueConfigOf(none)
  readonly #known = new WeakMap<GroupConfigs, GroupQueueConfig>()

  constructor(image: Pick<ClusterImage, 'groups'>) {
    this.#image = image
  }

  of(groupId: string): GroupQueueConfig {
    const set = this.#image.groups.get(groupId)
    if (set === undefined) return this.#default
    const known = this.#known.get(set)
    if (known !== undefined) return known
    const config = queueConfigOf(set.configs)
    this.#known.set(set, config)
    return config
  }
}
