import { WireError } from '@polylog/wire'
import type { GroupContext } from './context.ts'
import { GroupAlarm } from './group-alarm.ts'
import { Group } from './group.ts'
import { Member } from './member.ts'
import type { CommittedOffset } from './offset-table.ts'
import { expire, touch } from './rebalance.ts'
import type { Shard } from './shard.ts'
import { readStoredRecord } from './stored-records.ts'
import type { StoredGroup, StoredRecord } from './stored-records.ts'

/** Of the malformed records of one partition, this many are logged one by one. */
const malformedLoggedMax = 10

/** What one partition of the log says in the end. Later records of a key replace earlier ones. */
export class StoredState {
  readonly groups = new Map<string, StoredGroup>()
  /** By group, then topic, then partition. */
  readonly offsets = new Map<string, Map<string, Map<number, CommittedOffset>>>()
  malformedCount = 0
  otherCount = 0

  /** Takes in a record; one that cannot be read is left out, for the others are still worth having. */
  visit(context: GroupContext, partition: number, key: Uint8Array, value: Uint8Array | null): void {
    try {
      this.#apply(readStoredRecord(key, value))
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.malformedCount++
      if (this.malformedCount > malformedLoggedMax) return
      const fields = { partition, keyBytes: key.length, valueBytes: value?.length, reason: error.message }
      context.logger.warn('malformed group record skipped', fields)
    }
  }

  #apply(record: StoredRecord): void {
    if (record.kind === 'other') this.otherCount++
    else if (record.kind === 'group') {
      if (record.value === null) this.groups.delete(record.groupId)
      else this.groups.set(record.groupId, record.value)
    } else this.#applyOffset(record.groupId, record.topic, record.partition, record.value)
  }

  #applyOffset(groupId: string, topic: string, partition: number, value: CommittedOffset | null): void {
    const topics = this.offsets.get(groupId) ?? new Map<string, Map<number, CommittedOffset>>()
    const partitions = topics.get(topic) ?? new Map<number, CommittedOffset>()
    if (value === null) partitions.delete(partition)
    else partitions.set(partition, value)
    if (partitions.size > 0) topics.set(topic, partitions)
    else topics.delete(topic)
    if (topics.size > 0) this.offsets.set(groupId, topics)
    else this.offsets.delete(groupId)
  }
}

/** A group with an alarm that rings for it, in its shard. */
export function makeGroup(context: GroupContext, shard: Shard, groupId: string): Group {
  const group: Group = new Group(groupId, new GroupAlarm(context.clock, () => expire(context, shard, group)))
  shard.groups.set(groupId, group)
  return group
}

/** Brings the groups of a partition to life. Members have a whole session to be heard of. */
export function revive(context: GroupContext, shard: Shard, stored: StoredState): void {
  for (const [groupId, value] of stored.groups) {
    const group = makeGroup(context, shard, groupId)
    group.protocolType = value.protocolType === '' ? null : value.protocolType
    group.generation = value.generation
    group.stateTimestampMs = value.stateTimestampMs
    if (value.members.length > 0) reviveMembers(context, group, value)
  }
  for (const [groupId, topics] of stored.offsets) {
    const group = shard.groups.get(groupId) ?? makeGroup(context, shard, groupId)
    for (const [topic, partitions] of topics) {
      for (const [partition, value] of partitions) group.offsets.load(topic, partition, value)
    }
  }
}

function reviveMembers(context: GroupContext, group: Group, value: StoredGroup): void {
  const protocolName = value.protocolName!
  group.protocolName = protocolName
  for (const stored of value.members) {
    const { clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, metadata } = stored
    const protocols = [{ name: protocolName, metadata }]
    const traits = { clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, protocols }
    const member = new Member(stored.memberId, stored.instanceId, traits)
    member.isNew = false
    member.assignment = stored.assignment
    group.add(member, value.protocolType)
  }
  if (value.leader !== null && group.member(value.leader) !== undefined) group.leader = value.leader
  group.enterLoaded()
  for (const member of group.members()) touch(context, group, member)
}
