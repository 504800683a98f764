import type { Comparison, Transaction } from '../cluster/metadata-store.ts'
import {
  describeGroupConfigs,
  findGroupConfigFault,
  findGroupRelationFault,
  groupSettings,
} from '../config/group-settings.ts'
import { BrokerError } from '../errors/errors.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import { encodeGroup } from '../image/group-configs.ts'
import { groupKey } from '../image/keys.ts'
import { findTopicNameFault } from '../topic/topic-name.ts'
import type { ConfigChange, ConfigEntry } from '../topic/topics.ts'
import { RecordFilter } from './record-filter.ts'

/** The way to change the metadata store: `ClusterAdmin` of controller/. */
interface Commits {
  /** Makes the transaction and waits until the image shows it; asks for it again while others are in the way. */
  commit(make: () => Transaction | undefined): Promise<void>
  /** That this broker still belongs to the cluster. */
  fence(): Comparison
}

/** Groups that may have settings of their own: the image holds them all. */
const groupCountMax = 100_000
const groupIdCharactersMax = 1000

/** Shows and changes the settings of groups, which need not exist yet. */
export class GroupConfigAdmin {
  readonly #image: Pick<ClusterImage, 'groups'>
  readonly #commits: Commits

  constructor(image: Pick<ClusterImage, 'groups'>, commits: Commits) {
    this.#image = image
    this.#commits = commits
  }

  /** Every setting of a group, with the value in force. */
  describe(groupId: string): readonly ConfigEntry[] {
    return describeGroupConfigs(this.#presentOf(groupId))
  }

  /** @throws BrokerError 'invalid-config' (unknown name, bad value), 'invalid-group-id', 'limit-exceeded' */
  async change(groupId: string, changes: readonly ConfigChange[], validateOnly = false): Promise<void> {
    for (const { name, operation } of changes) {
      // None of a group's settings is a list to Kafka.
      if (operation === 'append' || operation === 'subtract') {
        throw new BrokerError('invalid-config', `${name} is not a list`)
      }
    }
    await this.#apply(groupId, validateOnly, (present) => {
      const next = new Map(present)
      for (const { name, operation, value } of changes) {
        if (operation === 'delete') next.delete(name)
        else next.set(name, value ?? '')
      }
      return next
    })
  }

  /** Replaces all settings of the group (AlterConfigs). @throws as `change` */
  async replace(groupId: string, configs: ReadonlyMap<string, string | null>, validateOnly = false): Promise<void> {
    const missing = [...configs].find(([, value]) => value === null)
    if (missing !== undefined) throw new BrokerError('invalid-config', `${missing[0]} needs a value`)
    await this.#apply(groupId, validateOnly, () => new Map(configs as ReadonlyMap<string, string>))
  }

  async #apply(
    groupId: string,
    validateOnly: boolean,
    next: (present: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
  ): Promise<void> {
    if (groupId === '' || groupId.length > groupIdCharactersMax) throw new BrokerError('invalid-group-id')
    await check(next(this.#presentOf(groupId)))
    if (validateOnly) return
    const key = groupKey(groupId)
    await this.#commits.commit(() => {
      const known = this.#image.groups.get(groupId)
      if (known === undefined && this.#image.groups.size >= groupCountMax) {
        throw new BrokerError('limit-exceeded', `${groupCountMax} groups have settings of their own already.`)
      }
      const configs = next(known?.configs ?? new Map<string, string>())
      // Many consumers of one group say the same when they start together: none of them shall be in the way of the others.
      if (known !== undefined && areEqual(known.configs, configs)) return undefined
      const isAsKnown = { key, target: 'modRevision', operator: '=', value: known?.modRevision ?? 0 } as const
      const compare = [this.#commits.fence(), isAsKnown]
      if (configs.size > 0) return { compare, then: [{ kind: 'put', key, value: encodeGroup(configs) }] }
      return known === undefined ? undefined : { compare, then: [{ kind: 'delete', key }] }
    })
  }

  #presentOf(groupId: string): ReadonlyMap<string, string> {
    return this.#image.groups.get(groupId)?.configs ?? new Map<string, string>()
  }
}

function areEqual(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, value]) => other.get(name) === value)
}

async function check(configs: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, value] of configs) {
    const fault = findGroupConfigFault(name, value)
    if (fault !== undefined) throw new BrokerError('invalid-config', fault)
  }
  const settings = groupSettings(configs)
  const { deadLetterTopic, tagFilter, headerFilter } = settings
  const fault =
    findGroupRelationFault(settings) ?? (deadLetterTopic === '' ? undefined : findTopicNameFault(deadLetterTopic))
  if (fault !== undefined) throw new BrokerError('invalid-config', fault)
  await RecordFilter.make(tagFilter, headerFilter)
}
