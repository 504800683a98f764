import { WireError } from '@polylog/wire'
import type { ShareContext } from './context.ts'
import type { GroupTopic } from './messages.ts'
import type { ShareShard } from './shard.ts'
import { ShareMember } from './share-group.ts'
import { readShareRecord } from './stored-records.ts'
import type { StoredShareMember } from './stored-records.ts'

interface StoredGroup {
  /** -1: only members are known of it yet. */
  epoch: number
  topics: readonly GroupTopic[]
  readonly members: Map<string, StoredShareMember>
}

/** What one partition of the log says of share groups in the end. Later records of a key replace earlier ones. */
export class StoredShareGroups {
  readonly #groups = new Map<string, StoredGroup>()
  malformedCount = 0

  /** Takes in a record; one that cannot be read is left out and counted. */
  visit(key: Uint8Array, value: Uint8Array | null): void {
    try {
      this.#apply(key, value)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.malformedCount++
    }
  }

  /** Brings the groups to life. Members have a whole session to be heard of. */
  revive(context: ShareContext, shard: ShareShard): void {
    for (const [groupId, { epoch, topics, members }] of this.#groups) {
      // The group's own tombstone comes last: what is left of others without it is of a deletion that got no further.
      if (epoch < 0) continue
      const group = shard.make(groupId)
      group.epoch = epoch
      for (const topic of topics) group.noteTopic(topic)
      for (const [memberId, stored] of members) {
        const member = Object.assign(new ShareMember(memberId), stored)
        member.epoch = epoch
        member.isLoaded = true
        group.members.set(memberId, member)
        shard.touch(group, member)
      }
      group.assign(context.lookup)
    }
  }

  #apply(key: Uint8Array, value: Uint8Array | null): void {
    const record = readShareRecord(key, value)
    if (record === undefined) return
    const { groupId } = record
    const group = this.#groups.get(groupId) ?? { epoch: -1, topics: [], members: new Map() }
    if (record.kind === 'group') group.epoch = record.value?.epoch ?? -1
    else if (record.kind === 'topics') group.topics = record.value ?? []
    else if (record.value === null) group.members.delete(record.memberId)
    else group.members.set(record.memberId, record.value)
    const isEmpty = group.epoch < 0 && group.topics.length === 0 && group.members.size === 0
    if (isEmpty) this.#groups.delete(groupId)
    else this.#groups.set(groupId, group)
  }
}
