import {
  decode,
  encode,
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
  Reader,
  WireError,
  Writer,
} from '@polylog/wire'
import type { Message } from '@polylog/wire'
import type { Group } from './group.ts'
import type { GroupRecord } from './group-log.ts'
import type { CommittedOffset, TopicPartition } from './offset-table.ts'

/** Record type in front of each key. 0 is an offset too, as Kafka wrote it before version 0.9. */
const legacyOffsetType = 0
const offsetType = 1
const groupType = 2

/** Version 4 is flexible: Kafka before 3.5 could not read it, and it would add nothing that is stored here. */
const valueVersion = 3

/** Longest string of the stored formats, in UTF-8 bytes. */
export const storedStringBytesMax = 32_767

/** State of a group as stored: of each member only the chosen protocol. */
export interface StoredGroup {
  protocolType: string
  generation: number
  protocolName: string | null
  leader: string | null
  /** -1 if unknown. */
  stateTimestampMs: number
  members: readonly StoredMember[]
}

export interface StoredMember {
  memberId: string
  instanceId: string | null
  clientId: string
  clientHost: string
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  metadata: Uint8Array
  assignment: Uint8Array
}

export type StoredRecord =
  | ({ kind: 'offset'; groupId: string; value: CommittedOffset | null } & TopicPartition)
  | { kind: 'group'; groupId: string; value: StoredGroup | null }
  /** Of the newer group protocols and of Kafka versions to come. */
  | { kind: 'other'; type: number }

/** Writes Kafka's `__consumer_offsets` records. */
export class StoredRecordWriter {
  readonly #writer = new Writer()

  /** A null value makes a tombstone. */
  offset(groupId: string, { topic, partition }: TopicPartition, value: CommittedOffset | null): GroupRecord {
    const key = this.#encode(offsetType, OffsetCommitKey, 0, { group: groupId, topic, partition })
    if (value === null) return { key, value: null }
    const { offset, leaderEpoch, metadata, commitTimestampMs: commitTimestamp } = value
    const fields = { offset, leaderEpoch, metadata, commitTimestamp }
    return { key, value: this.#encode(valueVersion, OffsetCommitValue, valueVersion, fields) }
  }

  /** @param assignments by member id, instead of those that the members have. */
  group(group: Group, assignments?: ReadonlyMap<string, Uint8Array>): GroupRecord {
    const value = this.#encode(valueVersion, GroupMetadataValue, valueVersion, {
      protocolType: group.protocolType ?? '',
      generation: group.generation,
      protocol: group.protocolName,
      leader: group.leader,
      currentStateTimestamp: group.stateTimestampMs,
      members: Array.from(group.members(), (member) => ({
        memberId: member.id,
        groupInstanceId: member.instanceId,
        clientId: member.traits.clientId,
        clientHost: member.traits.clientHost,
        rebalanceTimeout: member.traits.rebalanceTimeoutMs,
        sessionTimeout: member.traits.sessionTimeoutMs,
        subscription: member.metadataFor(group.protocolName),
        assignment: assignments?.get(member.id) ?? member.assignment,
      })),
    })
    return { key: this.#groupKey(group.id), value }
  }

  groupTombstone(groupId: string): GroupRecord {
    return { key: this.#groupKey(groupId), value: null }
  }

  #groupKey(groupId: string): Uint8Array {
    return this.#encode(groupType, GroupMetadataKey, 0, { group: groupId })
  }

  #encode<Output, Input>(prefix: number, message: Message<Output, Input>, version: number, value: Input): Uint8Array {
    this.#writer.discard()
    this.#writer.int16(prefix)
    encode(message, version, value, this.#writer)
    return this.#writer.concat()
  }
}

/** Reads a record; keeps no reference to its bytes. Throws WireError on one that is malformed. */
export function readStoredRecord(key: Uint8Array, value: Uint8Array | null): StoredRecord {
  const reader = new Reader(key)
  const type = reader.int16()
  if (type === offsetType || type === legacyOffsetType) {
    const { group: groupId, topic, partition } = decode(OffsetCommitKey, 0, reader)
    return { kind: 'offset', groupId, topic, partition, value: value === null ? null : readOffset(value) }
  }
  if (type !== groupType) return { kind: 'other', type }
  const { group: groupId } = decode(GroupMetadataKey, 0, reader)
  return { kind: 'group', groupId, value: value === null ? null : readGroup(value) }
}

function readOffset(bytes: Uint8Array): CommittedOffset {
  const reader = new Reader(bytes)
  const stored = decode(OffsetCommitValue, reader.int16(), reader)
  return {
    offset: stored.offset,
    leaderEpoch: stored.leaderEpoch,
    metadata: stored.metadata,
    commitTimestampMs: stored.commitTimestamp,
    expireTimestampMs: stored.expireTimestamp,
  }
}

function readGroup(bytes: Uint8Array): StoredGroup {
  const reader = new Reader(bytes)
  const stored = decode(GroupMetadataValue, reader.int16(), reader)
  const members = stored.members.map((member) => ({
    memberId: member.memberId,
    instanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeout < 0 ? member.sessionTimeout : member.rebalanceTimeout,
    sessionTimeoutMs: member.sessionTimeout,
    metadata: new Uint8Array(member.subscription),
    assignment: new Uint8Array(member.assignment),
  }))
  checkMembers(members, stored.protocol)
  return {
    protocolType: stored.protocolType,
    generation: stored.generation,
    protocolName: stored.protocol,
    leader: stored.leader,
    stateTimestampMs: stored.currentStateTimestamp,
    members,
  }
}

/** What a group in memory takes for granted. */
function checkMembers(members: readonly StoredMember[], protocolName: string | null): void {
  if (members.length > 0 && protocolName === null) throw new WireError('stored group has members but no protocol')
  const ids = new Set(members.map(({ memberId }) => memberId))
  if (ids.size !== members.length || ids.has('')) throw new WireError('stored group has a member id twice or empty')
  const instances = members.map(({ instanceId }) => instanceId).filter((id) => id !== null)
  if (new Set(instances).size !== instances.length) throw new WireError('stored group has an instance id twice')
  if (members.some(({ sessionTimeoutMs }) => sessionTimeoutMs < 0)) {
    throw new WireError('stored group has a negative session time-out')
  }
}
